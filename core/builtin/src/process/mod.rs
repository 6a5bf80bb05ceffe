//! Built-in processors.

pub(crate) mod adaptive_sampling;
pub(crate) mod alerting;
pub(crate) mod audit_schema;
pub(crate) mod dangerous_content;
pub(crate) mod dedupe;
mod digest;
pub(crate) mod filter;
pub(crate) mod format;
pub(crate) mod projection;
pub(crate) mod sampling;
mod site_reports;
pub(crate) mod size_guard;
pub(crate) mod throttle;

/// The path of a field, as settings write it.
#[doc(inline)]
pub use fapilog_plugin::event::FieldPath;

pub use adaptive_sampling::{AdaptiveSampling, SamplingKey};
pub use alerting::{AlertRule, AlertRuleError, Alerting};
pub use audit_schema::{AuditField, AuditSchema};
pub use dangerous_content::{Danger, DangerAction, DangerousContent};
pub use dedupe::Dedupe;
pub use filter::{Comparison, Condition, Filter, Operand, Rule, TextRegex, TextRegexError};
pub use format::{Format, TemplateError, TemplateErrorKind};
pub use projection::Projection;
pub use sampling::{Sampling, SamplingError, WithoutTrace};
pub use size_guard::SizeGuard;
pub use throttle::Throttle;
