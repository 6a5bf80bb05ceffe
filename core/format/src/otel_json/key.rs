//! Names of attributes, and the fields that a record has in places of their own.

use fapilog_plugin::event::FieldRef;
use fapilog_record::{field_group::FieldGroup, text::number::put_u64, value::ValueRef};

use crate::json::put_escaped;

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

/// Appends the name of an attribute, without quotes. A name that records have for the event itself begins with `field.`.
pub(super) fn put_attribute_name(out: &mut Vec<u8>, group: FieldGroup, name: &str, has_places: bool) {
    let known = KNOWN.iter().find(|(known, _)| *known == name && group == FieldGroup::Context);
    if let Some((_, attribute)) = known {
        out.extend_from_slice(attribute.as_bytes());
        return;
    }
    if OWN.contains(&name) || (has_places && PLACE.contains(&name)) {
        out.extend_from_slice(b"field.");
    }
    put_escaped(out, name.as_bytes());
}

/// A part of a trace's context, valid by W3C's Trace Context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TracePart<'a> {
    TraceId(&'a str),
    SpanId(&'a str),
    Flags(u8),
}

const TRACE_ID: &str = "trace_id";
const SPAN_ID: &str = "span_id";
const TRACE_FLAGS: &str = "trace_flags";

/// Whether a field of this name may be a part of a trace's context.
pub(super) fn may_be_of_trace(name: &str) -> bool {
    matches!(name, TRACE_ID | SPAN_ID | TRACE_FLAGS)
}

/// The part of a trace's context that a field is. A Collector refuses the whole line for an id that is none, so such a field is an
/// attribute like others.
pub(super) fn of_trace<'a>(field: &FieldRef<'a>) -> Option<TracePart<'a>> {
    match (field.name, field.value) {
        (TRACE_ID, ValueRef::Text(id)) if is_id(id, 32) => Some(TracePart::TraceId(id)),
        (SPAN_ID, ValueRef::Text(id)) if is_id(id, 16) => Some(TracePart::SpanId(id)),
        (TRACE_FLAGS, ValueRef::U64(flags)) => u8::try_from(flags).ok().map(TracePart::Flags),
        (TRACE_FLAGS, ValueRef::Text(flags)) if is_hex(flags) && flags.len() == 2 => {
            u8::from_str_radix(flags, 16).ok().map(TracePart::Flags)
        }
        _ => None,
    }
}

fn is_id(text: &str, digits: usize) -> bool {
    text.len() == digits && is_hex(text) && text.bytes().any(|byte| byte != b'0')
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl TracePart<'_> {
    /// Appends the member of the record, with a comma before it.
    pub(super) fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::TraceId(id) => put_id(out, ",\"traceId\":\"", id),
            Self::SpanId(id) => put_id(out, ",\"spanId\":\"", id),
            Self::Flags(flags) => {
                out.extend_from_slice(b",\"flags\":");
                put_u64(out, flags.into());
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
