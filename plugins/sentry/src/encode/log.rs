//! Structured logs.

use fapilog_format::json::{put_key, put_string, put_value};
use fapilog_plugin::{
    event::{Event, FieldRef},
    field_group::FieldGroup,
    level::Level,
    text::{bounded::front, number::put_u64},
    value::ValueRef,
};

use crate::encode::{
    BODY_BYTES_MAX, FIELDS_END_MAX, NAME_BYTES_MAX, SentryConstants, TraceIds, breadcrumbs::cut, put_as_text,
    put_event_id, put_hex, put_seconds,
};

/// Appends the log of an event.
pub(super) fn put_log(constants: &SentryConstants, event: &Event<'_>, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
    let start = out.len();
    let context = event.counted_fields(FieldGroup::Context);
    let trace = TraceIds::of(context);
    out.extend_from_slice(b"{\"timestamp\":");
    put_seconds(event.timestamp().unix_nanos(), out);
    out.extend_from_slice(b",\"trace_id\":\"");
    match trace.trace_id {
        Some(id) => out.extend_from_slice(id.as_bytes()),
        // Required of each log: those of a thread have one.
        None => put_hex((u128::from(event.id().instance.to_bits()) << 64) | u128::from(event.id().producer), out),
    }
    if let Some(id) = trace.span_id {
        out.extend_from_slice(b"\",\"span_id\":\"");
        out.extend_from_slice(id.as_bytes());
    }
    out.extend_from_slice(level_and_number(event.level()).as_bytes());
    put_as_text(event_body(event), scratch, out);
    out.extend_from_slice(b",\"attributes\":{");
    out.extend_from_slice(&constants.attributes);
    put_text_attribute("logger.name", event.source().name(), out);
    put_text_attribute("code.namespace", event.target(), out);
    out.extend_from_slice(b",\"fapilog.event_id\":{\"value\":\"");
    put_event_id(event.id(), out);
    out.extend_from_slice(b"\",\"type\":\"string\"}");
    if let Some(id) = event.correlation_id() {
        put_text_attribute("correlation_id", id, out);
    }
    if let Some(template) = event.message_literal() {
        put_text_attribute("sentry.message.template", template, out);
    }
    let mut omitted = 0;
    for (group, fields) in [
        ("", context),
        ("tags.", event.counted_fields(FieldGroup::Tags)),
        ("metrics.", event.counted_fields(FieldGroup::Metrics)),
    ] {
        omitted += put_attributes(group, fields, start, scratch, out);
    }
    if omitted > 0 {
        out.extend_from_slice(b",\"omitted_fields\":{\"value\":");
        put_u64(out, omitted);
        out.extend_from_slice(b",\"type\":\"integer\"}");
    }
    out.extend_from_slice(b"}}");
}

fn event_body<'a>(event: &Event<'a>) -> ValueRef<'a> {
    cut(event.message(), BODY_BYTES_MAX)
}

/// Puts the fields as attributes, and returns how many would make the log too long.
fn put_attributes(group: &str, fields: &[FieldRef<'_>], start: usize, scratch: &mut Vec<u8>, out: &mut Vec<u8>) -> u64 {
    let mut omitted = 0;
    for field in fields {
        let begin = out.len();
        out.push(b',');
        put_grouped_key(group, field.name, out);
        out.extend_from_slice(b"{\"value\":");
        let kind = match field.value {
            ValueRef::Bool(_) => Some("boolean"),
            ValueRef::I64(_) => Some("integer"),
            ValueRef::U64(number) if i64::try_from(number).is_ok() => Some("integer"),
            ValueRef::F64(number) if number.is_finite() => Some("double"),
            ValueRef::F32(number) if number.is_finite() => Some("double"),
            _ => None,
        };
        match kind {
            Some(_) => drop(put_value(out, field.value)),
            None => put_as_text(field.value, scratch, out),
        }
        out.extend_from_slice(b",\"type\":\"");
        out.extend_from_slice(kind.unwrap_or("string").as_bytes());
        out.extend_from_slice(b"\"}");
        if out.len() - start > FIELDS_END_MAX {
            out.truncate(begin);
            omitted += 1;
        }
    }
    omitted
}

/// Puts a key with its colon. A field of the context that has the name of an attribute above has a prefix.
fn put_grouped_key(group: &str, name: &str, out: &mut Vec<u8>) {
    let is_own = matches!(name, "logger.name" | "code.namespace" | "correlation_id" | "omitted_fields")
        || ["sentry.", "fapilog.", "server.", "tags.", "metrics."].iter().any(|prefix| name.starts_with(prefix));
    let group = if group.is_empty() && is_own { "context." } else { group };
    let quote = out.len();
    put_key(out, name);
    out.splice(quote + 1..quote + 1, group.bytes());
}

fn put_text_attribute(name: &str, text: &str, out: &mut Vec<u8>) {
    out.push(b',');
    put_key(out, name);
    out.extend_from_slice(b"{\"value\":");
    put_string(out, front(text, NAME_BYTES_MAX));
    out.extend_from_slice(b",\"type\":\"string\"}");
}

const fn level_and_number(level: Level) -> &'static str {
    match level {
        Level::Trace => "\",\"level\":\"trace\",\"severity_number\":1,\"body\":",
        Level::Debug => "\",\"level\":\"debug\",\"severity_number\":5,\"body\":",
        Level::Info | Level::Audit => "\",\"level\":\"info\",\"severity_number\":9,\"body\":",
        Level::Warning => "\",\"level\":\"warn\",\"severity_number\":13,\"body\":",
        Level::Error | Level::Security => "\",\"level\":\"error\",\"severity_number\":17,\"body\":",
        Level::Critical => "\",\"level\":\"fatal\",\"severity_number\":21,\"body\":",
    }
}
