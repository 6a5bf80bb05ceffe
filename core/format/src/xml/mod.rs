//! XML, one element a line.
//!
//! ```xml
//! <event timestamp="2026-01-31T23:59:59.123456789Z" level="INFO" severity="3" category="SYSTEM" target="engine::orders"
//!   source="matching-engine" event_id="4fk2m09q7vh1-3-1024"><message>order filled</message>
//!   <correlation_id>7f3a</correlation_id><fields group="context"><field name="order_id" type="integer">42</field></fields>
//!   <fields group="tags"><field name="region">eu</field></fields><truncated/>
//!   <truncated_fields><name>context.body</name></truncated_fields><not_utf8><name>message</name></not_utf8></event>
//! ```
//!
//! (in one line). The parts behind `message` are absent where an event has none.

#[cfg(test)]
mod tests;
mod text;
mod value;

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
    xml::{
        text::{put_attribute, put_content, put_path_content},
        value::{FIELD_END, put_field_start},
    },
};

/// Renders events as XML, one element `event` a line:
///
/// ```text
/// <event timestamp="2026-11-24T10:00:00.123456789Z" level="INFO" severity="3" category="SYSTEM" target="engine::orders" source="matching-engine" event_id="4fk2m09q7vh1-3-1024"><message>order filled</message><fields group="context"><field name="order_id" type="integer">42</field></fields></event>
/// ```
///
/// Every line is a well-formed document (XML 1.0), whatever was logged. A file of lines has no root: it is an *external parsed
/// entity*, which another document includes. The page `docs/xml.md` has the schema and the escapes.
#[doc(alias = "XmlFormatter")]
#[derive(Debug, Default)]
pub struct Xml {
    lines: LineWriter<XmlLine>,
}

impl Xml {
    /// The formatter with its defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    line_option_setters!(call_site);
}

impl Formatter for Xml {
    fn name(&self) -> &'static str {
        "xml"
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
struct XmlLine;

impl LineFormat for XmlLine {
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

    const LINE_END: &'static [u8] = b"</event>\n";

    fn before(&self, part: LinePart, _: bool, _: Level, out: &mut Vec<u8>) {
        let text = match part {
            LinePart::Time => "<event timestamp=\"",
            LinePart::Level => "\" level=\"",
            LinePart::Severity => "\" severity=\"",
            LinePart::Category => "\" category=\"",
            LinePart::Target => "\" target=\"",
            LinePart::Source => "\" source=\"",
            LinePart::Id => "\" event_id=\"",
            LinePart::Message => "\"><message",
            // Not among the parts, or with text of their own.
            LinePart::TimeOfDay
            | LinePart::OwnTime
            | LinePart::Title
            | LinePart::CorrelationId
            | LinePart::Lifted
            | LinePart::Fields => "",
        };
        out.extend_from_slice(text.as_bytes());
    }

    fn behind(&self, part: LinePart, _: Level, out: &mut Vec<u8>) {
        if part == LinePart::Message {
            out.extend_from_slice(b"</message>");
        }
    }

    fn put_text(&self, text: &str, out: &mut Vec<u8>) {
        put_attribute(out, text);
    }

    /// The quote behind it is that of the next attribute.
    fn put_location(&self, location: Location, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\" call_site=\"");
        put_attribute(out, &location.to_string());
    }

    #[inline(always)]
    fn put_value(&mut self, value: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        value::put(out, value)
    }

    fn put_message(&mut self, message: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        value::put(out, message)
    }

    fn put_correlation_id(&self, id: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<correlation_id");
        put_content(out, id);
        out.extend_from_slice(b"</correlation_id>");
    }

    fn open_group(&self, group: FieldGroup, out: &mut Vec<u8>) {
        for text in ["<fields group=\"", group.name(), "\">"] {
            out.extend_from_slice(text.as_bytes());
        }
    }

    fn close_group(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</fields>");
    }

    fn put_key(&self, _: FieldGroup, name: &str, out: &mut Vec<u8>) {
        put_field_start(out, name);
    }

    fn behind_value(&self, _: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(FIELD_END);
    }

    /// Elements `name`.
    fn mark(&self, group: FieldGroup, name: &str, marks: &mut Vec<u8>) {
        marks.extend_from_slice(b"<name");
        if group.is_keyed() {
            put_path_content(marks, group.name(), name);
        } else {
            put_content(marks, group.name());
        }
        marks.extend_from_slice(b"</name>");
    }

    fn put_marks(&self, is_cut: bool, marks: &mut LineMarks, out: &mut Vec<u8>) {
        if is_cut {
            out.extend_from_slice(b"<truncated/>");
        }
        put_list("truncated_fields>", &mut marks.cut, out);
        put_list("not_utf8>", &mut marks.not_utf8, out);
    }
}

/// Appends a list of marked fields, unless it is empty. `name` is that of the element, with the end of a tag.
fn put_list(name: &str, list: &mut Vec<u8>, out: &mut Vec<u8>) {
    if !list.is_empty() {
        out.push(b'<');
        out.extend_from_slice(name.as_bytes());
        out.append(list);
        out.extend_from_slice(b"</");
        out.extend_from_slice(name.as_bytes());
    }
}
