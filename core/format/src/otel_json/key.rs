//! Names of attributes, and the fields that a record has in places of their own.

use fapilog_plugin::event::FieldRef;
use fapilog_record::{field_group::FieldGroup, text::number::put_u64, value::ValueRef};

use crate::json::{put_escaped, put_string};

/// Names that fapilog and its integrations use, and those of OpenTelemetry's semantic conventions.
const KNOWN: &[(&str, &str)] = &[
    ("backtrace", "exception.stacktrace"),
    ("environment", "deployment.environment.name"),
    ("err", "exception.message"),
    ("error", "exception.message"),
    ("hostname", "host.name"),
    ("pid", "process.pid"),
    ("process_id", "process.pid"),
    ("service", "service.name"),
    ("thread_id", "thread.id"),
    ("thread_name", "thread.name"),
    ("user_id", "user.id"),
    ("version", "service.version"),
];

/// Attributes that records have for the event itself. An attribute must have a name.
const OWN: &[&str] = &[
    "",
    "correlation_id",
    "fapilog.category",
    "fapilog.target",
    "fapilog.truncated",
    "fapilog.truncated_fields",
    "log.record.uid",
];

/// Attributes of the place of the log call.
const PLACE: &[&str] = &["code.file.path", "code.line.number"];

/// The name of an attribute, in two parts: a prefix, which may be empty, and the name. A name that records have for the event itself begins
/// with `field.`. `has_places` is true where records have the places of log calls.
#[must_use]
pub fn attribute_name(group: FieldGroup, name: &str, has_places: bool) -> (&'static str, &str) {
    let known = KNOWN.iter().find(|(known, _)| *known == name && group == FieldGroup::Context);
    if let Some((_, attribute)) = known {
        return ("", attribute);
    }
    let is_own = OWN.contains(&name) || (has_places && PLACE.contains(&name));
    (if is_own { "field." } else { "" }, name)
}

/// Appends the name of an attribute, without quotes.
pub(super) fn put_attribute_name(out: &mut Vec<u8>, group: FieldGroup, name: &str, has_places: bool) {
    let (prefix, name) = attribute_name(group, name, has_places);
    out.extend_from_slice(prefix.as_bytes());
    put_escaped(out, name.as_bytes());
}

/// A field that a log record has as a member, and not as an attribute. The parts of a trace's context are valid by W3C's Trace Context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordMember<'a> {
    /// 32 hexadecimal digits.
    TraceId(&'a str),
    /// 16 hexadecimal digits.
    SpanId(&'a str),
    /// The flags of the trace.
    Flags(u8),
    /// The name of the event: all events of one name have the same attributes.
    EventName(&'a str),
}

const TRACE_ID: &str = "trace_id";
const SPAN_ID: &str = "span_id";
const TRACE_FLAGS: &str = "trace_flags";
const EVENT_NAME: &str = "event_name";

/// Whether a field of this name, in the context of an event, may be a [member](record_member).
#[must_use]
pub fn may_be_member(name: &str) -> bool {
    matches!(name, TRACE_ID | SPAN_ID | TRACE_FLAGS | EVENT_NAME)
}

/// The member of the record that a field of the context is: `trace_id`, `span_id`, `trace_flags`, `event_name`. A Collector refuses the whole
/// request for an id that is none, so such a field is an attribute like others.
#[must_use]
pub fn record_member<'a>(field: &FieldRef<'a>) -> Option<RecordMember<'a>> {
    match (field.name, field.value) {
        (TRACE_ID, ValueRef::Text(id)) if is_id(id, 32) => Some(RecordMember::TraceId(id)),
        (SPAN_ID, ValueRef::Text(id)) if is_id(id, 16) => Some(RecordMember::SpanId(id)),
        (TRACE_FLAGS, ValueRef::U64(flags)) => u8::try_from(flags).ok().map(RecordMember::Flags),
        (TRACE_FLAGS, ValueRef::Text(flags)) if is_hex(flags) && flags.len() == 2 => {
            u8::from_str_radix(flags, 16).ok().map(RecordMember::Flags)
        }
        (EVENT_NAME, ValueRef::Text(name)) if !name.is_empty() => Some(RecordMember::EventName(name)),
        _ => None,
    }
}

fn is_id(text: &str, digits: usize) -> bool {
    text.len() == digits && is_hex(text) && text.bytes().any(|byte| byte != b'0')
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl RecordMember<'_> {
    /// Appends the member of the record, with a comma before it.
    pub(super) fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::TraceId(id) => put_id(out, ",\"traceId\":\"", id),
            Self::SpanId(id) => put_id(out, ",\"spanId\":\"", id),
            Self::Flags(flags) => {
                out.extend_from_slice(b",\"flags\":");
                put_u64(out, flags.into());
            }
            Self::EventName(name) => {
                out.extend_from_slice(b",\"eventName\":");
                put_string(out, name);
            }
        }
    }
}

/// Ids are digits, so nothing is escaped.
fn put_id(out: &mut Vec<u8>, start: &str, id: &str) {
    out.extend_from_slice(start.as_bytes());
    out.extend(id.bytes().map(|byte| byte.to_ascii_lowercase()));
    out.push(b'"');
}
