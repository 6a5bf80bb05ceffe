//! Built-in enrichers.

mod context;
mod correlation;
mod facts;
mod files;
mod hostname;
mod kubernetes;
mod runtime_info;
mod timestamp;
mod variables;

pub use context::ContextEnricher;
pub use correlation::{CorrelationEnricher, WhenMissing};
pub use hostname::HostnameEnricher;
pub use kubernetes::KubernetesEnricher;
pub use runtime_info::RuntimeInfoEnricher;
pub use timestamp::TimestampEnricher;
