//! The container that settings ask for, as standards see it.

use std::{path::PathBuf, time::Duration};

use fapilog_record::{directives::Directives, level::Level};

use crate::{
    data_class::DataClass,
    sink::{Assurances, DeliveryPolicy, OnFull},
};

/// The container that settings ask for, before it starts.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PlannedContainer {
    /// The sinks.
    pub sinks: Vec<PlannedSink>,
    /// The enrichers.
    pub enrichers: Vec<PlannedPlugin>,
    /// The processors.
    pub processors: Vec<PlannedPlugin>,
    /// The redactors.
    pub redactors: Vec<PlannedPlugin>,
    /// How long a log call waits when its ring is full, before its event is lost. `None`: the event is lost at once.
    pub blocks_for: Option<Duration>,
    /// The levels that are logged.
    pub level: Directives,
    /// Where failures of the log itself are reported: names of settings.
    pub failures_reported_by: Vec<&'static str>,
}

/// An enricher, a processor or a redactor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedPlugin {
    /// Its name in the registry.
    pub name: String,
    /// The classes of sensitive data that it removes.
    pub protects: Vec<DataClass>,
}

/// A sink.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PlannedSink {
    /// Its name in the container.
    pub name: String,
    /// Its name in the registry.
    pub kind: String,
    /// The name of its formatter.
    pub formatter: String,
    /// Whether its formatter encrypts: then files, spill and dead letters hold nothing in the clear.
    pub has_encrypted_payloads: bool,
    /// The assurances of the sink.
    pub assurances: Assurances,
    /// How its payloads are delivered.
    pub delivery: DeliveryPolicy,
    /// The treatment of events while it has no room.
    pub on_full: OnFull,
    /// The directory where payloads wait that its destination does not take.
    pub spill: Option<PathBuf>,
    /// The file for payloads that are given up.
    pub dead_letters: Option<PathBuf>,
    /// The sink that gets the payloads that this one cannot deliver.
    pub fallback: Option<String>,
    /// The least level that it takes; `None`: all.
    pub level_min: Option<Level>,
    /// The highest level that it takes; `None`: all.
    pub level_max: Option<Level>,
    /// Whether it takes only some targets or sources.
    pub is_partial: bool,
}

impl PlannedContainer {
    /// The classes of sensitive data that redactors remove.
    #[must_use]
    pub fn protects(&self, class: DataClass) -> bool {
        self.redactors.iter().any(|redactor| redactor.protects.contains(&class))
    }

    /// Whether every event of this level is logged, whatever its target.
    #[must_use]
    pub fn logs_all(&self, level: Level) -> bool {
        self.level.level().passes(level) && self.level.targets().all(|(_, filter)| filter.passes(level))
    }

    /// The sinks that take every event of the levels AUDIT and SECURITY.
    pub fn audit_sinks(&self) -> impl Iterator<Item = &PlannedSink> {
        self.sinks.iter().filter(|sink| sink.takes_audit())
    }
}

impl PlannedPlugin {
    /// A plugin that removes these classes of data.
    #[must_use]
    pub fn new(name: impl Into<String>, protects: impl IntoIterator<Item = DataClass>) -> Self {
        Self { name: name.into(), protects: protects.into_iter().collect() }
    }
}

impl PlannedSink {
    /// A sink that takes every event and assures this.
    #[must_use]
    pub fn new(name: impl Into<String>, assurances: Assurances) -> Self {
        let name = name.into();
        Self {
            kind: name.clone(),
            name,
            formatter: "json".to_owned(),
            has_encrypted_payloads: false,
            assurances,
            delivery: DeliveryPolicy::default(),
            on_full: OnFull::Block,
            spill: None,
            dead_letters: None,
            fallback: None,
            level_min: None,
            level_max: None,
            is_partial: false,
        }
    }

    /// Whether it takes events of this level, or some of them.
    #[must_use]
    pub fn takes_some(&self, level: Level) -> bool {
        self.level_min.is_none_or(|least| level >= least) && self.level_max.is_none_or(|most| level <= most)
    }

    /// Whether it takes every event of the levels AUDIT and SECURITY.
    #[must_use]
    pub fn takes_audit(&self) -> bool {
        !self.is_partial && self.takes_some(Level::Audit) && self.takes_some(Level::Security)
    }

    /// Whether it takes no event below AUDIT.
    #[must_use]
    pub fn is_for_audit_only(&self) -> bool {
        self.level_min.is_some_and(|least| least >= Level::Audit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sink(level_min: Option<Level>, level_max: Option<Level>) -> PlannedSink {
        PlannedSink { level_min, level_max, ..PlannedSink::new("file", Assurances::unknown()) }
    }

    #[test]
    fn a_sink_takes_audit_events_unless_its_route_leaves_some_out() {
        assert!(sink(None, None).takes_audit());
        assert!(sink(Some(Level::Audit), None).takes_audit());
        assert!(!sink(Some(Level::Security), None).takes_audit());
        assert!(!sink(None, Some(Level::Audit)).takes_audit());
        assert!(!PlannedSink { is_partial: true, ..sink(None, None) }.takes_audit());
    }

    #[test]
    fn a_sink_is_for_audit_only_if_its_least_level_is_so_high() {
        assert!(sink(Some(Level::Audit), None).is_for_audit_only());
        assert!(!sink(Some(Level::Critical), None).is_for_audit_only() && !sink(None, None).is_for_audit_only());
    }

    #[test]
    fn a_target_that_logs_nothing_logs_no_audit_events() {
        let level = |text: &str| PlannedContainer { level: text.parse().unwrap(), ..PlannedContainer::default() };
        assert!(level("info,app=error").logs_all(Level::Audit));
        assert!(!level("info,app::pay=OFF").logs_all(Level::Audit) && !level("OFF").logs_all(Level::Audit));
        assert!(!level("info").logs_all(Level::Debug));
    }
}
