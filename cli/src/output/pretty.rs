//! Lines for people.
//!
//! ```text
//! 2026-11-30T11:00:00.123456+01:00 INFO     matching-engine [engine::orders] order filled order_id=42 tags.region=eu
//! ```
//!
//! The line is that of `format::Pretty`, with the date. A text with line ends stands below its event, indented: no text can pass for
//! the line of another event. Control characters are escaped, also in plain text.

use fapilog::{event::FieldGroup, format::text::put_pretty_key};
use jiff::Timestamp;

use crate::{
    json::{JsonKind, JsonValue},
    line::{LogEvent, LogLine, key},
    output::{
        OutputLayout,
        colors::{BOLD, DIM, RED, color_of},
        time_text,
        values::{TextDialect, put_harmless, put_message, put_text, put_value},
    },
};

/// As wide as the longest level's name.
const LEVEL_WIDTH: usize = 8;

/// As wide as the relative time of a request of up to a thousand seconds.
const ELAPSED_WIDTH: usize = 12;

pub(super) fn put(line: &LogLine<'_>, layout: &OutputLayout, out: &mut Vec<u8>) {
    match line.event() {
        Some(event) => put_event(event, layout, out),
        None => put_harmless(out, String::from_utf8_lossy(line.bytes()).trim_end_matches('\r')),
    }
}

fn put_event(event: LogEvent<'_>, layout: &OutputLayout, out: &mut Vec<u8>) {
    let start = out.len();
    put_time(event, layout, out);
    put_level(event, layout, out);
    put_place(event, layout, out);
    if let Some(message) = event.message() {
        put_space(out, start);
        layout.paint.put(BOLD, out, |out| put_message(out, message, TextDialect::People));
    }
    let mut below = Vec::new();
    if layout.fields.is_empty() {
        put_all_fields(event, layout, out, &mut below);
    } else {
        for field in &layout.fields {
            if let Some(value) = field.path.find(event) {
                put_field(out, &mut below, layout, |out| put_harmless(out, &field.name), &field.name, value);
            }
        }
    }
    // A relative time is padded; any other first part has a space in front of it.
    if layout.origin.is_none() && out.get(start) == Some(&b' ') {
        out.remove(start);
    }
    out.extend_from_slice(&below);
}

fn put_space(out: &mut Vec<u8>, start: usize) {
    if out.len() > start {
        out.push(b' ');
    }
}

fn put_time(event: LogEvent<'_>, layout: &OutputLayout, out: &mut Vec<u8>) {
    let time = event.time();
    if let Some(origin) = layout.origin {
        let elapsed = time.map_or_else(|| "-".to_owned(), |time| elapsed_text(origin, time));
        layout.paint.put("", out, |out| out.extend_from_slice(format!("{elapsed:>ELAPSED_WIDTH$} ").as_bytes()));
    }
    match time {
        Some(time) => {
            let text = time_text(time, &layout.zone);
            layout.paint.put(DIM, out, |out| out.extend_from_slice(text.as_bytes()));
        }
        None => {
            if let Some(text) = event.get(key::TIMESTAMP) {
                layout.paint.put(DIM, out, |out| put_value(out, text, TextDialect::People));
            }
        }
    }
}

/// Seconds since the first event, with microseconds.
pub(super) fn elapsed_text(origin: Timestamp, time: Timestamp) -> String {
    format!("{:+.6}s", time.duration_since(origin).as_secs_f64())
}

fn put_level(event: LogEvent<'_>, layout: &OutputLayout, out: &mut Vec<u8>) {
    let Some(value) = event.get(key::LEVEL) else { return };
    out.push(b' ');
    let level = event.level();
    let text = value.text();
    let name = match level {
        Some(level) => level.name(),
        None => text.as_ref(),
    };
    layout.paint.put(level.map_or("", color_of), out, |out| put_text(out, name));
    out.extend(std::iter::repeat_n(b' ', LEVEL_WIDTH.saturating_sub(name.chars().count())));
}

fn put_place(event: LogEvent<'_>, layout: &OutputLayout, out: &mut Vec<u8>) {
    if let Some(source) = event.get(key::SOURCE) {
        out.push(b' ');
        layout.paint.put(DIM, out, |out| put_text(out, &source.text()));
    }
    let mut places = [key::TARGET, key::CALL_SITE].into_iter().filter_map(|key| event.get(key)).peekable();
    if places.peek().is_none() {
        return;
    }
    out.push(b' ');
    layout.paint.put(DIM, out, |out| {
        out.push(b'[');
        for (index, place) in places.enumerate() {
            out.extend_from_slice(if index > 0 { b" " } else { b"" });
            put_text(out, &place.text());
        }
        out.push(b']');
    });
}

fn put_all_fields(event: LogEvent<'_>, layout: &OutputLayout, out: &mut Vec<u8>, below: &mut Vec<u8>) {
    let has_nested = event.nested_fields().is_some();
    for (name, value) in event.object().members() {
        let name = name.text();
        // A group of another writer that is no object is a field.
        let is_group = value.kind() == JsonKind::Object;
        let group = match name.as_ref() {
            key::CONTEXT if is_group => FieldGroup::Context,
            key::FIELDS if is_group && has_nested => {
                for (name, value) in value.members().filter(|(name, _)| name.text() != key::MESSAGE) {
                    let name = name.text();
                    put_field(out, below, layout, |out| put_pretty_key(out, FieldGroup::Context, &name), &name, value);
                }
                continue;
            }
            key::TAGS if is_group => FieldGroup::Tags,
            key::METRICS if is_group => FieldGroup::Metrics,
            key::TIMESTAMP
            | key::LEVEL
            | key::SEVERITY
            | key::CATEGORY
            | key::TARGET
            | key::CALL_SITE
            | key::SOURCE
            | key::EVENT_ID
            | key::MESSAGE
            | key::CORRELATION_ID => continue,
            _ => {
                put_field(out, below, layout, |out| put_own_key(out, &name), &name, value);
                continue;
            }
        };
        for (name, value) in value.members() {
            let name = name.text();
            put_field(out, below, layout, |out| put_pretty_key(out, group, &name), &name, value);
        }
    }
    if let Some(id) = event.get(key::CORRELATION_ID) {
        put_field(out, below, layout, |out| put_own_key(out, key::CORRELATION_ID), key::CORRELATION_ID, id);
    }
}

fn put_own_key(out: &mut Vec<u8>, name: &str) {
    put_text(out, name);
}

fn put_field(
    out: &mut Vec<u8>,
    below: &mut Vec<u8>,
    layout: &OutputLayout,
    put_key: impl Fn(&mut Vec<u8>),
    name: &str,
    value: JsonValue<'_>,
) {
    let color = if matches!(name, "error" | "err") { RED } else { "" };
    if value.kind() == JsonKind::Text && value.text().trim_end().contains('\n') {
        put_below(below, layout, put_key, color, &value.text());
        return;
    }
    out.push(b' ');
    layout.paint.put(DIM, out, |out| {
        put_key(out);
        out.push(b'=');
    });
    layout.paint.put(color, out, |out| put_value(out, value, TextDialect::People));
}

/// A text on lines of its own.
fn put_below(below: &mut Vec<u8>, layout: &OutputLayout, put_key: impl Fn(&mut Vec<u8>), color: &str, text: &str) {
    below.extend_from_slice(b"\n    ");
    layout.paint.put(DIM, below, |below| {
        put_key(below);
        below.push(b':');
    });
    for line in text.lines() {
        below.extend_from_slice(b"\n      ");
        layout.paint.put(color, below, |below| put_harmless(below, line));
    }
}
