//! The figures of plugins.

use fapilog::metrics::{PluginMetrics, PluginState};

use crate::figures::tables::{
    FigureRow,
    FigureSource::{Plugin, PluginCounters, PluginStates},
};

#[rustfmt::skip]
pub(super) const FIGURES: &[FigureRow] = &[
    FigureRow::states("fapilog_plugin_state", "Whether the plugin works.",
        PluginStates),
    FigureRow::counter("fapilog_plugin_batches", "Batches that the plugin was called with.",
        Plugin(|plugin| plugin.batches.into())),
    FigureRow::counter("fapilog_plugin_time_seconds", "Time that the plugin's calls took.",
        Plugin(|plugin| plugin.time.into())).seconds(),
    FigureRow::counter("fapilog_plugin_panics", "Calls in which the plugin panicked.",
        Plugin(|plugin| plugin.panics.into())),
    FigureRow::counter("fapilog_plugin_errors", "Batches for which the plugin returned an error.",
        Plugin(|plugin| plugin.errors.into())),
    FigureRow::counter("fapilog_plugin_slow_calls", "Calls for which the plugin took too long.",
        Plugin(|plugin| plugin.slow.into())),
    FigureRow::counter("fapilog_plugin_cool_downs", "How often the plugin's breaker opened.",
        Plugin(|plugin| plugin.cool_downs.into())),
    FigureRow::counter("fapilog_plugin_events_filtered", "Events that the plugin took out.",
        Plugin(|plugin| plugin.filtered.into())),
    FigureRow::counter("fapilog_plugin_events_lost", "Events lost by the plugin before any sink; they are among those of fapilog_events_lost_total.",
        Plugin(|plugin| plugin.lost.total().into())),
    FigureRow::counter("fapilog_plugin_own", "Counters of the plugin's own, by name, such as those of the rules of a redactor.",
        PluginCounters),
];

pub(super) fn labels(plugin: &PluginMetrics) -> [(&'static str, &str); 2] {
    [("plugin", &plugin.name), ("kind", plugin.kind.name())]
}

pub(super) fn states() -> Vec<&'static str> {
    PluginState::ALL.map(PluginState::name).to_vec()
}
