//! Checks of how long events are kept.

use std::time::Duration;

use fapilog_plugin::{
    compliance::{PlannedContainer, PlannedSink, RuleVerdict, write_age},
    sink::SinkPlace,
};

use super::{CheckContext, CheckOutcome, audit, listed, storage::elsewhere};

/// A number of days.
pub(crate) const fn days(days: u32) -> Duration {
    Duration::from_secs(days as u64 * 86_400)
}

/// An age as evidence has it.
fn age(age: Duration) -> String {
    if age == Duration::MAX { "for ever".to_owned() } else { format!("for {}", write_age(age)) }
}

pub(super) fn kept_at_least(planned: &PlannedContainer, least: u32) -> CheckOutcome {
    some_sink_keeps(planned, least, |_| true)
}

pub(super) fn available_at_least(planned: &PlannedContainer, least: u32) -> CheckOutcome {
    some_sink_keeps(planned, least, |sink| sink.assurances.is_in_files())
}

fn some_sink_keeps(planned: &PlannedContainer, least: u32, counts: impl Fn(&PlannedSink) -> bool) -> CheckOutcome {
    let sinks: Vec<&PlannedSink> = audit::storing(planned).collect();
    let keeps = |sink: &&&PlannedSink| counts(sink) && sink.assurances.kept_at_least >= days(least);
    if let Some(sink) = sinks.iter().find(keeps) {
        let kept = age(sink.assurances.kept_at_least);
        return CheckOutcome::pass(format!("{}: keeps audit events {kept}", sink.name));
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
    let of_sink = |sink: &PlannedSink| removes(sink, limit_of(context, sink)?);
    CheckOutcome::all(context.planned.sinks.iter().filter_map(of_sink), "no sink stores events")
}

/// The limit of a sink. A sink of audit events alone may have one of its own.
fn limit_of(context: &CheckContext<'_>, sink: &PlannedSink) -> Option<Duration> {
    match sink.is_for_audit_only() {
        true => context.audit_retention_max.or(context.retention_max),
        false => context.retention_max,
    }
}

fn removes(sink: &PlannedSink, most: Duration) -> Option<CheckOutcome> {
    let name = &sink.name;
    if !matches!(sink.assurances.place, SinkPlace::File { .. }) {
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
