//! The figures of a program, as its control socket answers. A figure that a program of another version does not have is zero.

use std::{collections::BTreeMap, time::Instant};

use fapilog_control::protocol::{DiagnosticReport, LevelsInForce, ProcessInfo};
use serde::Deserialize;

/// All that one frame shows.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) at: Instant,
    pub(super) info: ProcessInfo,
    pub(super) levels: LevelsInForce,
    pub(super) metrics: TopMetrics,
    pub(super) diagnostics: Vec<DiagnosticReport>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct TopMetrics {
    pub(super) started_at_unix_ns: u64,
    pub(super) throughput: TopThroughput,
    pub(super) accounts: TopAccounts,
    pub(super) plugins: Vec<TopPlugin>,
    pub(super) deliveries: Vec<TopDelivery>,
    pub(super) drain_lag: TopLatency,
    pub(super) end_to_end: TopLatency,
    pub(super) health: String,
    pub(super) rings: TopRings,
    pub(super) shards: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct TopThroughput {
    pub(super) events_per_second_10s: f64,
    pub(super) events_per_second_60s: f64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct TopAccounts {
    pub(super) submitted: u64,
    pub(super) delivered_total: u64,
    pub(super) filtered_total: u64,
    pub(super) lost_total: u64,
    pub(super) pending_total: u64,
    pub(super) lost: BTreeMap<String, u64>,
    pub(super) sinks: Vec<TopSink>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct TopSink {
    pub(super) name: String,
    pub(super) delivered: u64,
    pub(super) lost: BTreeMap<String, u64>,
    pub(super) pending: u64,
    pub(super) bytes: u64,
    pub(super) errors: u64,
    pub(super) retries: u64,
    pub(super) writer: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct TopPlugin {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) state: String,
    pub(super) batches: u64,
    pub(super) time_ns: u64,
    pub(super) panics: u64,
    pub(super) errors: u64,
    pub(super) slow: u64,
    pub(super) filtered: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct TopDelivery {
    pub(super) sink: String,
    pub(super) queued_payloads: u64,
    pub(super) breaker: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct TopLatency {
    pub(super) samples: u64,
    pub(super) p50_ns: u64,
    pub(super) p99_ns: u64,
    pub(super) p99_9_ns: u64,
    pub(super) max_ns: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct TopRings {
    pub(super) count: u64,
    pub(super) capacity_bytes: u64,
    pub(super) fill: f64,
    pub(super) fill_max: f64,
}

impl TopAccounts {
    /// Losses by reason, with the sink where they were lost at one: `sink_busy at file`.
    pub(super) fn losses(&self) -> BTreeMap<String, u64> {
        let before_sinks = self.lost.iter().map(|(reason, count)| (reason.clone(), *count));
        let of_sink = |sink: &TopSink| {
            let name = sink.name.clone();
            sink.lost.clone().into_iter().map(move |(reason, count)| (format!("{reason} at {name}"), count))
        };
        before_sinks.chain(self.sinks.iter().flat_map(of_sink)).collect()
    }

    pub(super) fn sink(&self, name: &str) -> Option<&TopSink> {
        self.sinks.iter().find(|sink| sink.name == name)
    }
}

impl TopMetrics {
    pub(super) fn plugin(&self, of: &TopPlugin) -> Option<&TopPlugin> {
        self.plugins.iter().find(|plugin| (&plugin.name, &plugin.kind) == (&of.name, &of.kind))
    }
}
