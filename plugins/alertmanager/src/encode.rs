//! Events as alerts of Alertmanager's API v2.
//!
//! ```json
//! {"labels":{"alertname":"logins fail","severity":"error","instance":"web-1","team":"identity"},
//!  "annotations":{"summary":"alert logins fail is firing: 20 events","count":"20","message":"login of {user}","target":"auth",
//!   "runbook":"https://..."},
//!  "startsAt":"2026-01-31T23:59:59.123456789Z","endsAt":"2026-02-01T01:59:59.123456789Z","generatorURL":"https://..."}
//! ```
//!
//! (in one line). An event that is no alert is the record [`NO_ALERT`], so that the engine counts it when it is refused.

#[cfg(test)]
mod tests;

use std::{collections::HashSet, sync::Arc, time::Duration};

use fapilog_format::json::{put_string, put_value};
use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, FieldRef},
    field_group::FieldGroup,
    sink::Payload,
    text::{bounded::front, plain::put_plain, scalar::put_time},
    value::ValueRef,
};
use fapilog_sink_http::encode::EventEncoder;

use crate::settings::AlertmanagerSettings;

/// The front of each alert.
pub(crate) const ALERT_OPEN: &[u8] = b"{\"labels\":{\"alertname\":";

/// The record of an event that is no alert.
pub(crate) const NO_ALERT: &[u8] = b"{}";

/// The target of all alerts of the processor `alerting`.
const TARGET: &str = "fapilog::alert";

/// Fields of an alert whose names begin so have places of their own.
const OWN_PREFIX: &str = "alert.";

/// The longest value of a label or an annotation.
const VALUE_BYTES_MAX: usize = 4096;

const SECOND_NANOS: u64 = 1_000_000_000;

/// The parts of alerts that are the same for all events.
#[derive(Debug)]
pub(crate) struct AlertConstants {
    expires_after: Duration,
    /// Names and values, `instance` among them.
    labels: Vec<(String, String)>,
    generator_url: Option<String>,
}

impl AlertConstants {
    pub(crate) fn new(settings: &AlertmanagerSettings) -> Self {
        let instance = settings.label_of_instance().map(|instance| ("instance".to_owned(), instance));
        let labels = settings.labels.iter().map(|(name, value)| (name.clone(), value.clone()));
        Self {
            expires_after: settings.expires_after,
            labels: instance.into_iter().chain(labels).collect(),
            generator_url: settings.generator_url.clone(),
        }
    }
}

/// Encodes alerts.
pub(crate) struct AlertEncoder {
    constants: Arc<AlertConstants>,
    members: MemberNames,
    /// The text of a value. Its memory is kept.
    text: Vec<u8>,
}

impl AlertEncoder {
    pub(crate) fn new(constants: Arc<AlertConstants>) -> Self {
        Self { constants, members: MemberNames::default(), text: Vec::new() }
    }

    fn put(&mut self, alert: &AlertParts<'_>, event: &Event<'_>, out: &mut Vec<u8>) {
        let constants = Arc::clone(&self.constants);
        out.extend_from_slice(ALERT_OPEN);
        self.members.clear();
        self.members.add("alertname");
        put_string(out, front(alert.name, VALUE_BYTES_MAX));
        self.put_member("severity", ValueRef::Text(&alert.severity.to_ascii_lowercase()), out);
        for (name, value) in &constants.labels {
            self.put_member(name, ValueRef::Text(value), out);
        }
        self.put_fields(event.counted_fields(FieldGroup::Tags), out);
        out.extend_from_slice(b"},\"annotations\":{");
        self.put_annotations(event, out);
        out.push(b'}');
        put_times(alert, event, constants.expires_after, out);
        if let Some(url) = &constants.generator_url {
            out.extend_from_slice(b",\"generatorURL\":");
            put_string(out, url);
        }
        out.push(b'}');
    }

    fn put_annotations(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        self.members.clear();
        self.put_member("summary", event.message(), out);
        let fields = [
            ("count", FieldGroup::Metrics, "alert.count"),
            ("message", FieldGroup::Context, "alert.message"),
            ("target", FieldGroup::Context, "alert.target"),
        ];
        for (name, group, field) in fields {
            if let Some(value) = event.field(group, field) {
                self.put_member(name, value, out);
            }
        }
        self.put_fields(event.counted_fields(FieldGroup::Context), out);
        // Each member has a comma in front.
        if out.get(start) == Some(&b',') {
            out.remove(start);
        }
    }

    /// Puts the fields that a rule, an enricher or a scope has added.
    fn put_fields(&mut self, fields: &[FieldRef<'_>], out: &mut Vec<u8>) {
        for field in fields.iter().filter(|field| !field.name.starts_with(OWN_PREFIX)) {
            self.put_member(field.name, field.value, out);
        }
    }

    /// Puts a comma and a member, unless there is one of its name, or its value is empty: Alertmanager takes an empty label for none.
    fn put_member(&mut self, name: &str, value: ValueRef<'_>, out: &mut Vec<u8>) {
        self.text.clear();
        match value {
            ValueRef::Text(text) => self.text.extend_from_slice(text.as_bytes()),
            ValueRef::None => {}
            // Lists and maps are JSON.
            ValueRef::Sequence(_) | ValueRef::Map(_) => {
                put_value(&mut self.text, value);
            }
            value => put_plain(&mut self.text, value),
        }
        if self.text.is_empty() {
            return;
        }
        let Some(name) = self.members.add(name) else { return };
        out.push(b',');
        put_string(out, name);
        out.push(b':');
        put_string(out, front(&String::from_utf8_lossy(&self.text), VALUE_BYTES_MAX));
    }
}

impl EventEncoder for AlertEncoder {
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        for event in batch.events() {
            match AlertParts::of(event) {
                Some(alert) => self.put(&alert, event, payload.buffer()),
                None => payload.buffer().extend_from_slice(NO_ALERT),
            }
            payload.end_record();
        }
        Ok(())
    }
}

/// The fields that make an event an alert.
struct AlertParts<'a> {
    name: &'a str,
    severity: &'a str,
    is_resolved: bool,
    /// Nanoseconds since 1970.
    started: u64,
}

impl<'a> AlertParts<'a> {
    /// `None`: the event is no alert.
    fn of(event: &Event<'a>) -> Option<Self> {
        if event.target() != TARGET {
            return None;
        }
        let tag = |name| match event.field(FieldGroup::Tags, name) {
            Some(ValueRef::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        let is_resolved = match tag("alert.state")? {
            "firing" => false,
            "resolved" => true,
            _ => return None,
        };
        let started = match event.field(FieldGroup::Context, "alert.started_at") {
            Some(ValueRef::Time { seconds, nanos }) => {
                let seconds = u64::try_from(seconds).unwrap_or_default();
                seconds.saturating_mul(SECOND_NANOS).saturating_add(nanos.into())
            }
            _ => event.timestamp().unix_nanos(),
        };
        Some(Self { name: tag("alert.name")?, severity: tag("alert.severity")?, is_resolved, started })
    }
}

/// The end of an alert that fires is the time at which Alertmanager resolves it by itself.
fn put_times(alert: &AlertParts<'_>, event: &Event<'_>, expires_after: Duration, out: &mut Vec<u8>) {
    let now = event.timestamp().unix_nanos();
    let after = if alert.is_resolved { 0 } else { u64::try_from(expires_after.as_nanos()).unwrap_or(u64::MAX) };
    out.extend_from_slice(b",\"startsAt\":\"");
    put_nanos(alert.started, out);
    out.extend_from_slice(b"\",\"endsAt\":\"");
    // Alertmanager refuses an end before the start: a clock may have been set back.
    put_nanos(now.saturating_add(after).max(alert.started), out);
    out.push(b'"');
}

fn put_nanos(nanos: u64, out: &mut Vec<u8>) {
    // A remainder of 10^9 fits, and so does the quotient.
    put_time(out, (nanos / SECOND_NANOS) as i64, (nanos % SECOND_NANOS) as u32);
}

/// Names that the object being written has already.
#[derive(Debug, Default)]
struct MemberNames {
    names: HashSet<String>,
    /// The last name. Its memory is kept.
    name: String,
}

impl MemberNames {
    fn clear(&mut self) {
        self.names.clear();
    }

    /// Adds a name, as Alertmanager accepts it. `None`: it is there already.
    fn add(&mut self, name: &str) -> Option<&str> {
        self.name.clear();
        put_label_name(name, &mut self.name);
        self.names.insert(self.name.clone()).then_some(&self.name)
    }
}

/// Writes a name with `_` for each character that a label's name cannot have. Two `_` in front are those of Prometheus itself.
fn put_label_name(name: &str, out: &mut String) {
    let name = front(name, VALUE_BYTES_MAX);
    let name = if name.starts_with("__") { name.trim_start_matches('_') } else { name };
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        out.push('_');
    }
    out.extend(name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
}

/// Whether Prometheus accepts the name of a label: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub(crate) fn is_label_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(is_part) && name.starts_with(|c: char| !c.is_ascii_digit())
}
