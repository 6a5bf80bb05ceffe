//! Processors: plugins that choose among events, or change them.

pub use fapilog_builtin::process::{
    AdaptiveSampling, AlertRule, AlertRuleError, Alerting, AuditField, AuditSchema, Comparison, Condition, Danger,
    DangerAction, DangerousContent, Dedupe, FieldPath, Filter, Format, Operand, Projection, Rule, Sampling,
    SamplingError, SamplingKey, SizeGuard, TemplateError, TemplateErrorKind, TextRegex, TextRegexError, Throttle,
    WithoutTrace,
};
pub use fapilog_plugin::processor::Processor;
