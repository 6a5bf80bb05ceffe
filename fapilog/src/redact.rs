//! Redaction: sensitive data are removed from events before they reach a sink.

pub use fapilog_builtin::redact::{
    Action, ContentPattern, ContentRule, FieldPattern, FieldPatternError, HashKeyError, KeyedHash, PatternError,
    Redact, RedactBuilder,
};
pub use fapilog_plugin::{
    data_class::DataClass,
    substitute::{SensitiveValue, Substitute},
    text_redactor::TextRedactor,
};
