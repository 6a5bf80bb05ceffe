//! Checks of audit events: that they are logged, kept, durable, copied, and safe from changes.

use fapilog_plugin::{
    compliance::{PlannedContainer, PlannedPlugin, PlannedSink},
    level::Level,
    settings::write_duration,
    sink::{OnFull, SinkPlace},
};

use super::{
    CheckContext, CheckOutcome,
    storage::{in_memory, is_in_memory},
};

/// The audit sinks that store events, or pass them to what stores them.
pub(super) fn storing(planned: &PlannedContainer) -> impl Iterator<Item = &PlannedSink> {
    planned.audit_sinks().filter(|sink| !matches!(sink.assurances.place, SinkPlace::Memory | SinkPlace::Nowhere))
}

/// The audit sinks that count: those that drop nothing, if there are any. A sink that drops events has not all of them, however durable
/// those are that it has. Without one that drops nothing, the check of dropped events fails, and this one looks at what there is.
pub(super) fn complete(planned: &PlannedContainer) -> Vec<&PlannedSink> {
    let (complete, others): (Vec<&PlannedSink>, Vec<&PlannedSink>) = storing(planned).partition(|sink| waits(sink));
    if complete.is_empty() { others } else { complete }
}

/// Whether a sink has what is asked, and the sink that gets what it cannot deliver has it, too.
pub(super) fn has_all(planned: &PlannedContainer, sink: &PlannedSink, has: impl Fn(&PlannedSink) -> bool) -> bool {
    has(sink) && planned.fallback_of(sink).is_none_or(has)
}

/// The audit sinks with what is asked, or the failure without any.
fn some_sink(
    planned: &PlannedContainer,
    has: impl Fn(&PlannedSink) -> bool,
    pass: &str,
    fail: impl FnOnce(&[&PlannedSink]) -> CheckOutcome,
) -> CheckOutcome {
    let all = complete(planned);
    let having: Vec<&str> =
        all.iter().filter(|sink| has_all(planned, sink, &has)).map(|sink| sink.name.as_str()).collect();
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

/// The sinks, and those that get what they cannot deliver: `trail (fallback app)`.
fn names(planned: &PlannedContainer, sinks: &[&PlannedSink]) -> String {
    let named = |sink: &&PlannedSink| match planned.fallback_of(sink) {
        Some(fallback) => format!("{} (fallback {})", sink.name, fallback.name),
        None => sink.name.clone(),
    };
    sinks.iter().map(named).collect::<Vec<_>>().join(", ")
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
    let sinks = some_sink(planned, |_| true, "takes all AUDIT and SECURITY events", |_| no_sink());
    CheckOutcome::all([sinks].into_iter().chain(planned.processors.iter().filter_map(taken_out)), "")
}

/// The outcome of a processor that takes out audit events, or may do so.
fn taken_out(processor: &PlannedPlugin) -> Option<CheckOutcome> {
    let name = &processor.name;
    match processor.keeps_audit_events {
        Some(true) => None,
        Some(false) => Some(
            CheckOutcome::fail(format!("the processor {name} takes out AUDIT or SECURITY events"))
                .mended_by(format!("plugin_config.{name}"))
                .mended_by("processors"),
        ),
        None => Some(CheckOutcome::people(format!(
            "check that the processor {name} takes out no AUDIT and SECURITY events, and none of their fields: it does not state it"
        ))),
    }
}

/// The log's audit events about itself.
pub(super) fn events_of_the_log(planned: &PlannedContainer) -> CheckOutcome {
    if planned.has_own_audit_events {
        return CheckOutcome::pass("the log has audit events of its start and stop, its changes, and its losses");
    }
    CheckOutcome::fail("the log has no audit events about itself: its stop looks like silence")
        .mended_by("audit_events")
}

/// A processor behind the check may take out what was checked.
pub(super) fn fields_checked(planned: &PlannedContainer) -> CheckOutcome {
    let place = planned.processors.iter().rposition(|processor| processor.checks_audit_fields);
    let Some(checking) = place.and_then(|place| planned.processors.get(place..)) else {
        let evidence = "no processor checks all fields of all AUDIT and SECURITY events";
        return CheckOutcome::fail(evidence).mended_by("processors").mended_by("plugin_config.audit_schema");
    };
    let may_change = |processor: &&PlannedPlugin| processor.keeps_audit_events != Some(true);
    match (checking.first(), checking.iter().find(may_change)) {
        (Some(checking), None) => CheckOutcome::pass(format!(
            "{} checks who, what, outcome, origin and object of all AUDIT and SECURITY events",
            checking.name
        )),
        (_, changing) => {
            let name = changing.map_or("a processor", |changing| changing.name.as_str());
            let evidence =
                format!("{name} stands behind the check of the fields of audit events, and may take some out");
            CheckOutcome::fail(evidence).mended_by("processors")
        }
    }
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
    let pass = "waits or spills while its destination takes nothing";
    let sinks = some_sink(planned, waits, pass, |sinks| {
        let evidence = format!("{}: drops events while its destination takes nothing", names(planned, sinks));
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

pub(super) fn durable(context: &CheckContext<'_>) -> CheckOutcome {
    let planned = context.planned;
    let pass = "events are on stable storage before they count as delivered";
    let is_durable = |sink: &PlannedSink| sink.assurances.is_durable && !is_in_memory(context, sink);
    some_sink(planned, is_durable, pass, |sinks| {
        let outcomes = sinks.iter().map(|sink| not_durable(context, sink));
        CheckOutcome::all(outcomes, "")
    })
}

fn not_durable(context: &CheckContext<'_>, sink: &PlannedSink) -> CheckOutcome {
    let name = names(context.planned, &[sink]);
    if is_in_memory(context, sink) {
        return in_memory(sink);
    }
    let fail = CheckOutcome::fail(format!("{name}: no sync before events count as delivered"));
    if sink.assurances.is_in_files() { fail.mended_by(format!("plugin_config.{}.sync", sink.name)) } else { fail }
}

pub(super) fn tamper_evident(planned: &PlannedContainer) -> CheckOutcome {
    some_sink(
        planned,
        |sink| sink.assurances.is_tamper_evident,
        "changes of stored events can be detected",
        |sinks| {
            let evidence = format!("{}: a change of stored events would not be detected", names(planned, sinks));
            CheckOutcome::fail(evidence).mended_by("sinks")
        },
    )
}

/// A copy need not be complete by itself: what a queue gives up is in the files of the sink beside it.
pub(super) fn copied(planned: &PlannedContainer) -> CheckOutcome {
    let sinks: Vec<&PlannedSink> = storing(planned).collect();
    let copying = sinks.iter().filter(|sink| sink.assurances.other_machine().is_some());
    let copying: Vec<&str> = copying.map(|sink| sink.name.as_str()).collect();
    match (sinks.as_slice(), copying.as_slice()) {
        ([], _) => no_sink(),
        (all, []) => {
            let names = names(planned, all);
            let evidence = format!("{names}: no audit sink sends events, or copies of them, to another machine");
            CheckOutcome::fail(evidence).mended_by("sinks")
        }
        (_, copying) => CheckOutcome::pass(format!("{}: audit events go to another machine", copying.join(", "))),
    }
}
