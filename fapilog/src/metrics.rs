//! The accounts of every event, and how a container is doing.

pub use fapilog_engine::{
    accounts::{Accounts, Imbalance, LossReason, Losses, PluginState, Rung, SinkAccounts},
    container::{Metrics, Percentiles, PluginMetrics, RingMetrics},
};
