//! A line of a log file: an event in JSON, or plain text.

use std::borrow::Cow;

use fapilog::Level;
use jiff::Timestamp;

use crate::json::{JsonKind, JsonValue, Tape};

/// Keys of the lines that `format::Json` writes: `docs/json.md`. `fields` is one of tracing-subscriber's JSON format.
pub(crate) mod key {
    pub(crate) const TIMESTAMP: &str = "timestamp";
    pub(crate) const LEVEL: &str = "level";
    pub(crate) const SEVERITY: &str = "severity";
    pub(crate) const CATEGORY: &str = "category";
    pub(crate) const TARGET: &str = "target";
    pub(crate) const CALL_SITE: &str = "call_site";
    pub(crate) const SOURCE: &str = "source";
    pub(crate) const EVENT_ID: &str = "event_id";
    pub(crate) const MESSAGE: &str = "message";
    pub(crate) const CORRELATION_ID: &str = "correlation_id";
    pub(crate) const CONTEXT: &str = "context";
    pub(crate) const FIELDS: &str = "fields";
    pub(crate) const TAGS: &str = "tags";
    pub(crate) const METRICS: &str = "metrics";
    pub(crate) const TRUNCATED: &str = "truncated";
    pub(crate) const TRUNCATED_FIELDS: &str = "truncated_fields";
    pub(crate) const NOT_UTF8: &str = "not_utf8";
}

/// A line, without its line end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogLine<'a> {
    bytes: &'a [u8],
    object: Option<JsonValue<'a>>,
}

impl<'a> LogLine<'a> {
    /// Reads a line. A line that is no JSON object is plain text.
    pub(crate) fn read(bytes: &'a [u8], tape: &'a mut Tape) -> Self {
        Self { bytes, object: tape.read(bytes) }
    }

    /// A line that was read to this tape.
    pub(crate) fn read_before(bytes: &'a [u8], tape: &'a Tape, is_event: bool) -> Self {
        Self { bytes, object: tape.object(bytes).filter(|_| is_event) }
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The event, if the line is no plain text.
    pub(crate) fn event(&self) -> Option<LogEvent<'a>> {
        self.object.map(LogEvent)
    }
}

/// An event of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogEvent<'a>(JsonValue<'a>);

impl<'a> LogEvent<'a> {
    pub(crate) fn object(self) -> JsonValue<'a> {
        self.0
    }

    pub(crate) fn get(self, key: &str) -> Option<JsonValue<'a>> {
        self.0.get(key)
    }

    /// The text of a key whose value is a string.
    pub(crate) fn text(self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key).filter(|value| value.kind() == JsonKind::Text).map(JsonValue::text)
    }

    /// The message: the event's own, or that in its `fields`.
    pub(crate) fn message(self) -> Option<JsonValue<'a>> {
        self.get(key::MESSAGE).or_else(|| self.nested_fields()?.get(key::MESSAGE))
    }

    /// The object `fields` of tracing-subscriber's JSON format, which has the message and the fields of the event. A line with a
    /// message or a context of its own has a field of that name.
    pub(crate) fn nested_fields(self) -> Option<JsonValue<'a>> {
        let fields = self.get(key::FIELDS).filter(|fields| fields.kind() == JsonKind::Object)?;
        let has_own = self.get(key::MESSAGE).is_some() || self.get(key::CONTEXT).is_some();
        (!has_own).then_some(fields)
    }

    pub(crate) fn level(self) -> Option<Level> {
        self.text(key::LEVEL)?.parse().ok()
    }

    pub(crate) fn time(self) -> Option<Timestamp> {
        self.text(key::TIMESTAMP)?.parse().ok()
    }
}
