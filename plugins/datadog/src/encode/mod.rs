//! Events as entries of the logs API.
//!
//! ```json
//! {"ddsource":"rust","hostname":"web-1","service":"shop","ddtags":"env:prod,region:eu","timestamp":1769903999123,"status":"info",
//!  "message":"order filled","level":"INFO","severity":3,"category":"SYSTEM","target":"engine::orders","logger.name":"shop",
//!  "event_id":"4fk2m09q7vh1-3-1024","correlation_id":"...","context":{"order_id":42},"tags":{"region":"eu"},"metrics":{"latency_ms":3.2},
//!  "dd.trace_id":"11803532876627986230","dd.span_id":"67667974448284343","trace_id":"4bf9...","span_id":"00f0...",
//!  "truncated":true,"omitted_fields":2,"truncated_fields":["context.body"],"not_utf8":["message"]}
//! ```
//!
//! (in one line). Values are those of [`fapilog_format::json`]. No entry is longer than [`ENTRY_BYTES_MAX`].

mod constants;
mod other;
mod tag_text;
#[cfg(test)]
mod tests;
mod trace;

use std::sync::Arc;

use fapilog_format::json::{MarkedFields, ObjectWriter, put_key, put_string, put_value};
use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, FieldRef},
    field_group::FieldGroup,
    level::Level,
    sink::Payload,
    text::{
        bounded::{front, front_bytes},
        number::put_u64,
    },
    value::ValueRef,
};
use fapilog_sink_http::encode::EventEncoder;

pub(crate) use self::constants::EntryConstants;
pub(crate) use self::tag_text::TAG_CHARS_MAX;
use self::{other::append_entries, tag_text::TagText, trace::EntryTrace};

/// The longest entry: "Maximum size for a single log: 1MB". Datadog would cut a longer one, and its JSON with it.
pub(crate) const ENTRY_BYTES_MAX: usize = 1_000_000;

/// Fields are left out when an entry would be longer: lists of names stand behind them.
const FIELDS_END_MAX: usize = 900_000;

/// The longest message, as JSON. A longer one is cut to [`MESSAGE_CUT_BYTES`], which are as many at most: an escape has six bytes for a byte.
const MESSAGE_JSON_MAX: usize = 600_000;
const MESSAGE_CUT_BYTES: usize = MESSAGE_JSON_MAX / 6 - 1;

/// The longest target, correlation id, and name of a logger.
const NAME_BYTES_MAX: usize = 1000;

const NANOS_OF_A_MILLI: u64 = 1_000_000;

/// Encodes events as entries.
pub(crate) struct DatadogEncoder {
    constants: Arc<EntryConstants>,
    tags: TagText,
    not_utf8: MarkedFields,
}

impl DatadogEncoder {
    pub(crate) fn new(constants: Arc<EntryConstants>) -> Self {
        Self { constants, tags: TagText::default(), not_utf8: MarkedFields::new() }
    }

    fn put(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        self.not_utf8.clear();
        let tags = event.counted_fields(FieldGroup::Tags);
        let mut entry =
            EntryWriter { start: out.len(), out, not_utf8: &mut self.not_utf8, omitted: 0, is_cut: event.is_cut() };
        entry.put_origin(&self.constants, event);
        entry.put_tag_text(&self.constants, &mut self.tags, tags);
        entry.put_head(event);
        let trace = entry.put_context(event.counted_fields(FieldGroup::Context));
        entry.put_group(b",\"tags\":{", FieldGroup::Tags, tags);
        entry.put_group(b",\"metrics\":{", FieldGroup::Metrics, event.counted_fields(FieldGroup::Metrics));
        trace.put(entry.out);
        entry.put_marks(event);
        entry.out.push(b'}');
    }
}

impl EventEncoder for DatadogEncoder {
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        for event in batch.events() {
            self.put(event, payload.buffer());
            payload.end_record();
        }
        Ok(())
    }

    fn record_form(&self) -> Option<&'static str> {
        Some("datadog")
    }

    /// The entries, a line for each.
    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        for record in records.iter() {
            text.buffer().extend_from_slice(record.trim_ascii_end());
            text.buffer().push(b'\n');
            text.end_record();
        }
    }

    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        append_entries(&self.constants, records, payload);
    }
}

/// An entry that is being written.
struct EntryWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Where it begins in `out`.
    start: usize,
    not_utf8: &'a mut MarkedFields,
    /// Fields that would make it too long.
    omitted: u64,
    is_cut: bool,
}

impl EntryWriter<'_> {
    fn put_origin(&mut self, constants: &EntryConstants, event: &Event<'_>) {
        self.out.extend_from_slice(&constants.origin);
        if !constants.has_service {
            self.put_name(b",\"service\":", event.source().name());
        }
    }

    fn put_tag_text(&mut self, constants: &EntryConstants, text: &mut TagText, tags: &[FieldRef<'_>]) {
        if tags.is_empty() {
            self.out.extend_from_slice(&constants.tags_json);
        } else if let Some(text) = text.join(&constants.tags, tags) {
            self.out.extend_from_slice(b",\"ddtags\":");
            put_string(self.out, text);
        }
    }

    fn put_head(&mut self, event: &Event<'_>) {
        self.out.extend_from_slice(b",\"timestamp\":");
        put_u64(self.out, event.timestamp().unix_nanos() / NANOS_OF_A_MILLI);
        self.out.extend_from_slice(status_and_message_key(event.level()).as_bytes());
        self.put_message(event.message());
        self.out.extend_from_slice(level_and_severity_key(event.level()).as_bytes());
        put_u64(self.out, event.severity().into());
        self.out.extend_from_slice(b",\"category\":\"");
        self.out.extend_from_slice(event.category().name().as_bytes());
        self.out.push(b'"');
        self.put_name(b",\"target\":", event.target());
        self.put_name(b",\"logger.name\":", event.source().name());
        self.out.extend_from_slice(b",\"event_id\":\"");
        let id = event.id();
        self.out.extend_from_slice(&id.instance.encode());
        self.out.push(b'-');
        put_u64(self.out, id.producer.into());
        self.out.push(b'-');
        put_u64(self.out, id.sequence);
        self.out.push(b'"');
        if let Some(id) = event.correlation_id() {
            self.put_name(b",\"correlation_id\":", id);
        }
    }

    #[inline]
    fn put_name(&mut self, key: &[u8], name: &str) {
        self.out.extend_from_slice(key);
        put_string(self.out, front(name, NAME_BYTES_MAX));
        self.is_cut |= name.len() > NAME_BYTES_MAX;
    }

    fn put_message(&mut self, message: ValueRef<'_>) {
        let start = self.out.len();
        let mut is_utf8 = put_value(self.out, message);
        if self.out.len() - start > MESSAGE_JSON_MAX {
            self.out.truncate(start);
            is_utf8 = self.put_cut_message(message);
        }
        if !is_utf8 {
            self.not_utf8.add(FieldGroup::Message, "");
        }
    }

    /// Puts the front of a message. Returns whether it is UTF-8.
    #[cold]
    fn put_cut_message(&mut self, message: ValueRef<'_>) -> bool {
        self.is_cut = true;
        let cut = match message {
            ValueRef::Text(text) => ValueRef::Text(front(text, MESSAGE_CUT_BYTES)),
            // A marked byte is `\\xNN`.
            ValueRef::Bytes(bytes) => ValueRef::Bytes(front_bytes(bytes, MESSAGE_CUT_BYTES)),
            // No other value of a message is long.
            _ => ValueRef::Text(""),
        };
        put_value(self.out, cut)
    }

    /// Puts the fields of the context, and returns the ids of the trace among them.
    #[inline]
    fn put_context<'f>(&mut self, fields: &'f [FieldRef<'_>]) -> EntryTrace<'f> {
        let mut trace = EntryTrace::default();
        fields.iter().for_each(|field| trace.look_at(field));
        self.put_group(b",\"context\":{", FieldGroup::Context, fields);
        trace
    }

    fn put_group(&mut self, open: &[u8], group: FieldGroup, fields: &[FieldRef<'_>]) {
        if fields.is_empty() {
            return;
        }
        self.out.extend_from_slice(open);
        let first = self.out.len();
        for field in fields {
            let start = self.out.len();
            if start > first {
                self.out.push(b',');
            }
            put_key(self.out, field.name);
            let is_utf8 = put_value(self.out, field.value);
            if self.out.len() - self.start > FIELDS_END_MAX {
                self.out.truncate(start);
                self.omitted += 1;
            } else if !is_utf8 {
                self.not_utf8.add(group, field.name);
            }
        }
        self.out.push(b'}');
    }

    fn put_marks(&mut self, event: &Event<'_>) {
        if self.is_cut || self.omitted > 0 {
            self.put_cuts(event);
        }
        if !self.not_utf8.is_empty() {
            self.put_names(b",\"not_utf8\":", |not_utf8, out| not_utf8.put(out));
        }
    }

    #[cold]
    fn put_cuts(&mut self, event: &Event<'_>) {
        self.out.extend_from_slice(b",\"truncated\":true");
        if self.omitted > 0 {
            self.out.extend_from_slice(b",\"omitted_fields\":");
            put_u64(self.out, self.omitted);
        }
        let cut_fields = event.cut_fields();
        if !cut_fields.is_empty() {
            let mut cut = MarkedFields::new();
            cut_fields.iter().for_each(|(group, name)| cut.add(*group, name));
            self.put_names(b",\"truncated_fields\":", |_, out| cut.put(out));
        }
    }

    /// Puts a list of names, unless the entry would be too long with it.
    fn put_names(&mut self, key: &[u8], put: impl FnOnce(&MarkedFields, &mut Vec<u8>)) {
        let start = self.out.len();
        self.out.extend_from_slice(key);
        put(self.not_utf8, self.out);
        // The brace behind it.
        if self.out.len() + 1 - self.start > ENTRY_BYTES_MAX {
            self.out.truncate(start);
        }
    }
}

/// The status as Datadog's status remapper reads it, and the key of the message. A number is a severity of RFC 5424: 5 is normal but significant. SECURITY
/// would be `ok` by its first letter.
const fn status_and_message_key(level: Level) -> &'static str {
    match level {
        Level::Trace | Level::Debug => ",\"status\":\"debug\",\"message\":",
        Level::Info => ",\"status\":\"info\",\"message\":",
        Level::Warning => ",\"status\":\"warning\",\"message\":",
        Level::Error => ",\"status\":\"error\",\"message\":",
        Level::Critical => ",\"status\":\"critical\",\"message\":",
        Level::Audit => ",\"status\":\"5\",\"message\":",
        Level::Security => ",\"status\":\"alert\",\"message\":",
    }
}

const fn level_and_severity_key(level: Level) -> &'static str {
    match level {
        Level::Trace => ",\"level\":\"TRACE\",\"severity\":",
        Level::Debug => ",\"level\":\"DEBUG\",\"severity\":",
        Level::Info => ",\"level\":\"INFO\",\"severity\":",
        Level::Warning => ",\"level\":\"WARNING\",\"severity\":",
        Level::Error => ",\"level\":\"ERROR\",\"severity\":",
        Level::Critical => ",\"level\":\"CRITICAL\",\"severity\":",
        Level::Audit => ",\"level\":\"AUDIT\",\"severity\":",
        Level::Security => ",\"level\":\"SECURITY\",\"severity\":",
    }
}

/// An object without its closing brace.
fn open_object(put: impl FnOnce(&mut ObjectWriter<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut object = ObjectWriter::new(&mut out);
    put(&mut object);
    object.finish();
    out.pop();
    out
}
