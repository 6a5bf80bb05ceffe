//! Enrichers: plugins that add fields to events.

pub use fapilog_builtin::enrich::{
    ContextEnricher, CorrelationEnricher, HostnameEnricher, KubernetesEnricher, RuntimeInfoEnricher, TimestampEnricher,
    WhenMissing,
};
pub use fapilog_plugin::{
    common_fields::{CommonFields, FieldList},
    enricher::Enricher,
};
