//! Observations of a plugin that panics.

use std::sync::atomic::{AtomicBool, Ordering};

use fapilog::{Container, container::ContainerBuilder, info, metrics::Accounts};

use crate::law::{TIMEOUT, shut_down};

/// Logs ten events while the plugin panics and ten after, each lot flushed.
pub(super) fn log_twice(builder: ContainerBuilder, now: &AtomicBool) -> Accounts {
    let container = builder.start().unwrap();
    let log = container.logger("survives");
    now.store(true, Ordering::Relaxed);
    (0..10).for_each(|number| info!(log, "numbered", number));
    // It may report that an event was lost: the tests ask the accounts about that.
    let _ = container.flush(TIMEOUT);
    now.store(false, Ordering::Relaxed);
    (0..10).for_each(|number| info!(log, "numbered", number));
    shut_down(&container)
}

/// The supervisor's figures of the plugin or sink of this name: panics, and calls that it was left out of.
pub(super) fn seen_of(container: &Container, name: &str) -> (u64, u64) {
    let plugins = container.metrics().plugins;
    let plugin = plugins.iter().find(|plugin| plugin.name == name).unwrap();
    (plugin.panics, plugin.cool_downs)
}
