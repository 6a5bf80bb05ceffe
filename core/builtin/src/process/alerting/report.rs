//! Events of alerts.

use fapilog_plugin::event::{Batch, Event, EventSubject, FieldRef};
use fapilog_record::{
    field_group::FieldGroup,
    level::Level,
    text::{cut::front_of_words, plain::put_plain},
    timestamp::Timestamp,
    value::ValueRef,
};

use crate::process::alerting::{
    rule::{AlertCondition, AlertRule},
    state::{AlertChange, AlertState},
};

/// The target of all alerts.
pub(super) const TARGET: &str = "fapilog::alert";
/// The source of all events of the library.
const SOURCE: &str = "fapilog";
/// The longest message of an event in an alert, in bytes.
const MESSAGE_MAX_BYTES: usize = 1024;

/// Emits the event of a change.
#[cold]
pub(super) fn report(rule: &AlertRule, change: &AlertChange, batch: &mut Batch<'_>) {
    let cause = change.event.and_then(|place| batch.events().get(place)).map(AlertCause::of);
    let text = |group, name, text| FieldRef { group, name, value: ValueRef::Text(text) };
    let mut fields = vec![
        text(FieldGroup::Tags, "alert.name", &*rule.name),
        text(FieldGroup::Tags, "alert.state", change.state.name()),
        text(FieldGroup::Tags, "alert.severity", rule.severity.name()),
    ];
    fields.extend(rule.labels.iter().map(|(name, value)| text(FieldGroup::Tags, name, value)));
    fields.push(FieldRef { group: FieldGroup::Context, name: "alert.started_at", value: time_of(change.started) });
    if let Some(AlertCause { message, target }) = &cause {
        fields.push(text(FieldGroup::Context, "alert.message", message));
        fields.push(text(FieldGroup::Context, "alert.target", target));
    }
    fields.extend(rule.annotations.iter().map(|(name, value)| text(FieldGroup::Context, name, value)));
    fields.push(FieldRef { group: FieldGroup::Metrics, name: "alert.count", value: ValueRef::U64(change.count) });
    let message = message_of(rule, change);
    match change.state {
        AlertState::Firing => batch.emit(rule.severity, TARGET, &message, &fields),
        // Not grave, but for every sink that took the alert.
        AlertState::Resolved => {
            let subject = EventSubject { level: Some(rule.severity), target: Some(TARGET), source: Some(SOURCE) };
            batch.emit_about(&subject, Level::Info, TARGET, &message, &fields);
        }
    }
}

fn message_of(rule: &AlertRule, change: &AlertChange) -> String {
    let (name, count) = (&rule.name, change.count);
    let events = if count == 1 { "event" } else { "events" };
    match (change.state, rule.condition) {
        (AlertState::Firing, AlertCondition::Absence { within }) => {
            format!("alert {name} is firing: no event for {within:?}")
        }
        (AlertState::Firing, AlertCondition::Rate { .. }) => format!("alert {name} is firing: {count} {events}"),
        (AlertState::Resolved, AlertCondition::Absence { .. }) => format!("alert {name} is resolved"),
        (AlertState::Resolved, AlertCondition::Rate { .. }) => format!("alert {name} is resolved: {count} {events}"),
    }
}

fn time_of(time: Timestamp) -> ValueRef<'static> {
    const SECOND_NANOS: u64 = 1_000_000_000;
    let nanos = time.unix_nanos();
    ValueRef::Time { seconds: (nanos / SECOND_NANOS) as i64, nanos: (nanos % SECOND_NANOS) as u32 }
}

/// The event that made a rule fire.
struct AlertCause {
    message: String,
    target: String,
}

impl AlertCause {
    /// The message without the values of its placeholders: those are fields, of which a redactor takes out what must not be seen.
    fn of(event: &Event<'_>) -> Self {
        let mut text = Vec::new();
        put_plain(&mut text, event.message_literal().map_or_else(|| event.message(), ValueRef::Text));
        let message = front_of_words(&String::from_utf8_lossy(&text), MESSAGE_MAX_BYTES).to_owned();
        Self { message, target: event.target().to_owned() }
    }
}
