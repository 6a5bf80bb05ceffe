//! Parts of an event as text, for labels, structured metadata and tenants.

use fapilog_plugin::{
    event::{Event, FieldPath},
    level::Level,
    text::{number::put_u64, plain::put_plain},
    value::ValueRef,
};

/// A part of an event, by its name in settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EventPart {
    Level,
    Category,
    Target,
    Source,
    CorrelationId,
    EventId,
    Field(FieldPath),
}

impl From<&str> for EventPart {
    fn from(name: &str) -> Self {
        match name {
            "level" => Self::Level,
            "category" => Self::Category,
            "target" => Self::Target,
            "source" => Self::Source,
            "correlation_id" => Self::CorrelationId,
            "event_id" => Self::EventId,
            path => Self::Field(path.into()),
        }
    }
}

impl EventPart {
    /// Appends the text, which is UTF-8. Nothing for a part that the event does not have.
    pub(crate) fn put(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Level => out.extend_from_slice(level_name(event.level()).as_bytes()),
            Self::Category => out.extend(event.category().name().bytes().map(|byte| byte.to_ascii_lowercase())),
            Self::Target => out.extend_from_slice(event.target().as_bytes()),
            Self::Source => out.extend_from_slice(event.source().name().as_bytes()),
            Self::CorrelationId => out.extend_from_slice(event.correlation_id().unwrap_or_default().as_bytes()),
            Self::EventId => put_event_id(event, out),
            Self::Field(path) => put_value(path.of(event), out),
        }
    }
}

/// Appends a value as plain text. Nothing stands for a value that is missing.
fn put_value(value: Option<ValueRef<'_>>, out: &mut Vec<u8>) {
    match value {
        None | Some(ValueRef::None) => {}
        Some(value) => put_plain(out, value),
    }
}

/// Appends the id of an event.
pub(crate) fn put_event_id(event: &Event<'_>, out: &mut Vec<u8>) {
    let id = event.id();
    out.extend_from_slice(&id.instance.encode());
    out.push(b'-');
    put_u64(out, id.producer.into());
    out.push(b'-');
    put_u64(out, id.sequence);
}

/// The name of a level as Grafana knows it. It has none for AUDIT and SECURITY.
fn level_name(level: Level) -> &'static str {
    match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warning => "warn",
        Level::Error => "error",
        Level::Critical => "critical",
        Level::Audit => "audit",
        Level::Security => "security",
    }
}
