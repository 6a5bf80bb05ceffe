//! A planned container that meets every rule, and machines of tests.
#![allow(dead_code, reason = "each test program uses a part")]

use std::{path::Path, sync::Arc, time::Duration};

use fapilog_compliance::{ClockState, MachineProbe, StandardTable, TableStandard};
use fapilog_plugin::{
    compliance::{PlannedContainer, PlannedPlugin, PlannedSink, RuleFinding, Standard},
    data_class::DataClass,
    level::Level,
    registry::PluginSettings,
    settings::PluginConfig,
    sink::{Assurances, DeliveryPolicy, SinkPlace},
};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// A machine with this clock, and directories of this mode.
#[derive(Clone)]
pub(crate) struct ScriptedMachine {
    pub(crate) clock: ClockState,
    pub(crate) directory_mode: u32,
    /// Whether its directories are in memory.
    pub(crate) is_in_memory: bool,
}

impl Default for ScriptedMachine {
    fn default() -> Self {
        Self {
            clock: ClockState::Synchronised { error_max: Duration::from_millis(2) },
            directory_mode: 0o750,
            is_in_memory: false,
        }
    }
}

impl MachineProbe for ScriptedMachine {
    fn clock(&self) -> ClockState {
        self.clock.clone()
    }

    /// `/` has the mode that it has everywhere.
    fn mode_of(&self, path: &Path) -> Option<u32> {
        Some(if path == Path::new("/") { 0o755 } else { self.directory_mode })
    }

    fn is_in_memory(&self, _: &Path) -> bool {
        self.is_in_memory
    }
}

/// A container, a machine, and the settings of a standard.
#[derive(Clone)]
pub(crate) struct CheckedSubject {
    pub(crate) planned: PlannedContainer,
    pub(crate) machine: ScriptedMachine,
    pub(crate) config: PluginConfig,
}

impl CheckedSubject {
    /// Meets every rule of every standard.
    pub(crate) fn perfect() -> Self {
        let config = PluginConfig::new().with("retention_max", "100d").with("audit_retention_max", "2700d");
        Self { planned: perfect_container(), machine: ScriptedMachine::default(), config }
    }

    pub(crate) fn standard(&self, table: StandardTable) -> TableStandard {
        let limits = ["gdpr", "ccpa"].contains(&table.name);
        let config = if limits { self.config.clone() } else { PluginConfig::new() };
        let settings = PluginSettings::new(table.name, &config);
        TableStandard::read(table, Arc::new(self.machine.clone()), &settings).unwrap()
    }

    pub(crate) fn findings(&self, table: StandardTable) -> Vec<RuleFinding> {
        self.standard(table).check(&self.planned)
    }

    pub(crate) fn finding(&self, table: StandardTable, id: &str) -> RuleFinding {
        self.findings(table).into_iter().find(|finding| finding.rule.id == id).unwrap()
    }
}

fn perfect_container() -> PlannedContainer {
    let mut planned = PlannedContainer::default();
    planned.sinks = vec![app_sink(), audit_sink()];
    planned.enrichers = vec![PlannedPlugin::new("hostname", [])];
    planned.processors =
        vec![PlannedPlugin::new("audit_schema", []).keeping_audit_events(true).checking_audit_fields(true)];
    planned.has_own_audit_events = true;
    planned.redactors = vec![PlannedPlugin::new("redact", DataClass::ALL.iter().copied())];
    planned.blocks_for = Some(Duration::from_secs(5));
    planned.failures_reported_by = vec!["enable_internal_logging"];
    planned
}

fn file(directory: &str) -> Assurances {
    let place = SinkPlace::File { directory: directory.into() };
    Assurances::unknown().place(place).durable(true).stored_encrypted(true).mode(0o640)
}

/// A file that takes the events below AUDIT, for 90 days.
fn app_sink() -> PlannedSink {
    let mut sink = PlannedSink::new("app", file("/var/log/app").kept_at_least(90 * DAY).kept_at_most(92 * DAY));
    sink.delivery = DeliveryPolicy::direct();
    sink.level_max = Some(Level::Critical);
    sink
}

/// A file that takes all audit events, for seven years.
pub(crate) fn audit_sink() -> PlannedSink {
    let kept = file("/var/log/audit").kept_at_least(2600 * DAY).kept_at_most(2601 * DAY);
    let mut sink = PlannedSink::new("audit", kept.tamper_evident(true).copied_to("vault"));
    sink.delivery = DeliveryPolicy::direct();
    sink.level_min = Some(Level::Audit);
    sink
}

/// A sink to another machine, which takes everything.
pub(crate) fn network_sink(is_encrypted: bool) -> PlannedSink {
    let place = SinkPlace::Network { host: "logs.example.org".to_owned(), is_encrypted };
    PlannedSink::new("central", Assurances::unknown().place(place))
}
