//! JSON, one object a line.
//!
//! ```json
//! {"timestamp":"2026-01-31T23:59:59.123456789Z","level":"INFO","severity":3,"category":"SYSTEM",
//!  "target":"engine::orders","message":"order filled","source":"matching-engine","event_id":"4fk2m09q7vh1-3-1024",
//!  "correlation_id":"...","context":{"order_id":42},"tags":{"region":"eu"},"metrics":{"latency_ms":3.2},
//!  "truncated":true,"truncated_fields":["context.body"],"not_utf8":["message"]}
//! ```
//!
//! (in one line). With [`call_site`](Json::call_site), `"call_site":"src/orders.rs:42"` stands behind the target. `correlation_id`, `context`, `tags`, `metrics`, `truncated`, `truncated_fields` and `not_utf8` are
//! absent where an event has none. Every line is strict JSON (RFC 8259), whatever was logged:
//!
//! | value | JSON |
//! |---|---|
//! | integers, also of 128 bits | number, all digits |
//! | floats | number, the shortest that reads back the same; `"NaN"`, `"Infinity"`, `"-Infinity"` as in protobuf's JSON mapping |
//! | `Duration` | number of seconds, up to nanoseconds |
//! | `SystemTime` | string, RFC 3339 in UTC; before 1970 or after 2554 a string of seconds since 1970 |
//! | address, UUID, `char` | string |
//! | text | string; control characters are escaped, those beyond ASCII too, and so are line separators, the controls of bidirectional text, characters that are not seen, and `<`, as keys are: no line holds a tag |
//! | bytes | string, if they are UTF-8. If not: the bytes that are not are written `\xNN` and each backslash twice, and the field is named in `not_utf8` (`"message"`, or group and key as in `"context.line"`). [`decode_marked_text`] reads it back |
//! | sequence | array. If an element (or one of its own elements) is not UTF-8, all text and `char`s of the sequence are written as such bytes are: each backslash twice. So every string of a field that is named in `not_utf8` is to be decoded, and no other |
//! | `None` | `null` |

//!
//! # For other formatters and for encoders
//!
//! The functions of this module write these values into any JSON: [`put_string`], [`put_key`], [`put_value`], [`put_fields`], and
//! [`ObjectWriter`] for an object with members of its own. They append to a `Vec<u8>`, and allocate nothing else.

#[cfg(test)]
mod line_tests;
mod marked;
mod object;
pub(crate) mod scalar;
#[cfg(test)]
mod tests;
mod text;
mod value;

pub use self::{
    marked::MarkedFields,
    object::{ObjectWriter, put_fields},
    text::{decode_marked_text, put_key, put_marked_string, put_string},
    value::put_value,
};
pub(crate) use self::{marked::add as add_marked, text::put_escaped};

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Location},
    formatter::Formatter,
    record_end::RecordEnd,
};
use fapilog_record::{field_group::FieldGroup, level::Level, value::ValueRef};

use crate::{
    line_options::line_option_setters,
    template::{LineFormat, LineMarks, LinePart, LineWriter},
};

/// Renders events as JSON, one object a line. The format is on the [module's page](self).
#[doc(alias = "JsonFormatter")]
#[doc(alias = "JSONFormatter")]
#[derive(Debug, Default)]
pub struct Json {
    lines: LineWriter<JsonLine>,
}

impl Json {
    /// The formatter with its defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    line_option_setters!(call_site);
}

impl Formatter for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        self.lines.format(batch, out);
        Ok(())
    }

    fn record_end(&self) -> RecordEnd {
        RecordEnd::LineFeed
    }
}

#[derive(Debug, Default)]
struct JsonLine;

impl LineFormat for JsonLine {
    const PARTS: &'static [LinePart] = &[
        LinePart::Time,
        LinePart::Level,
        LinePart::Severity,
        LinePart::Category,
        LinePart::Target,
        LinePart::Source,
        LinePart::Id,
        LinePart::Message,
        LinePart::CorrelationId,
        LinePart::Fields,
    ];

    const LINE_END: &'static [u8] = b"}\n";

    fn before(&self, part: LinePart, _: bool, _: Level, out: &mut Vec<u8>) {
        let text = match part {
            LinePart::Time => "{\"timestamp\":\"",
            LinePart::Level => "\",\"level\":\"",
            LinePart::Severity => "\",\"severity\":",
            LinePart::Category => ",\"category\":\"",
            LinePart::Target => "\",\"target\":",
            LinePart::Source => ",\"source\":",
            LinePart::Id => ",\"event_id\":\"",
            LinePart::Message => "\",\"message\":",
            // Not among the parts, or with text of their own.
            _ => "",
        };
        out.extend_from_slice(text.as_bytes());
    }

    fn put_text(&self, text: &str, out: &mut Vec<u8>) {
        put_string(out, text);
    }

    fn put_location(&self, location: Location, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"call_site\":");
        put_string(out, &location.to_string());
    }

    #[inline(always)]
    fn put_value(&mut self, value: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        put_value(out, value)
    }

    fn put_message(&mut self, message: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        put_value(out, message)
    }

    fn put_correlation_id(&self, id: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"correlation_id\":");
        put_string(out, id);
    }

    fn open_group(&self, group: FieldGroup, out: &mut Vec<u8>) {
        let text = match group {
            FieldGroup::Tags => ",\"tags\":{",
            FieldGroup::Metrics => ",\"metrics\":{",
            _ => ",\"context\":{",
        };
        out.extend_from_slice(text.as_bytes());
    }

    fn separate_fields(&self, out: &mut Vec<u8>) {
        out.push(b',');
    }

    fn close_group(&self, out: &mut Vec<u8>) {
        out.push(b'}');
    }

    fn put_key(&self, _: FieldGroup, name: &str, out: &mut Vec<u8>) {
        put_key(out, name);
    }

    /// JSON strings, with commas between.
    fn mark(&self, group: FieldGroup, name: &str, marks: &mut Vec<u8>) {
        add_marked(marks, group, name);
    }

    fn put_marks(&self, is_cut: bool, marks: &mut LineMarks, out: &mut Vec<u8>) {
        if is_cut {
            out.extend_from_slice(b",\"truncated\":true");
        }
        put_list(",\"truncated_fields\":[", &mut marks.cut, out);
        put_list(",\"not_utf8\":[", &mut marks.not_utf8, out);
    }
}

/// Appends a list of marked fields, unless it is empty.
pub(crate) fn put_list(start: &str, list: &mut Vec<u8>, out: &mut Vec<u8>) {
    if !list.is_empty() {
        out.extend_from_slice(start.as_bytes());
        out.append(list);
        out.push(b']');
    }
}
