//! Processors: plugins that choose among events, or change them.

pub use fapilog_builtin::process::{
    AuditField, AuditSchema, Comparison, Condition, Danger, DangerAction, DangerousContent, Dedupe, FieldPath, Filter,
    Format, Operand, Projection, Rule, Sampling, SamplingError, SizeGuard, TemplateError, TemplateErrorKind, Throttle,
};
pub use fapilog_plugin::processor::Processor;
