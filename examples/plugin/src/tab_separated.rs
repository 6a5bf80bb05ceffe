//! A formatter.

use std::io::Write;

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, FieldRef},
    formatter::Formatter,
    record_end::RecordEnd,
    value::ValueRef,
};

/// Renders each event as a line: level, source, message, then each field as `key=value`, with tabs between.
///
/// Control characters and backslashes are escaped as in Rust, so that whatever was logged is one line. A value that is no
/// text is as `Debug` has it.
#[derive(Debug, Default)]
pub struct TabSeparated {
    _private: (),
}

impl TabSeparated {
    /// The formatter.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Formatter for TabSeparated {
    fn name(&self) -> &'static str {
        "tab_separated"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        for event in batch.events() {
            out.extend_from_slice(event.level().name().as_bytes());
            out.push(b'\t');
            put_text(out, event.source().name());
            out.push(b'\t');
            put_value(out, event.message());
            event.fields().filter(|field| counts(event, field)).for_each(|field| put_field(out, field));
            if event.is_cut() {
                out.extend_from_slice(b"\ttruncated=true");
            }
            out.push(b'\n');
        }
        Ok(())
    }

    /// A sink that has written a part of a payload counts the records in it.
    fn record_end(&self) -> RecordEnd {
        RecordEnd::LineFeed
    }
}

/// Whether it is the value that counts, of those under one key.
fn counts(event: &Event<'_>, field: &FieldRef<'_>) -> bool {
    event.field(field.group, field.name) == Some(field.value)
}

fn put_field(out: &mut Vec<u8>, field: FieldRef<'_>) {
    out.push(b'\t');
    put_text(out, field.name);
    out.push(b'=');
    put_value(out, field.value);
}

fn put_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Text(text) => put_text(out, text),
        ValueRef::U64(n) => put_text(out, &n.to_string()),
        ValueRef::I64(n) => put_text(out, &n.to_string()),
        other => put_text(out, &other.to_string()),
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        // Writing to a vector does not fail.
        let _ = match c {
            '\\' => write!(out, r"\\"),
            c if c.is_control() => write!(out, "{}", c.escape_default()),
            c => write!(out, "{c}"),
        };
    }
}
