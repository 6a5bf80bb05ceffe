//! Built-in enrichers.

pub(crate) mod context;
pub(crate) mod correlation;
mod facts;
mod files;
pub(crate) mod hostname;
pub(crate) mod kubernetes;
pub(crate) mod runtime_info;
pub(crate) mod timestamp;
mod variables;

pub use context::ContextEnricher;
pub use correlation::{CorrelationEnricher, WhenMissing};
pub use hostname::HostnameEnricher;
pub use kubernetes::KubernetesEnricher;
pub use runtime_info::RuntimeInfoEnricher;
pub use timestamp::TimestampEnricher;
