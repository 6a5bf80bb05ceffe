//! Events as records of the collector.
//!
//! ```json
//! {"index":"shop","time":1769903999.123456,"host":"web-1","source":"checkout","sourcetype":"_json","fields":{"region":"eu"},"event":{...}}
//! ```
//!
//! The index stands in front: requests are made by it. The endpoint `raw` has the lines of the formatter.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use fapilog_format::json::put_string;
use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, FieldPath},
    formatter::Formatter,
    sink::Payload,
    text::{bounded::front, number::put_u64, plain::put_plain},
    timestamp::Timestamp,
    value::ValueRef,
};
use fapilog_sink_http::encode::{EventEncoder, FormattedRecords};
use serde::{Deserialize, de::IgnoredAny};

use crate::settings::{HecEndpoint, SplunkSettings};

/// Formatters whose records are JSON objects. The records of others are looked at.
const JSON_FORMATTERS: [&str; 4] = ["json", "ecs", "gelf", "otel_json"];

/// The longest metadata of an event, in bytes.
const METADATA_BYTES_MAX: usize = 1024;

const INDEX_FRONT: &[u8] = b"{\"index\":\"";

/// The parts of a record that are not the event itself.
#[derive(Debug)]
pub(crate) struct HecEnvelope {
    is_raw: bool,
    index: MetadataMember,
    others: [MetadataMember; 3],
    /// The front of each indexed field's member, and its path.
    fields: Vec<(Vec<u8>, FieldPath)>,
}

/// Metadata of an event.
#[derive(Debug)]
struct MetadataMember {
    key: &'static [u8],
    /// The value of events without the field, as JSON. Empty: there is none.
    constant: Vec<u8>,
    field: Option<FieldPath>,
}

impl MetadataMember {
    fn new(key: &'static [u8], constant: Option<&str>, field: Option<&str>) -> Self {
        let mut json = Vec::new();
        if let Some(constant) = constant.filter(|constant| !constant.is_empty()) {
            put_string(&mut json, constant);
        }
        Self { key, constant: json, field: field.map(FieldPath::from) }
    }

    /// Puts the member, if there is a value. Returns whether there is one.
    fn put(&self, event: Option<&Event<'_>>, text: &mut Vec<u8>, out: &mut Vec<u8>) -> bool {
        if let Some(value) = self.field.as_ref().zip(event).and_then(|(field, event)| field.of(event))
            && let Some(value) = plain_text(value, text)
        {
            out.extend_from_slice(self.key);
            put_string(out, front(value, METADATA_BYTES_MAX));
            return true;
        }
        if self.constant.is_empty() {
            return false;
        }
        out.extend_from_slice(self.key);
        out.extend_from_slice(&self.constant);
        true
    }
}

/// The text of a value, in this memory. Lists, maps and empty values have none: the collector takes flat texts.
fn plain_text<'a>(value: ValueRef<'_>, text: &'a mut Vec<u8>) -> Option<&'a str> {
    if matches!(value, ValueRef::None | ValueRef::Sequence(_) | ValueRef::Map(_)) {
        return None;
    }
    text.clear();
    put_plain(text, value);
    str::from_utf8(text).ok().filter(|text| !text.is_empty())
}

impl HecEnvelope {
    pub(crate) fn new(settings: &SplunkSettings) -> Self {
        let host = settings.host_name();
        let field_member = |path: FieldPath| {
            let mut front = Vec::new();
            put_string(&mut front, path.name());
            front.push(b':');
            (front, path)
        };
        Self {
            is_raw: settings.endpoint == HecEndpoint::Raw,
            index: MetadataMember::new(b"\"index\":", settings.index.as_deref(), settings.index_field.as_deref()),
            others: [
                MetadataMember::new(b"\"host\":", Some(&host), settings.host_field.as_deref()),
                MetadataMember::new(b"\"source\":", settings.source.as_deref(), settings.source_field.as_deref()),
                MetadataMember::new(
                    b"\"sourcetype\":",
                    Some(&settings.sourcetype),
                    settings.sourcetype_field.as_deref(),
                ),
            ],
            fields: settings.indexed_fields().into_iter().map(field_member).collect(),
        }
    }

    /// Puts a record around the event's bytes. Without an event, it has no time: the collector takes that of its arrival.
    fn put(&self, event: Option<&Event<'_>>, body: EventBody<'_>, text: &mut Vec<u8>, out: &mut Vec<u8>) {
        out.push(b'{');
        if self.index.put(event, text, out) {
            out.push(b',');
        }
        if let Some(event) = event {
            put_time(out, event.timestamp());
            out.push(b',');
        }
        for member in &self.others {
            if member.put(event, text, out) {
                out.push(b',');
            }
        }
        if let Some(event) = event
            && !self.fields.is_empty()
        {
            self.put_fields(event, text, out);
        }
        out.extend_from_slice(b"\"event\":");
        body.put(out);
        out.push(b'}');
    }

    fn put_fields(&self, event: &Event<'_>, text: &mut Vec<u8>, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b"\"fields\":{");
        let empty = out.len();
        for (member, path) in &self.fields {
            let Some(value) = path.of(event).and_then(|value| plain_text(value, text)) else { continue };
            if out.len() > empty {
                out.push(b',');
            }
            out.extend_from_slice(member);
            put_string(out, value);
        }
        if out.len() == empty {
            return out.truncate(start);
        }
        out.extend_from_slice(b"},");
    }
}

/// `"time":1769903999.123456`: seconds since 1970, with microseconds.
fn put_time(out: &mut Vec<u8>, timestamp: Timestamp) {
    let micros = timestamp.unix_nanos() / 1000;
    out.extend_from_slice(b"\"time\":");
    put_u64(out, micros / 1_000_000);
    let mut digits = *b".000000";
    let mut left = micros % 1_000_000;
    for digit in digits.iter_mut().skip(1).rev() {
        // A remainder of ten fits a byte.
        *digit += (left % 10) as u8;
        left /= 10;
    }
    out.extend_from_slice(&digits);
}

/// The bytes of an event.
#[derive(Clone, Copy)]
enum EventBody<'a> {
    Json(&'a [u8]),
    Text(&'a [u8]),
}

impl<'a> EventBody<'a> {
    /// Looks at the bytes: a text may look like an object, and one invalid record would refuse a request.
    fn of(record: &'a [u8]) -> Self {
        let is_json = record.first() == Some(&b'{') && serde_json::from_slice::<IgnoredAny>(record).is_ok();
        if is_json { Self::Json(record) } else { Self::Text(record) }
    }

    fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::Json(json) => out.extend_from_slice(json),
            Self::Text(text) => put_string(out, &String::from_utf8_lossy(text)),
        }
    }
}

/// The index of a record, as JSON without its quotes; empty: it has none.
pub(crate) fn index_of(record: &[u8]) -> &[u8] {
    let Some(behind) = record.strip_prefix(INDEX_FRONT) else { return b"" };
    let mut is_escaped = false;
    for (place, byte) in behind.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return behind.get(..place).unwrap_or_default(),
            _ => {}
        }
    }
    b""
}

/// Makes records of the events of a shard.
pub(crate) struct HecEncoder {
    envelope: Arc<HecEnvelope>,
    records: FormattedRecords,
    writes_json: bool,
    /// The memory for texts of values.
    text: Vec<u8>,
}

impl HecEncoder {
    pub(crate) fn new(envelope: Arc<HecEnvelope>, formatter: Box<dyn Formatter>) -> Self {
        let writes_json = JSON_FORMATTERS.contains(&formatter.name());
        Self { envelope, records: FormattedRecords::new(formatter), writes_json, text: Vec::new() }
    }

    fn put_raw(line: &[u8], payload: &mut Payload) {
        payload.buffer().extend_from_slice(line);
        if line.last() != Some(&b'\n') {
            payload.buffer().push(b'\n');
        }
        payload.end_record();
    }
}

impl EventEncoder for HecEncoder {
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        let Self { envelope, records, writes_json, text } = self;
        records.each(batch, |index, record| {
            if envelope.is_raw {
                Self::put_raw(record, payload);
                return Ok(());
            }
            let record = record.trim_ascii_end();
            let body = if *writes_json { EventBody::Json(record) } else { EventBody::of(record) };
            envelope.put(batch.events().get(index), body, text, payload.buffer());
            payload.end_record();
            Ok(())
        })
    }

    fn record_form(&self) -> Option<&'static str> {
        (!self.envelope.is_raw).then_some("splunk")
    }

    /// The objects of the collector, a line for each.
    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        for record in records.iter() {
            text.buffer().extend_from_slice(record.trim_ascii_end());
            text.buffer().push(b'\n');
            text.end_record();
        }
    }

    /// Records of another sink that is a collector's, too, stay as they are.
    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        // The lines of a sink that marks no records, such as those of a file.
        let lines = if records.marked_records() == 0 { records.records() } else { b"" };
        let marked = (0..records.marked_records()).filter_map(|index| records.record(index));
        for record in lines.split(|byte| *byte == b'\n').chain(marked) {
            let record = record.trim_ascii_end();
            // The collector refuses a blank event.
            if record.is_empty() {
                continue;
            }
            if self.envelope.is_raw {
                Self::put_raw(record, payload);
                continue;
            }
            if serde_json::from_slice::<HecObject>(record).is_ok() {
                payload.buffer().extend_from_slice(record);
            } else {
                self.envelope.put(None, EventBody::of(record), &mut self.text, payload.buffer());
            }
            payload.end_record();
        }
    }
}

/// A record of the endpoint `event`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the form alone counts")]
struct HecObject {
    index: Option<IgnoredAny>,
    time: Option<IgnoredAny>,
    host: Option<IgnoredAny>,
    source: Option<IgnoredAny>,
    sourcetype: Option<IgnoredAny>,
    fields: Option<IgnoredAny>,
    event: IgnoredAny,
}
