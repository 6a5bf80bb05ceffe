//! Elastic Common Schema: JSON as Elasticsearch, Kibana and the Elastic agents know it.

mod key;
#[cfg(test)]
mod tests;

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Location},
    formatter::Formatter,
    record_end::RecordEnd,
};
use fapilog_record::{field_group::FieldGroup, level::Level, text::number::put_u64, value::ValueRef};

use crate::{
    ecs::key::{put_field_key, put_numbered_label},
    json::{
        put_string, put_value,
        scalar::{is_long_integer, put_as_string},
    },
    line_options::line_option_setters,
    template::{LineFormat, LineMarks, LinePart, LineWriter},
};

/// The version of the schema that the fields are of.
const ECS_VERSION: &str = "8.11.0";

/// Renders events by the Elastic Common Schema, one JSON object a line, as the ECS logging libraries of Elastic do:
///
/// ```json
/// {"@timestamp":"2026-01-31T23:59:59.123456789Z","log.level":"INFO","message":"order filled","ecs.version":"8.11.0",
///  "event.severity":3,"log.logger":"engine::orders","event.provider":"matching-engine","event.id":"4fk2m09q7vh1-3-1024",
///  "labels.category":"SYSTEM","trace.id":"4bf92f3577b34da6a3ce929d0e0e4736","labels.order_id":42}
/// ```
///
/// (in one line). Keys have dots, which Elasticsearch takes for objects. A field that has a name of the schema stands under it, whether the
/// name is the schema's (`http.request.method`) or one that fapilog and OpenTelemetry use (`trace_id`, `hostname`, `error`); all others are
/// `labels`. The page `docs/formats-for-products.md` has the table.
#[derive(Debug, Default)]
pub struct Ecs {
    lines: LineWriter<EcsLine>,
}

impl Ecs {
    /// The formatter with its defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The name of the service: `service.name` in each line. Default: none, so a field `service` of an event, as the enricher
    /// `runtime_info` adds, has that place.
    #[must_use]
    pub fn service(self, name: &str) -> Self {
        Self { lines: self.lines.with_format(|line| line.service = Some(name.to_owned())) }
    }

    /// The data set: `event.dataset` in each line, by which Kibana separates the streams of a service. Default: the
    /// [service](Self::service) and `.log`, if it is given, else none.
    #[must_use]
    pub fn dataset(self, name: &str) -> Self {
        Self { lines: self.lines.with_format(|line| line.dataset = Some(name.to_owned())) }
    }

    line_option_setters!(call_site);
}

impl Formatter for Ecs {
    fn name(&self) -> &'static str {
        "ecs"
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
struct EcsLine {
    service: Option<String>,
    dataset: Option<String>,
    scratch: Vec<u8>,
}

impl EcsLine {
    /// The members of the service, which are the same in all lines.
    fn put_service(&self, out: &mut Vec<u8>) {
        if let Some(service) = &self.service {
            out.extend_from_slice(b",\"service.name\":");
            put_string(out, service);
        }
        let dataset = self.dataset.clone().or_else(|| Some(format!("{}.log", self.service.as_ref()?)));
        if let Some(dataset) = dataset {
            out.extend_from_slice(b",\"event.dataset\":");
            put_string(out, &dataset);
        }
    }

    /// Whether each line has this key already.
    fn is_fixed(&self, key: &str) -> bool {
        match key {
            "service.name" => self.service.is_some(),
            "event.dataset" => self.service.is_some() || self.dataset.is_some(),
            _ => false,
        }
    }
}

impl LineFormat for EcsLine {
    /// The first three in the order of the specification of ECS logging.
    const PARTS: &'static [LinePart] = &[
        LinePart::Time,
        LinePart::Level,
        LinePart::Message,
        LinePart::Severity,
        LinePart::Target,
        LinePart::Source,
        LinePart::Id,
        LinePart::Category,
        LinePart::CorrelationId,
        LinePart::Fields,
    ];

    const LINE_END: &'static [u8] = b"}\n";

    const HAS_COMMON_KEYS: bool = true;

    fn before(&self, part: LinePart, _: bool, _: Level, out: &mut Vec<u8>) {
        let text = match part {
            LinePart::Time => "{\"@timestamp\":\"",
            LinePart::Level => "\",\"log.level\":\"",
            LinePart::Message => "\",\"message\":",
            LinePart::Severity => {
                out.extend_from_slice(b",\"ecs.version\":");
                put_string(out, ECS_VERSION);
                self.put_service(out);
                ",\"event.severity\":"
            }
            LinePart::Target => ",\"log.logger\":",
            LinePart::Source => ",\"event.provider\":",
            LinePart::Id => ",\"event.id\":\"",
            LinePart::Category => "\",\"labels.category\":\"",
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

    fn put_text(&self, text: &str, out: &mut Vec<u8>) {
        put_string(out, text);
    }

    fn put_location(&self, location: Location, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"log.origin.file.name\":");
        put_string(out, location.file);
        out.extend_from_slice(b",\"log.origin.file.line\":");
        put_u64(out, location.line.into());
    }

    /// Labels are scalars, or lists of scalars.
    #[inline(always)]
    fn put_value(&mut self, value: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        match value {
            ValueRef::I64(_) | ValueRef::F64(_) | ValueRef::Text(_) => put_value(out, value),
            value if is_scalar_or_list(value) => put_value(out, value),
            value => put_as_string(out, value, &mut self.scratch),
        }
    }

    fn put_message(&mut self, message: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        put_as_string(out, message, &mut self.scratch)
    }

    fn put_correlation_id(&self, id: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"labels.correlation_id\":");
        put_string(out, id);
    }

    fn open_group(&self, _: FieldGroup, out: &mut Vec<u8>) {
        out.push(b',');
    }

    fn separate_fields(&self, out: &mut Vec<u8>) {
        out.push(b',');
    }

    fn put_key(&self, group: FieldGroup, name: &str, out: &mut Vec<u8>) {
        put_field_key(out, group, name, |key| self.is_fixed(key));
    }

    fn put_numbered_key(&self, _: FieldGroup, name: &str, number: u32, out: &mut Vec<u8>) {
        put_numbered_label(out, name, number);
    }

    /// JSON strings, with commas between.
    fn mark(&self, group: FieldGroup, name: &str, marks: &mut Vec<u8>) {
        crate::json::add_marked(marks, group, name);
    }

    fn put_marks(&self, is_cut: bool, marks: &mut LineMarks, out: &mut Vec<u8>) {
        if is_cut {
            out.extend_from_slice(b",\"labels.truncated\":true");
        }
        crate::json::put_list(",\"labels.truncated_fields\":[", &mut marks.cut, out);
        crate::json::put_list(",\"labels.not_utf8\":[", &mut marks.not_utf8, out);
    }
}

/// Whether Elasticsearch takes a value for a label: it has no integers beyond 64 bits, and an object is no label.
fn is_scalar_or_list(value: ValueRef<'_>) -> bool {
    let is_scalar = |value| !is_long_integer(value) && !matches!(value, ValueRef::Map(_) | ValueRef::Sequence(_));
    match value {
        ValueRef::Sequence(list) => list.iter().all(is_scalar),
        value => is_scalar(value),
    }
}
