//! The accounts of every event, and how a container is doing.

pub use fapilog_engine::{
    accounts::{AccountingError, Accounts, HealthLevel, LossReason, Losses, PluginState, SinkAccounts},
    container::{Metrics, Percentiles, PluginMetrics, RingMetrics},
};
