//! Processors: plugins that choose among events, or change them.

pub use fapilog_builtin::process::{
    Comparison, Condition, Dedupe, FieldPath, FilterProcessor, FormatProcessor, Operand, Projection, Rule, Sampling,
    SamplingError, SizeGuard, TemplateError, TemplateErrorKind, Throttle,
};
pub use fapilog_plugin::processor::Processor;
