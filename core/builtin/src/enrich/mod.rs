//! Built-in enrichers.

pub(crate) mod context;
pub(crate) mod correlation;
mod facts;
mod files;
pub(crate) mod hostname;
pub(crate) mod kubernetes;
pub(crate) mod performance;
pub(crate) mod runtime_info;
pub(crate) mod timestamp;
pub(crate) mod user_context;
mod variables;

pub use context::Context;
pub use correlation::{Correlation, WhenMissing};
pub use hostname::Hostname;
pub use kubernetes::Kubernetes;
pub use performance::{Performance, PerformanceMetric};
pub use runtime_info::RuntimeInfo;
pub use timestamp::Time;
pub use user_context::UserContext;
