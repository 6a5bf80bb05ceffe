//! A container's main figures as JSON.

use fapilog::metrics::{Losses, Metrics, Percentiles, SinkAccounts};
use serde_json::{Map, Value, json};

/// The health alone, for probes.
pub(super) fn health(metrics: &Metrics) -> Value {
    json!({
        "health": metrics.health.name(),
        "plugins": metrics
            .plugins
            .iter()
            .map(|plugin| (plugin.name.clone(), Value::from(plugin.state.to_string())))
            .collect::<Map<_, _>>(),
    })
}

/// The main figures: accounts, sinks, rings, latencies in seconds.
pub(super) fn metrics(metrics: &Metrics) -> Value {
    let accounts = &metrics.accounts;
    json!({
        "health": metrics.health.name(),
        "shards": metrics.shards,
        "events": {
            "submitted": accounts.submitted,
            "filtered": accounts.filtered_total(),
            "lost": accounts.lost_total(),
            "pending": accounts.pending_total(),
            "delivered": accounts.delivered_total(),
            "cut": accounts.cut,
        },
        "lost": losses(&accounts.lost),
        "sinks": accounts.sinks.iter().map(sink).collect::<Vec<_>>(),
        "rings": {
            "count": metrics.rings.count,
            "total_bytes": metrics.rings.total_bytes,
            "fill": metrics.rings.fill,
            "fill_max": metrics.rings.fill_max,
        },
        "drain_lag_seconds": percentiles(&metrics.drain_lag),
        "end_to_end_seconds": percentiles(&metrics.end_to_end),
    })
}

fn sink(sink: &SinkAccounts) -> Value {
    json!({
        "name": sink.name,
        "delivered": sink.delivered,
        "filtered": sink.filtered,
        "lost": losses(&sink.lost),
        "pending": sink.pending,
        "bytes": sink.bytes,
        "errors": sink.errors,
        "retries": sink.retries,
    })
}

/// The counts by reason, without those that are zero.
fn losses(losses: &Losses) -> Value {
    losses
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| (reason.to_string(), Value::from(count)))
        .collect()
}

fn percentiles(of: &Percentiles) -> Value {
    json!({
        "samples": of.samples,
        "p50": of.p50.as_secs_f64(),
        "p90": of.p90.as_secs_f64(),
        "p99": of.p99.as_secs_f64(),
        "p99_9": of.p99_9.as_secs_f64(),
        "max": of.max.as_secs_f64(),
    })
}
