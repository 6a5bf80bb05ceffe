//! The container that settings ask for, as standards see it.

use std::{path::PathBuf, time::Duration};

use fapilog_record::{directives::Directives, level::Level};

use crate::{
    data_class::DataClass,
    factory::SparedFields,
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
    /// Whether the log has audit events about itself: its start and stop, its changes, and its losses.
    pub has_own_audit_events: bool,
}

/// An enricher, a processor or a redactor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedPlugin {
    /// Its name in the registry.
    pub name: String,
    /// The classes of sensitive data that it removes.
    pub protects: Vec<DataClass>,
    /// The fields that it leaves as they are, whatever classes it removes.
    pub spares: Vec<SparedFields>,
    /// Whether it leaves every event of the levels AUDIT and SECURITY in place, with the fields that an audit event must have. `None`:
    /// it does not state it.
    pub keeps_audit_events: Option<bool>,
    /// Whether it reports each event of these levels without who, what, outcome, origin or object.
    pub checks_audit_fields: bool,
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

    /// The fields that may have data of this class all the same: those that each redactor leaves as they are which removes the class.
    pub fn spared(&self, class: DataClass) -> impl Iterator<Item = &SparedFields> {
        let redactors = || self.redactors.iter().filter(move |redactor| redactor.protects.contains(&class));
        let spared = move |redactor: &PlannedPlugin| redactor.spares.iter().any(|spared| spared.may_have(class));
        let all_spare = redactors().all(spared);
        let spares = redactors().flat_map(|redactor| &redactor.spares);
        spares.filter(move |spared| all_spare && spared.may_have(class))
    }

    /// Whether every event of this level is logged, whatever its target.
    #[must_use]
    pub fn logs_all(&self, level: Level) -> bool {
        self.level.level().passes(level) && self.level.targets().all(|(_, filter)| filter.passes(level))
    }

    /// Whether a sink takes no event below AUDIT: neither by its route, nor as the fallback of another sink.
    #[must_use]
    pub fn is_for_audit_only(&self, sink: &PlannedSink) -> bool {
        let falls_back_to_it = |other: &&PlannedSink| other.fallback.as_deref() == Some(sink.name.as_str());
        sink.is_for_audit_only() && self.sinks.iter().filter(falls_back_to_it).all(PlannedSink::is_for_audit_only)
    }

    /// The sink that gets the payloads which this one cannot deliver.
    #[must_use]
    pub fn fallback_of(&self, sink: &PlannedSink) -> Option<&PlannedSink> {
        let name = sink.fallback.as_deref()?;
        self.sinks.iter().find(|other| other.name == name)
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
        Self {
            name: name.into(),
            protects: protects.into_iter().collect(),
            spares: Vec::new(),
            keeps_audit_events: None,
            checks_audit_fields: false,
        }
    }

    /// The same, with a statement whether it leaves audit events as they must be.
    #[must_use]
    pub fn keeping_audit_events(mut self, are_kept: bool) -> Self {
        self.keeps_audit_events = Some(are_kept);
        self
    }

    /// The same, with a statement whether it reports audit events without their fields.
    #[must_use]
    pub fn checking_audit_fields(mut self, are_checked: bool) -> Self {
        self.checks_audit_fields = are_checked;
        self
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

    /// Whether its route takes no event below AUDIT. It may be the [fallback](PlannedContainer::is_for_audit_only) of a sink that does.
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
    fn the_fallback_of_a_sink_for_other_events_is_not_for_audit_only() {
        let audit = PlannedSink { name: "audit".to_owned(), ..sink(Some(Level::Audit), None) };
        let app = PlannedSink { fallback: Some("audit".to_owned()), ..sink(None, Some(Level::Critical)) };
        let container = |sinks| PlannedContainer { sinks, ..PlannedContainer::default() };
        assert!(container(vec![audit.clone()]).is_for_audit_only(&audit));
        let both = container(vec![app, audit.clone()]);
        assert!(!both.is_for_audit_only(&audit));
        assert_eq!(both.sinks.first().and_then(|app| both.fallback_of(app)), Some(&audit));
    }

    #[test]
    fn a_target_that_logs_nothing_logs_no_audit_events() {
        let level = |text: &str| PlannedContainer { level: text.parse().unwrap(), ..PlannedContainer::default() };
        assert!(level("info,app=error").logs_all(Level::Audit));
        assert!(!level("info,app::pay=OFF").logs_all(Level::Audit) && !level("OFF").logs_all(Level::Audit));
        assert!(!level("info").logs_all(Level::Debug));
    }
}
