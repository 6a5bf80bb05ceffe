//! OTLP in JSON: files as the OpenTelemetry Collector reads and writes them.

mod key;
#[cfg(test)]
mod tests;
mod value;

pub use self::key::{RecordMember, attribute_name, may_be_member, record_member};

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, FieldRef, Location},
    formatter::Formatter,
    record_end::RecordEnd,
};
use fapilog_record::{
    field_group::FieldGroup, level::Level, text::number::put_u64, timestamp::Timestamp, value::ValueRef,
};

use crate::{
    json::put_string,
    otel_json::{
        key::put_attribute_name,
        value::{put_any_value, put_key_value},
    },
    template::{LineFormat, LineMarks, LinePart, LineWriter},
};

/// Renders events as logs of OpenTelemetry in the JSON of its protocol, one `LogsData` a line, as the
/// [file exporter](https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/) of the specification and the Collector's `file` exporter
/// write, and the Collector's receiver `otlpjsonfile` reads them:
///
/// ```json
/// {"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}}]},"scopeLogs":[
///  {"scope":{"name":"matching-engine"},"logRecords":[{"timeUnixNano":"1769903999123456789","severityNumber":9,
///  "severityText":"INFO","body":{"stringValue":"order filled"},"traceId":"4bf92f3577b34da6a3ce929d0e0e4736",
///  "spanId":"00f067aa0ba902b7","attributes":[{"key":"log.record.uid","value":{"stringValue":"4fk2m09q7vh1-3-1024"}},
///  {"key":"fapilog.target","value":{"stringValue":"engine::orders"}},
///  {"key":"order_id","value":{"intValue":"42"}}]}]}]}]}
/// ```
///
/// (in one line). The page `docs/formats-for-products.md` has the rules of
/// names and values.
#[derive(Debug, Default)]
pub struct OtelJson {
    lines: LineWriter<OtelLine>,
}

impl OtelJson {
    /// The formatter with its defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An attribute of the resource, such as `service.name`. The last value of a name counts. Default: a resource without attributes.
    #[must_use]
    pub fn resource(self, name: &str, value: &str) -> Self {
        let change = |line: &mut OtelLine| {
            line.resource.retain(|(known, _)| known != name);
            line.resource.push((name.to_owned(), value.to_owned()));
        };
        Self { lines: self.lines.with_format(change) }
    }

    /// Whether records have the place of the log call, as attributes `code.file.path` and `code.line.number`. An event without a call site
    /// has none. Default: no.
    #[must_use]
    pub fn call_site(self, is_wanted: bool) -> Self {
        let lines = self.lines.with_options(|options| options.call_site = is_wanted);
        Self { lines: lines.with_format(|line| line.has_places = is_wanted) }
    }
}

impl Formatter for OtelJson {
    fn name(&self) -> &'static str {
        "otel_json"
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
struct OtelLine {
    resource: Vec<(String, String)>,
    /// Whether records have the places of log calls.
    has_places: bool,
}

impl OtelLine {
    fn put_resource(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"resourceLogs\":[{\"resource\":{");
        for (index, (name, value)) in self.resource.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b"\"attributes\":[" } else { b"," });
            put_key_value(out, name, ValueRef::Text(value));
        }
        if !self.resource.is_empty() {
            out.push(b']');
        }
        out.extend_from_slice(b"},\"scopeLogs\":[{\"scope\":{\"name\":");
    }
}

impl LineFormat for OtelLine {
    const PARTS: &'static [LinePart] = &[
        LinePart::Source,
        LinePart::OwnTime,
        LinePart::Level,
        LinePart::Message,
        LinePart::Lifted,
        LinePart::Id,
        LinePart::Target,
        LinePart::Category,
        LinePart::CorrelationId,
        LinePart::Fields,
    ];

    const LINE_END: &'static [u8] = b"]}]}]}]}\n";

    const HAS_COMMON_KEYS: bool = true;

    fn before(&self, part: LinePart, _: bool, level: Level, out: &mut Vec<u8>) {
        let text = match part {
            LinePart::Source => return self.put_resource(out),
            LinePart::OwnTime => "},\"logRecords\":[{\"timeUnixNano\":\"",
            LinePart::Level => {
                out.extend_from_slice(b"\",\"severityNumber\":");
                put_u64(out, severity_number(level).into());
                ",\"severityText\":\""
            }
            LinePart::Message => "\",\"body\":",
            LinePart::Id => ",\"attributes\":[{\"key\":\"log.record.uid\",\"value\":{\"stringValue\":\"",
            LinePart::Target => "\"}},{\"key\":\"fapilog.target\",\"value\":{\"stringValue\":",
            LinePart::Category => ",{\"key\":\"fapilog.category\",\"value\":{\"stringValue\":\"",
            // Not among the parts, or with text of their own.
            _ => "",
        };
        out.extend_from_slice(text.as_bytes());
    }

    fn behind(&self, part: LinePart, _: Level, out: &mut Vec<u8>) {
        match part {
            LinePart::Target => out.extend_from_slice(b"}}"),
            LinePart::Category => out.extend_from_slice(b"\"}}"),
            _ => {}
        }
    }

    fn put_own_time(&self, timestamp: Timestamp, out: &mut Vec<u8>) {
        put_u64(out, timestamp.unix_nanos());
    }

    fn put_text(&self, text: &str, out: &mut Vec<u8>) {
        put_string(out, text);
    }

    /// The attribute of the target is still open, and closed behind the place.
    fn put_location(&self, location: Location, out: &mut Vec<u8>) {
        out.extend_from_slice(b"}},");
        put_key_value(out, "code.file.path", ValueRef::Text(location.file));
        out.extend_from_slice(b",{\"key\":\"code.line.number\",\"value\":{\"intValue\":\"");
        put_u64(out, location.line.into());
        out.push(b'"');
    }

    /// Bytes that are not UTF-8 have a form of their own, so nothing is marked.
    #[inline(always)]
    fn put_value(&mut self, value: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        put_any_value(out, value);
        true
    }

    fn put_message(&mut self, message: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        put_any_value(out, message);
        true
    }

    fn may_lift(&self, name: &str) -> bool {
        key::may_be_member(name)
    }

    fn lifts(&self, field: &FieldRef<'_>) -> bool {
        key::record_member(field).is_some()
    }

    fn put_lifted(&self, field: &FieldRef<'_>, out: &mut Vec<u8>) {
        if let Some(member) = key::record_member(field) {
            member.put(out);
        }
    }

    fn put_correlation_id(&self, id: &str, out: &mut Vec<u8>) {
        out.push(b',');
        put_key_value(out, "correlation_id", ValueRef::Text(id));
    }

    fn open_group(&self, _: FieldGroup, out: &mut Vec<u8>) {
        out.push(b',');
    }

    fn separate_fields(&self, out: &mut Vec<u8>) {
        out.push(b',');
    }

    fn put_key(&self, group: FieldGroup, name: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"key\":\"");
        put_attribute_name(out, group, name, self.has_places);
        out.extend_from_slice(b"\",\"value\":");
    }

    fn put_numbered_key(&self, group: FieldGroup, name: &str, number: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"key\":\"");
        put_attribute_name(out, group, name, self.has_places);
        out.push(b'_');
        put_u64(out, number.into());
        out.extend_from_slice(b"\",\"value\":");
    }

    fn behind_value(&self, _: &str, out: &mut Vec<u8>) {
        out.push(b'}');
    }

    /// Values of a list, with commas between.
    fn mark(&self, group: FieldGroup, name: &str, marks: &mut Vec<u8>) {
        if !marks.is_empty() {
            marks.push(b',');
        }
        marks.extend_from_slice(b"{\"stringValue\":\"");
        marks.extend_from_slice(group.name().as_bytes());
        if group.is_keyed() {
            marks.push(b'.');
            crate::json::put_escaped(marks, name.as_bytes());
        }
        marks.extend_from_slice(b"\"}");
    }

    fn put_marks(&self, is_cut: bool, marks: &mut LineMarks, out: &mut Vec<u8>) {
        if is_cut {
            out.extend_from_slice(b",{\"key\":\"fapilog.truncated\",\"value\":{\"boolValue\":true}}");
        }
        if !marks.cut.is_empty() {
            out.extend_from_slice(b",{\"key\":\"fapilog.truncated_fields\",\"value\":{\"arrayValue\":{\"values\":[");
            out.append(&mut marks.cut);
            out.extend_from_slice(b"]}}}");
        }
    }
}

/// The severity of a level. AUDIT and SECURITY have those that OpenTelemetry gives to the severities 5 and 1 of syslog.
#[must_use]
pub const fn severity_number(level: Level) -> u8 {
    match level {
        Level::Trace => 1,
        Level::Debug => 5,
        Level::Info => 9,
        Level::Audit => 10,
        Level::Warning => 13,
        Level::Error => 17,
        Level::Security => 19,
        Level::Critical => 21,
    }
}
