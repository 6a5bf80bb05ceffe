//! Checks of how long events are kept.

use std::{path::Path, time::Duration};

use fapilog_plugin::{
    compliance::{PlannedSink, RuleVerdict, write_age},
    sink::SinkPlace,
};

use super::{
    CheckContext, CheckOutcome, audit, listed, shown,
    storage::{elsewhere, in_memory, is_in_memory, on_disk},
};

/// A number of days.
pub(crate) const fn days(days: u32) -> Duration {
    Duration::from_secs(days as u64 * 86_400)
}

/// An age as evidence has it.
fn age(age: Duration) -> String {
    if age == Duration::MAX { "for ever".to_owned() } else { format!("for {}", write_age(age)) }
}

pub(super) fn kept_at_least(context: &CheckContext<'_>, least: u32) -> CheckOutcome {
    some_sink_keeps(context, least, |_| true)
}

pub(super) fn available_at_least(context: &CheckContext<'_>, least: u32) -> CheckOutcome {
    some_sink_keeps(context, least, |sink| sink.assurances.is_in_files())
}

fn some_sink_keeps(context: &CheckContext<'_>, least: u32, counts: impl Fn(&PlannedSink) -> bool) -> CheckOutcome {
    let sinks = audit::complete(context.planned);
    let keeps = |sink: &PlannedSink| {
        counts(sink) && sink.assurances.kept_at_least >= days(least) && !is_in_memory(context, sink)
    };
    if let Some(sink) = sinks.iter().find(|sink| audit::has_all(context.planned, sink, keeps)) {
        let kept = age(sink.assurances.kept_at_least);
        return CheckOutcome::pass(format!("{}: keeps audit events {kept}", sink.name));
    }
    if let Some(sink) = sinks.iter().find(|sink| is_in_memory(context, sink)) {
        return in_memory(sink);
    }
    let wanted = format!("kept for {least} days");
    if let Some(people) = sinks.iter().find_map(|sink| elsewhere(sink, &wanted)) {
        return people;
    }
    let evidence = match sinks.as_slice() {
        [] => "no sink that stores events takes all AUDIT and SECURITY events".to_owned(),
        sinks => format!("{}: does not assure {least} days", listed(sinks.iter().map(|sink| sink.name.as_str()))),
    };
    let fail = CheckOutcome::fail(evidence);
    sinks.iter().fold(fail, |fail, sink| fail.mended_by(format!("plugin_config.{}.retain_age", sink.name)))
}

pub(super) fn kept_at_most(context: &CheckContext<'_>) -> CheckOutcome {
    if context.retention_max.is_none() {
        let evidence = "the age at which events are removed is not set: the operator has to decide it";
        return CheckOutcome::fail(evidence).mended_by(format!("{}.retention_max", context.settings));
    }
    let of_sink = |sink: &PlannedSink| {
        let removed = limit_of(context, sink).and_then(|limit| removes(sink, limit));
        removed.into_iter().chain(left_on_disk(sink)).collect::<Vec<_>>()
    };
    CheckOutcome::all(context.planned.sinks.iter().flat_map(of_sink), "no sink stores events")
}

/// Nothing removes payloads by their age that are given up, or that wait for a destination which does not come back.
fn left_on_disk(sink: &PlannedSink) -> impl Iterator<Item = CheckOutcome> {
    let task = |(place, path): (&str, &Path)| {
        let path = shown(path);
        CheckOutcome::people(format!(
            "{}: remove what stays in {place} {path} for too long: the log does not remove it by age",
            sink.name
        ))
    };
    on_disk(sink).map(task)
}

/// The limit of a sink. A sink of audit events alone may have one of its own.
fn limit_of(context: &CheckContext<'_>, sink: &PlannedSink) -> Option<Duration> {
    match context.planned.is_for_audit_only(sink) {
        true => context.audit_retention_max.or(context.retention_max),
        false => context.retention_max,
    }
}

fn removes(sink: &PlannedSink, most: Duration) -> Option<CheckOutcome> {
    let name = &sink.name;
    if matches!(sink.assurances.place, SinkPlace::Memory | SinkPlace::Nowhere) {
        return None;
    }
    let is_stated = sink.assurances.kept_at_most.is_some();
    if !is_stated && !sink.assurances.is_in_files() {
        return elsewhere(sink, &format!("removed where they were kept {}", age(most)));
    }
    let outcome = match sink.assurances.kept_at_most {
        Some(kept) if kept <= most => CheckOutcome::pass(format!("{name}: keeps events {} at most", age(kept))),
        Some(kept) => CheckOutcome::fail(format!(
            "{name}: keeps events {}, and {} is allowed at most",
            age(kept),
            write_age(most)
        )),
        None => CheckOutcome::fail(format!(
            "{name}: does not remove events by age, which needs retain_age and a rotation by time"
        )),
    };
    let is_fail = outcome.verdict == RuleVerdict::Fail;
    let settings = ["retain_age", "rotate_every"].map(|setting| format!("plugin_config.{name}.{setting}"));
    Some(if is_fail { settings.into_iter().fold(outcome, CheckOutcome::mended_by) } else { outcome })
}
