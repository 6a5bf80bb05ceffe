//! Error events.

use fapilog_format::json::{put_key, put_string, put_value};
use fapilog_plugin::{
    event::{Event, FieldRef},
    field_group::FieldGroup,
    text::{bounded::front, number::put_u64},
    value::ValueRef,
};

use crate::encode::{
    FIELDS_END_MAX, NAME_BYTES_MAX, SentryConstants, TraceIds,
    breadcrumbs::{Breadcrumbs, cut},
    exception::put_exception,
    level_name, put_as_text, put_event_id, put_seconds,
};

/// The longest message: Sentry cuts a longer one itself.
const MESSAGE_BYTES_MAX: usize = 8192;

/// The longest value and name of a tag: Sentry refuses longer ones.
const TAG_VALUE_CHARS_MAX: usize = 200;
const TAG_NAME_CHARS_MAX: usize = 32;

/// Appends the payload of an item `event`. All that is bounded stands in front of the fields.
pub(super) fn put_error_event(
    constants: &SentryConstants,
    event: &Event<'_>,
    breadcrumbs: &mut Breadcrumbs,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    let context = event.counted_fields(FieldGroup::Context);
    out.extend_from_slice(b"{\"event_id\":\"");
    put_event_id(event.id(), out);
    out.extend_from_slice(b"\",\"timestamp\":");
    put_seconds(event.timestamp().unix_nanos(), out);
    out.extend_from_slice(b",\"platform\":\"native\",\"level\":\"");
    out.extend_from_slice(level_name(event.level()).as_bytes());
    out.extend_from_slice(b"\",\"logger\":");
    put_string(out, front(event.target(), NAME_BYTES_MAX));
    out.extend_from_slice(&constants.members);
    out.extend_from_slice(b",\"logentry\":{\"formatted\":");
    put_as_text(cut(event.message(), MESSAGE_BYTES_MAX), scratch, out);
    if let Some(template) = event.message_literal() {
        out.extend_from_slice(b",\"message\":");
        put_string(out, front(template, MESSAGE_BYTES_MAX));
    }
    out.push(b'}');
    put_fingerprint(event, out);
    put_contexts(event, context, out);
    put_user(context, scratch, out);
    put_exception(event, context, out);
    breadcrumbs.put(event, out);
    let omitted = put_tags(event, start, scratch, out) + put_extra(event, context, start, out);
    if omitted > 0 {
        out.extend_from_slice(b",\"omitted_fields\":");
        put_u64(out, omitted);
    }
    out.extend_from_slice(b"}}");
}

/// Events of one call site are one issue: by its template, which stays the same when lines move, or by its place.
fn put_fingerprint(event: &Event<'_>, out: &mut Vec<u8>) {
    let Some(place) = event.location() else { return };
    out.extend_from_slice(b",\"fingerprint\":[");
    put_string(out, front(place.module, NAME_BYTES_MAX));
    out.push(b',');
    match event.message_literal() {
        Some(template) => put_string(out, front(template, NAME_BYTES_MAX)),
        None => put_string(out, &place.to_string()),
    }
    out.push(b']');
}

fn put_contexts(event: &Event<'_>, context: &[FieldRef<'_>], out: &mut Vec<u8>) {
    let trace = TraceIds::of(context);
    out.extend_from_slice(b",\"contexts\":{\"fapilog\":{\"type\":\"default\",\"source\":");
    put_string(out, front(event.source().name(), NAME_BYTES_MAX));
    out.extend_from_slice(b",\"event_id\":");
    put_string(out, &event.id().to_string());
    if let Some(id) = event.correlation_id() {
        out.extend_from_slice(b",\"correlation_id\":");
        put_string(out, front(id, NAME_BYTES_MAX));
    }
    out.push(b'}');
    // Sentry wants both ids of a trace.
    if let (Some(trace_id), Some(span_id)) = (trace.trace_id, trace.span_id) {
        out.extend_from_slice(b",\"trace\":{\"type\":\"trace\",\"trace_id\":");
        put_string(out, trace_id);
        out.extend_from_slice(b",\"span_id\":");
        put_string(out, span_id);
        out.push(b'}');
    }
    out.push(b'}');
}

fn put_user(context: &[FieldRef<'_>], scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
    let mut is_open = false;
    for (member, names) in [
        ("id", ["user_id", "user.id"]),
        ("username", ["user_name", "user.name"]),
        ("email", ["user_email", "user.email"]),
    ] {
        let Some(field) = context.iter().find(|field| names.contains(&field.name)) else { continue };
        out.extend_from_slice(if is_open { b"," } else { b",\"user\":{" });
        is_open = true;
        put_key(out, member);
        put_as_text(cut(field.value, NAME_BYTES_MAX), scratch, out);
    }
    if is_open {
        out.push(b'}');
    }
}

/// Puts the tags, and returns how many would make the event too long.
fn put_tags(event: &Event<'_>, start: usize, scratch: &mut Vec<u8>, out: &mut Vec<u8>) -> u64 {
    let mut omitted = 0;
    out.extend_from_slice(b",\"tags\":{\"source\":");
    put_tag_value(ValueRef::Text(event.source().name()), scratch, out);
    for field in event.counted_fields(FieldGroup::Tags).iter().filter(|field| field.name != "source") {
        if !is_tag_name(field.name) || out.len() - start > FIELDS_END_MAX {
            omitted += 1;
            continue;
        }
        out.push(b',');
        put_key(out, field.name);
        put_tag_value(field.value, scratch, out);
    }
    out.push(b'}');
    omitted
}

fn is_tag_name(name: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    (1..=TAG_NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(is_of_name)
}

fn put_tag_value(value: ValueRef<'_>, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Text(text) => {
            let line = text.lines().next().unwrap_or_default();
            let end = line.char_indices().nth(TAG_VALUE_CHARS_MAX).map_or(line.len(), |(end, _)| end);
            put_string(out, line.get(..end).unwrap_or_default());
        }
        other => {
            let mut text = Vec::new();
            put_as_text(other, scratch, &mut text);
            out.extend_from_slice(if text.len() <= TAG_VALUE_CHARS_MAX { &text } else { b"\"[too long]\"" });
        }
    }
}

/// Opens `extra` and puts fields and metrics. Returns how many would make the event too long.
fn put_extra(event: &Event<'_>, context: &[FieldRef<'_>], start: usize, out: &mut Vec<u8>) -> u64 {
    let mut omitted = 0;
    out.extend_from_slice(b",\"extra\":{\"severity\":");
    put_u64(out, event.severity().into());
    for (open, fields) in [("context", context), ("metrics", event.counted_fields(FieldGroup::Metrics))] {
        if fields.is_empty() {
            continue;
        }
        out.push(b',');
        put_key(out, open);
        out.push(b'{');
        let first = out.len();
        for field in fields {
            let begin = out.len();
            if begin > first {
                out.push(b',');
            }
            put_key(out, field.name);
            put_value(out, field.value);
            if out.len() - start > FIELDS_END_MAX {
                out.truncate(begin);
                omitted += 1;
            }
        }
        out.push(b'}');
    }
    omitted
}
