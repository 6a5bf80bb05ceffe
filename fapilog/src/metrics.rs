//! The accounts of every event, and how a container is doing.

pub use fapilog_engine::{
    accounts::{
        AccountingError, Accounts, BreakerState, CountsByLevel, HealthLevel, LossReason, Losses, PluginState,
        SinkAccounts,
    },
    container::{
        DeliveryMetrics, LatencyHistogram, Metrics, MetricsReader, Percentiles, PluginMetrics, RecoveredEvents,
        RingMetrics, SpillMetrics, Throughput,
    },
};
