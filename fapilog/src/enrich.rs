//! Enrichers: plugins that add fields to events.

pub use fapilog_builtin::enrich::{
    Context, Correlation, Hostname, Kubernetes, Performance, PerformanceMetric, RuntimeInfo, Time, UserContext,
    WhenMissing,
};
pub use fapilog_plugin::{
    common_fields::{CommonFields, FieldList},
    enricher::Enricher,
};
