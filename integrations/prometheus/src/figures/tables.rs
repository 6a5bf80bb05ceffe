//! The rows of the tables of figures, and how the samples of each are read.

use fapilog::{
    Level,
    metrics::{DeliveryMetrics, LossReason, Losses, Metrics, Percentiles, PluginMetrics, SinkAccounts},
};

use crate::figures::{FamilyKind, FigureNumber, FigureUnit, MergeRule, SampleValue, container, plugin, sink};

/// All figures, in the order of the output.
pub(super) const FIGURES: &[&[FigureRow]] = &[container::FIGURES, sink::FIGURES, plugin::FIGURES];

/// A figure: the family that it is in, and where it stands in the metrics of a container.
#[derive(Debug)]
pub(crate) struct FigureRow {
    /// The name of the family: with its unit, without `_total`.
    pub(crate) name: &'static str,
    pub(crate) kind: FamilyKind,
    pub(crate) unit: FigureUnit,
    pub(crate) help: &'static str,
    pub(super) read: FigureSource,
}

impl FigureRow {
    const fn new(name: &'static str, kind: FamilyKind, help: &'static str, read: FigureSource) -> Self {
        Self { name, kind, unit: FigureUnit::None, help, read }
    }

    pub(super) const fn counter(name: &'static str, help: &'static str, read: FigureSource) -> Self {
        Self::new(name, FamilyKind::Counter, help, read)
    }

    pub(super) const fn gauge(name: &'static str, help: &'static str, read: FigureSource) -> Self {
        Self::new(name, FamilyKind::Gauge, help, read)
    }

    pub(super) const fn info(name: &'static str, help: &'static str, read: FigureSource) -> Self {
        Self::new(name, FamilyKind::Info, help, read)
    }

    pub(super) const fn states(name: &'static str, help: &'static str, read: FigureSource) -> Self {
        Self::new(name, FamilyKind::StateSet, help, read)
    }

    pub(super) const fn histogram(name: &'static str, help: &'static str, read: FigureSource) -> Self {
        Self::new(name, FamilyKind::Histogram, help, read).seconds()
    }

    pub(super) const fn bytes(self) -> Self {
        Self { unit: FigureUnit::Bytes, ..self }
    }

    pub(super) const fn ratio(self) -> Self {
        Self { unit: FigureUnit::Ratio, ..self }
    }

    pub(super) const fn seconds(self) -> Self {
        Self { unit: FigureUnit::Seconds, ..self }
    }

    /// Times are those of the slowest, and counts and sizes add up. A state that any of them has remains.
    pub(super) fn merge_rule(&self) -> MergeRule {
        match (self.kind, self.unit) {
            (FamilyKind::Counter, _) => MergeRule::Sum,
            (FamilyKind::Gauge, FigureUnit::None | FigureUnit::Bytes) => MergeRule::Sum,
            _ => MergeRule::Greatest,
        }
    }
}

/// Where the samples of a figure are.
#[derive(Debug, Clone, Copy)]
pub(super) enum FigureSource {
    /// A number of the container.
    Container(fn(&Metrics) -> FigureNumber),
    /// Labels of the container.
    Described(fn(&Metrics) -> Vec<(&'static str, String)>),
    /// Losses before the sinks, by reason.
    Lost(fn(&Metrics) -> &Losses),
    /// Losses before the sinks, by level.
    LostByLevel,
    /// Events a second, by window.
    Throughput,
    /// A distribution of times.
    Latency(fn(&Metrics) -> &Percentiles),
    /// The present state, and all that there are.
    States(fn(&Metrics) -> &'static str, fn() -> Vec<&'static str>),
    /// A number of each sink.
    Sink(fn(&SinkAccounts) -> FigureNumber),
    /// Losses of each sink, by reason.
    SinkLost,
    /// The counters of each sink's own, by name.
    SinkCounters,
    /// A number of each sink's deliveries.
    Delivery(fn(&DeliveryMetrics) -> FigureNumber),
    /// The state of each sink's breaker.
    Breakers,
    /// A number of each plugin.
    Plugin(fn(&PluginMetrics) -> FigureNumber),
    /// The counters of each plugin's own, by name.
    PluginCounters,
    /// The state of each plugin.
    PluginStates,
}

/// Labels without the container's.
pub(super) type OwnLabels<'a> = &'a [(&'static str, &'a str)];

impl FigureSource {
    /// Calls `put` for each sample in these metrics. `family` is the name of the family, which is the label of a state.
    pub(super) fn samples(
        self,
        metrics: &Metrics,
        family: &'static str,
        mut put: impl FnMut(OwnLabels<'_>, SampleValue),
    ) {
        let mut number = |labels: OwnLabels<'_>, value: FigureNumber| put(labels, SampleValue::Number(value));
        match self {
            Self::Container(read) => number(&[], read(metrics)),
            Self::Described(read) => {
                let labels = read(metrics);
                let labels: Vec<_> = labels.iter().map(|(name, text)| (*name, text.as_str())).collect();
                number(&labels, true.into());
            }
            Self::Lost(read) => {
                let lost = read(metrics);
                LossReason::ALL.iter().for_each(|reason| number(&[("reason", reason.name())], lost.of(*reason).into()));
            }
            Self::LostByLevel => {
                let lost = &metrics.accounts.lost_by_level;
                for level in Level::ALL {
                    number(&[("level", &level.name().to_ascii_lowercase())], lost.of(level).into());
                }
            }
            Self::Throughput => {
                number(&[("window", "10s")], metrics.throughput.events_per_second_10s.into());
                number(&[("window", "60s")], metrics.throughput.events_per_second_60s.into());
            }
            Self::Latency(read) => put(&[], SampleValue::Latency(Box::new(*read(metrics)))),
            Self::States(read, all) => states(read(metrics), &all(), family, &[], number),
            Self::Sink(read) => {
                metrics.accounts.sinks.iter().for_each(|sink| number(&[("sink", &sink.name)], read(sink)));
            }
            Self::SinkLost => {
                for sink in &metrics.accounts.sinks {
                    for reason in LossReason::ALL {
                        number(&[("sink", &sink.name), ("reason", reason.name())], sink.lost.of(reason).into());
                    }
                }
            }
            Self::SinkCounters => {
                for sink in &metrics.accounts.sinks {
                    for (name, count) in &sink.counters {
                        number(&[("sink", &sink.name), ("name", name)], (*count).into());
                    }
                }
            }
            Self::Delivery(read) => {
                metrics.deliveries.iter().for_each(|delivery| number(&[("sink", &delivery.sink)], read(delivery)));
            }
            Self::Breakers => {
                for delivery in &metrics.deliveries {
                    let labels = [("sink", delivery.sink.as_str())];
                    states(delivery.breaker.name(), &sink::breaker_states(), family, &labels, &mut number);
                }
            }
            Self::Plugin(read) => {
                metrics.plugins.iter().for_each(|plugin| number(&plugin::labels(plugin), read(plugin)));
            }
            Self::PluginCounters => {
                for plugin in &metrics.plugins {
                    let [name, kind] = plugin::labels(plugin);
                    for (counter, count) in &plugin.counters {
                        number(&[name, kind, ("name", counter)], (*count).into());
                    }
                }
            }
            Self::PluginStates => {
                for plugin in &metrics.plugins {
                    let labels = plugin::labels(plugin);
                    states(plugin.state.name(), &plugin::states(), family, &labels, &mut number);
                }
            }
        }
    }
}

/// A sample for each state: 1 for the present one, 0 for the others.
fn states(
    present: &str,
    all: &[&'static str],
    family: &'static str,
    labels: OwnLabels<'_>,
    mut put: impl FnMut(OwnLabels<'_>, FigureNumber),
) {
    for state in all {
        let mut with_state = labels.to_vec();
        with_state.push((family, state));
        put(&with_state, (*state == present).into());
    }
}
