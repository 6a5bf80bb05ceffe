//! The parts that rules are made of: each looks at a planned container and has an outcome with its evidence.

mod audit;
mod describe;
mod outcome;
mod retention;
mod storage;

use std::{path::Path, time::Duration};

use fapilog_plugin::{
    compliance::PlannedContainer, data_class::DataClass, factory::SparedFields, settings::write_duration,
};

pub use self::outcome::CheckOutcome;
pub(crate) use self::retention::days;
use crate::machine::{ClockState, MachineProbe};

/// A check of a planned container. Rules of a [`StandardTable`](crate::StandardTable) are made of them.
///
/// *Audit events* are the events of the levels AUDIT and SECURITY, and an *audit sink* is a sink that takes all of them.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum RuleCheck {
    /// Redactors remove all these classes of data.
    Redacts(&'static [DataClass]),
    /// Every audit event is logged, no processor takes one out, and a sink that stores events takes them all.
    AuditKept,
    /// A processor reports each audit event without who, what, outcome, origin or object, and none behind it takes such a field out.
    AuditFieldsChecked,
    /// The log has audit events about itself: start, stop, changes, losses, sinks that fail.
    OwnAuditEvents,
    /// No audit event is dropped while a ring or a destination is full, or a destination is away: log calls block, and an audit sink
    /// blocks, or spills to disk.
    AuditNotDropped,
    /// An audit sink has events on stable storage before they count as delivered.
    AuditDurable,
    /// An audit sink detects changes of what it has stored.
    AuditTamperEvident,
    /// Audit events, or copies of them, go to another machine.
    AuditCopied,
    /// Every connection to another machine is encrypted.
    EncryptedInTransit,
    /// Every file with events is encrypted: of sinks, of spill, of dead letters.
    EncryptedInFiles,
    /// Files have these permissions at most, and no directory of theirs is writable for everyone.
    ModeAtMost(u32),
    /// An audit sink keeps events for so many days.
    KeptAtLeast {
        /// The days.
        days: u32,
    },
    /// An audit sink keeps events for so many days in files of this machine, where they are available at once.
    AvailableAtLeast {
        /// The days.
        days: u32,
    },
    /// Each sink removes its events at the age that the operator has set: the standard's settings `retention_max` and
    /// `audit_retention_max`.
    KeptAtMost,
    /// The machine's clock is kept in time.
    TimeSynchronised,
    /// Failures of the log itself are reported.
    FailuresReported,
    /// An enricher, a processor or a redactor of one of these names works in the pipeline.
    Runs(&'static [&'static str]),
    /// No machine can check it: people have to do this.
    People(&'static str),
    /// All of these.
    All(&'static [RuleCheck]),
    /// Any of these.
    Any(&'static [RuleCheck]),
    /// A function.
    Function(fn(&CheckContext<'_>) -> CheckOutcome),
}

/// The subject of a check.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct CheckContext<'a> {
    /// The container.
    pub planned: &'a PlannedContainer,
    /// The machine.
    pub machine: &'a dyn MachineProbe,
    /// The age at which events have to be removed, as the operator has set it.
    pub retention_max: Option<Duration>,
    /// The same for audit events, where they have a sink of their own.
    pub audit_retention_max: Option<Duration>,
    /// The path of the standard's settings: `plugin_config.gdpr`.
    pub settings: &'a str,
}

impl std::fmt::Debug for CheckContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckContext").field("planned", &self.planned).finish_non_exhaustive()
    }
}

impl<'a> CheckContext<'a> {
    /// A container on this machine, without a limit of retention.
    #[must_use]
    pub fn new(planned: &'a PlannedContainer, machine: &'a dyn MachineProbe) -> Self {
        Self { planned, machine, retention_max: None, audit_retention_max: None, settings: "plugin_config" }
    }
}

impl RuleCheck {
    /// Runs the check.
    #[must_use]
    pub fn run(&self, context: &CheckContext<'_>) -> CheckOutcome {
        let planned = context.planned;
        match *self {
            Self::Redacts(classes) => redacts(planned, classes),
            Self::AuditKept => audit::kept(planned),
            Self::AuditNotDropped => audit::not_dropped(planned),
            Self::AuditFieldsChecked => audit::fields_checked(planned),
            Self::OwnAuditEvents => audit::events_of_the_log(planned),
            Self::AuditDurable => audit::durable(context),
            Self::AuditTamperEvident => audit::tamper_evident(planned),
            Self::AuditCopied => audit::copied(planned),
            Self::EncryptedInTransit => storage::encrypted_in_transit(planned),
            Self::EncryptedInFiles => storage::encrypted_in_files(planned),
            Self::ModeAtMost(mode) => storage::mode_at_most(context, mode),
            Self::KeptAtLeast { days } => retention::kept_at_least(context, days),
            Self::AvailableAtLeast { days } => retention::available_at_least(context, days),
            Self::KeptAtMost => retention::kept_at_most(context),
            Self::TimeSynchronised => time_synchronised(context.machine),
            Self::FailuresReported => failures_reported(planned),
            Self::Runs(names) => runs(planned, names),
            Self::People(task) => CheckOutcome::people(task),
            Self::All(checks) => CheckOutcome::all(checks.iter().map(|check| check.run(context)), "there is no check"),
            Self::Any(checks) => CheckOutcome::any(checks.iter().map(|check| check.run(context))),
            Self::Function(function) => function(context),
        }
    }

    /// The check and those that it is made of.
    pub(crate) fn parts(self) -> Vec<Self> {
        match self {
            Self::All(checks) | Self::Any(checks) => checks.iter().flat_map(|check| check.parts()).collect(),
            one => vec![one],
        }
    }
}

fn redacts(planned: &PlannedContainer, classes: &[DataClass]) -> CheckOutcome {
    let (removed, missing): (Vec<DataClass>, Vec<DataClass>) =
        classes.iter().partition(|class| planned.protects(**class));
    let names = |classes: &[DataClass]| classes.iter().map(|class| class.name()).collect::<Vec<_>>().join(", ");
    if !missing.is_empty() {
        return CheckOutcome::fail(format!("no redactor removes {}", names(&missing))).mended_by("redactors");
    }
    let mut spared: Vec<&SparedFields> = removed.iter().flat_map(|class| planned.spared(*class)).collect();
    spared.sort_unstable_by_key(|fields| &fields.pattern);
    spared.dedup();
    if let Some(whole) = spared.iter().find(|fields| fields.is_whole()) {
        let evidence = format!("redactors leave {} as it is: that is all of an event, or of a group", whole.pattern);
        return CheckOutcome::fail(evidence).mended_by("redactors");
    }
    let spared: Vec<&str> = spared.into_iter().map(|fields| fields.pattern.as_str()).collect();
    match spared.as_slice() {
        [] => CheckOutcome::pass(format!("redactors remove {}", names(&removed))),
        spared => CheckOutcome::people(format!(
            "check that {}, which redactors leave as they are, have none of {}",
            spared.join(", "),
            names(&removed)
        )),
    }
}

/// The estimate of the error of a clock that a daemon corrects. The kernel adds 0.5 ms a second, and daemons correct it each 34 minutes at
/// least: that is a second. The mark of the kernel falls at 16 s only.
const CLOCK_ERROR_MAX: Duration = Duration::from_secs(5);

fn time_synchronised(machine: &dyn MachineProbe) -> CheckOutcome {
    match machine.clock() {
        ClockState::Synchronised { error_max } if error_max > CLOCK_ERROR_MAX => CheckOutcome::people(format!(
            "check the time daemon: the kernel's clock counts as synchronised, but its error may be {}, as after hours without a correction",
            write_duration(error_max)
        )),
        ClockState::Synchronised { error_max } => CheckOutcome::pass(format!(
            "the kernel's clock is synchronised, with an error of {} at most",
            write_duration(error_max)
        )),
        ClockState::Unsynchronised => CheckOutcome::fail(
            "the kernel's clock is not marked as synchronised: no daemon keeps it in time (chronyd needs rtcsync)",
        ),
        ClockState::Unknown { reason } => CheckOutcome::people(format!(
            "check that the machine's clock is kept in time: the kernel does not state it ({reason})"
        )),
    }
}

fn failures_reported(planned: &PlannedContainer) -> CheckOutcome {
    match planned.failures_reported_by.as_slice() {
        [] => CheckOutcome::fail("failures of the log itself are only kept in memory: no setting reports them")
            .mended_by("enable_internal_logging")
            .mended_by("error_handling_mode"),
        ways => CheckOutcome::pass(format!("failures of the log itself are reported by {}", ways.join(", "))),
    }
}

fn runs(planned: &PlannedContainer, names: &[&str]) -> CheckOutcome {
    let plugins = planned.enrichers.iter().chain(&planned.processors).chain(&planned.redactors);
    let running: Vec<&str> = plugins.map(|plugin| plugin.name.as_str()).filter(|name| names.contains(name)).collect();
    if running.is_empty() {
        let evidence = format!("the pipeline has no {}", names.join(" or "));
        CheckOutcome::fail(evidence).mended_by("enrichers").mended_by("processors")
    } else {
        CheckOutcome::pass(format!("the pipeline has {}", running.join(", ")))
    }
}

/// A path as evidence has it.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Names as evidence has them.
fn listed<'s>(names: impl IntoIterator<Item = &'s str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
