//! Checks of audit events: that they are logged, kept, durable, copied, and safe from changes.

use fapilog_plugin::{
    compliance::{PlannedContainer, PlannedSink},
    level::Level,
    settings::write_duration,
    sink::{OnFull, SinkPlace},
};

use super::{CheckOutcome, listed};

/// The audit sinks that store events, or pass them to what stores them.
pub(super) fn storing(planned: &PlannedContainer) -> impl Iterator<Item = &PlannedSink> {
    planned.audit_sinks().filter(|sink| !matches!(sink.assurances.place, SinkPlace::Memory | SinkPlace::Nowhere))
}

/// The audit sinks with what is asked, or the failure without any.
fn some_sink(
    planned: &PlannedContainer,
    has: impl Fn(&PlannedSink) -> bool,
    pass: &str,
    fail: impl FnOnce(&[&PlannedSink]) -> CheckOutcome,
) -> CheckOutcome {
    let all: Vec<&PlannedSink> = storing(planned).collect();
    let having: Vec<&str> = all.iter().filter(|sink| has(sink)).map(|sink| sink.name.as_str()).collect();
    match (all.as_slice(), having.as_slice()) {
        ([], _) => no_sink(),
        (all, []) => fail(all),
        (_, having) => CheckOutcome::pass(format!("{}: {pass}", having.join(", "))),
    }
}

fn no_sink() -> CheckOutcome {
    CheckOutcome::fail("no sink that stores events takes all AUDIT and SECURITY events")
        .mended_by("sinks")
        .mended_by("routing")
}

fn names(sinks: &[&PlannedSink]) -> String {
    listed(sinks.iter().map(|sink| sink.name.as_str()))
}

pub(super) fn kept(planned: &PlannedContainer) -> CheckOutcome {
    let missing: Vec<&str> = [Level::Audit, Level::Security]
        .into_iter()
        .filter(|level| !planned.logs_all(*level))
        .map(Level::name)
        .collect();
    if !missing.is_empty() {
        let evidence = format!("level {} leaves out {} events", planned.level, missing.join(" and "));
        return CheckOutcome::fail(evidence).mended_by("level");
    }
    some_sink(planned, |_| true, "takes all AUDIT and SECURITY events", |_| no_sink())
}

pub(super) fn not_dropped(planned: &PlannedContainer) -> CheckOutcome {
    let overflow = match planned.blocks_for.filter(|timeout| !timeout.is_zero()) {
        Some(timeout) => CheckOutcome::pass(format!(
            "a log call waits {} for room before its event is lost",
            write_duration(timeout)
        )),
        None => CheckOutcome::fail("a log call does not wait while its ring is full: its event is lost")
            .mended_by("overflow_strategy")
            .mended_by("overflow_timeout"),
    };
    let sinks = some_sink(planned, waits, "waits or spills while its destination takes nothing", |sinks| {
        let evidence = format!("{}: drops events while its destination takes nothing", names(sinks));
        CheckOutcome::fail(evidence).mended_by("sinks")
    });
    CheckOutcome::all([overflow, sinks], "")
}

/// A queue gives payloads up when their attempts are used up, unless they wait on disk.
fn waits(sink: &PlannedSink) -> bool {
    let blocks = sink.delivery.is_direct() && sink.on_full == OnFull::Block;
    let spills = sink.spill.is_some() && matches!(sink.on_full, OnFull::Block | OnFull::Spill);
    blocks || spills
}

pub(super) fn durable(planned: &PlannedContainer) -> CheckOutcome {
    let pass = "events are on stable storage before they count as delivered";
    some_sink(
        planned,
        |sink| sink.assurances.is_durable,
        pass,
        |sinks| {
            let fail = CheckOutcome::fail(format!("{}: no sync before events count as delivered", names(sinks)));
            let files = sinks.iter().filter(|sink| sink.assurances.is_in_files());
            files.fold(fail, |fail, sink| fail.mended_by(format!("plugin_config.{}.sync", sink.name)))
        },
    )
}

pub(super) fn tamper_evident(planned: &PlannedContainer) -> CheckOutcome {
    some_sink(
        planned,
        |sink| sink.assurances.is_tamper_evident,
        "changes of stored events can be detected",
        |sinks| {
            let evidence = format!("{}: a change of stored events would not be detected", names(sinks));
            CheckOutcome::fail(evidence).mended_by("sinks")
        },
    )
}

pub(super) fn copied(planned: &PlannedContainer) -> CheckOutcome {
    let has_copy = |sink: &PlannedSink| sink.assurances.other_machine().is_some();
    some_sink(planned, has_copy, "audit events go to another machine", |sinks| {
        let evidence = format!("{}: no audit sink sends events, or copies of them, to another machine", names(sinks));
        CheckOutcome::fail(evidence).mended_by("sinks")
    })
}
