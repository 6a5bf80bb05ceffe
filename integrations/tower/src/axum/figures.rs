//! A container's figures as JSON.

use fapilog::metrics::Metrics;
use serde_json::{Map, Value, json};

/// The health alone, for probes.
pub(super) fn health(metrics: &Metrics) -> Value {
    let plugins = metrics.plugins.iter().map(|plugin| (plugin.name.clone(), Value::from(plugin.state.to_string())));
    json!({ "health": metrics.health.name(), "plugins": plugins.collect::<Map<_, _>>() })
}

/// All figures, as `Metrics` serializes itself.
pub(super) fn metrics(metrics: &Metrics) -> serde_json::Result<String> {
    serde_json::to_string(metrics)
}
