//! GELF 1.1: JSON as Graylog and its inputs know it.

#[cfg(test)]
mod tests;

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Location},
    formatter::Formatter,
    record_end::RecordEnd,
};
use fapilog_record::{
    field_group::FieldGroup,
    level::Level,
    text::{fixed::put_front, number::put_u64},
    timestamp::Timestamp,
    value::ValueRef,
};

use crate::{
    json::{
        put_string, put_value,
        scalar::{is_long_integer, put_as_string},
    },
    line_options::line_option_setters,
    syslog,
    template::{LineFormat, LineMarks, LinePart, LineWriter},
};

/// The short message of an event without one: Graylog refuses an empty one.
const NO_MESSAGE: &str = "-";

/// Additional fields that lines have for the event itself; and those that Graylog has of its own, and would skip.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "id", "_id", "source", "message", "full_message", "short_message", "timestamp", "level", "host", "version",
    "streams", "facility", "event_id", "logger", "target", "file", "line", "severity", "category", "correlation_id",
    "truncated", "truncated_fields", "not_utf8",
];

/// Renders events as messages of GELF 1.1, the format of Graylog, one JSON object a line:
///
/// ```json
/// {"version":"1.1","host":"node-7","timestamp":1769903999.123456789,"level":6,"short_message":"order filled",
///  "_logger":"matching-engine","_target":"engine::orders","_event_id":"4fk2m09q7vh1-3-1024","_severity":3,
///  "_category":"SYSTEM","_order_id":42}
/// ```
///
/// (in one line). A message of several lines has its first line as `short_message`, and all of it as `full_message`. The page
/// `docs/formats-for-products.md` has the rules of names and values.
#[derive(Debug, Default)]
pub struct Gelf {
    lines: LineWriter<GelfLine>,
}

impl Gelf {
    /// The formatter with its defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The `host` of each message. Default: the node name of `uname(2)`, read when the formatter is made. An empty name is not allowed in
    /// GELF, and stands for the default.
    #[must_use]
    pub fn host(self, name: &str) -> Self {
        let name = if name.is_empty() { system_host() } else { name.to_owned() };
        Self { lines: self.lines.with_format(|line| line.host = name) }
    }

    line_option_setters!(call_site);
}

impl Formatter for Gelf {
    fn name(&self) -> &'static str {
        "gelf"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        self.lines.format(batch, out);
        Ok(())
    }

    fn record_end(&self) -> RecordEnd {
        RecordEnd::LineFeed
    }
}

/// The name of this machine, or of the container.
fn system_host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

#[derive(Debug)]
struct GelfLine {
    host: String,
    scratch: Vec<u8>,
}

impl Default for GelfLine {
    fn default() -> Self {
        Self { host: system_host(), scratch: Vec::new() }
    }
}

impl LineFormat for GelfLine {
    const PARTS: &'static [LinePart] = &[
        LinePart::OwnTime,
        LinePart::Message,
        LinePart::Source,
        LinePart::Target,
        LinePart::Id,
        LinePart::Severity,
        LinePart::Category,
        LinePart::CorrelationId,
        LinePart::Fields,
    ];

    const LINE_END: &'static [u8] = b"}\n";

    const HAS_COMMON_KEYS: bool = true;

    fn before(&self, part: LinePart, _: bool, level: Level, out: &mut Vec<u8>) {
        let text = match part {
            LinePart::OwnTime => {
                out.extend_from_slice(b"{\"version\":\"1.1\",\"host\":");
                put_string(out, &self.host);
                ",\"timestamp\":"
            }
            LinePart::Message => {
                out.extend_from_slice(b",\"level\":");
                put_u64(out, syslog::severity(level).into());
                ",\"short_message\":"
            }
            LinePart::Source => ",\"_logger\":",
            LinePart::Target => ",\"_target\":",
            LinePart::Id => ",\"_event_id\":\"",
            LinePart::Severity => "\",\"_severity\":",
            LinePart::Category => ",\"_category\":\"",
            // Not among the parts, or with text of their own.
            _ => "",
        };
        out.extend_from_slice(text.as_bytes());
    }

    fn behind(&self, part: LinePart, _: Level, out: &mut Vec<u8>) {
        if part == LinePart::Category {
            out.push(b'"');
        }
    }

    /// Seconds since 1970, with nine decimals.
    fn put_own_time(&self, timestamp: Timestamp, out: &mut Vec<u8>) {
        const NANOS_PER_SECOND: u64 = 1_000_000_000;
        let nanos = timestamp.unix_nanos();
        put_u64(out, nanos / NANOS_PER_SECOND);
        out.push(b'.');
        let mut digits = [b'0'; 9];
        let mut left = nanos % NANOS_PER_SECOND;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
        put_front(out, &digits, digits.len());
    }

    fn put_text(&self, text: &str, out: &mut Vec<u8>) {
        put_string(out, text);
    }

    fn put_location(&self, location: Location, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"_file\":");
        put_string(out, location.file);
        out.extend_from_slice(b",\"_line\":");
        put_u64(out, location.line.into());
    }

    /// Numbers and strings. Graylog has no `bool`, no list and no object, and keeps integers of 64 bits.
    #[inline(always)]
    fn put_value(&mut self, value: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        match value {
            ValueRef::I64(_) | ValueRef::F64(_) | ValueRef::Text(_) => put_value(out, value),
            ValueRef::Bool(_) | ValueRef::Sequence(_) | ValueRef::Map(_) => {
                put_as_string(out, value, &mut self.scratch)
            }
            value if is_long_integer(value) => put_as_string(out, value, &mut self.scratch),
            value => put_value(out, value),
        }
    }

    fn put_message(&mut self, message: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        let text = match message {
            ValueRef::Text(text) => Some(text),
            ValueRef::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        };
        let Some((first, is_whole)) = text.map(first_line) else {
            return put_as_string(out, message, &mut self.scratch);
        };
        put_string(out, if first.is_empty() { NO_MESSAGE } else { first });
        if !is_whole {
            out.extend_from_slice(b",\"full_message\":");
            return put_value(out, message);
        }
        true
    }

    fn put_correlation_id(&self, id: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"_correlation_id\":");
        put_string(out, id);
    }

    fn open_group(&self, _: FieldGroup, out: &mut Vec<u8>) {
        out.push(b',');
    }

    fn separate_fields(&self, out: &mut Vec<u8>) {
        out.push(b',');
    }

    fn put_key(&self, _: FieldGroup, name: &str, out: &mut Vec<u8>) {
        put_name(out, name);
        out.extend_from_slice(b"\":");
    }

    fn put_numbered_key(&self, _: FieldGroup, name: &str, number: u32, out: &mut Vec<u8>) {
        put_name(out, name);
        out.push(b'_');
        put_u64(out, number.into());
        out.extend_from_slice(b"\":");
    }

    /// The text of a string, without its quotes: names with commas between.
    fn mark(&self, group: FieldGroup, name: &str, marks: &mut Vec<u8>) {
        if !marks.is_empty() {
            marks.push(b',');
        }
        marks.extend_from_slice(group.name().as_bytes());
        if group.is_keyed() {
            marks.push(b'.');
            crate::json::put_escaped(marks, name.as_bytes());
        }
    }

    fn put_marks(&self, is_cut: bool, marks: &mut LineMarks, out: &mut Vec<u8>) {
        if is_cut {
            out.extend_from_slice(b",\"_truncated\":\"true\"");
        }
        put_names(",\"_truncated_fields\":\"", &mut marks.cut, out);
        put_names(",\"_not_utf8\":\"", &mut marks.not_utf8, out);
    }
}

fn put_names(start: &str, names: &mut Vec<u8>, out: &mut Vec<u8>) {
    if !names.is_empty() {
        out.extend_from_slice(start.as_bytes());
        out.append(names);
        out.push(b'"');
    }
}

/// The first line of a message that has text in it, and whether that is all of the message but space around it.
fn first_line(message: &str) -> (&str, bool) {
    let message = message.trim();
    match message.split_once(['\n', '\r']) {
        Some((first, _)) => (first.trim_end(), false),
        None => (message, true),
    }
}

/// Appends the name of an additional field, without its closing quote. GELF allows letters, digits, `_`, `-` and `.`; all else is `_`. A
/// reserved name begins with `field_`.
fn put_name(out: &mut Vec<u8>, name: &str) {
    let as_name = |byte: u8| if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.') { byte } else { b'_' };
    out.extend_from_slice(b"\"_");
    let is_reserved = name.starts_with("gl2_") || RESERVED.iter().any(|own| own.bytes().eq(name.bytes().map(as_name)));
    if is_reserved {
        out.extend_from_slice(b"field_");
    }
    out.extend(name.bytes().map(as_name));
    if name.is_empty() {
        out.push(b'_');
    }
}
