//! The accounts of every event, and how a container is doing.

pub use fapilog_engine::{
    accounts::{AccountingError, Accounts, BreakerState, HealthLevel, LossReason, Losses, PluginState, SinkAccounts},
    container::{DeliveryMetrics, Metrics, Percentiles, PluginMetrics, RecoveredEvents, RingMetrics, SpillMetrics},
};
