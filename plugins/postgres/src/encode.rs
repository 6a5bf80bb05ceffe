//! Events become rows: on the drain, and without I/O.
//!
//! A record of a payload is a tuple of `COPY ... (FORMAT binary)` (the server's manual, page of COPY): the number of fields as 16 bits, and for each
//! field its length as 32 bits, -1 for null, with its bytes behind. The header and the trailer of the copy are not part of it, so that a payload may be
//! divided anywhere between records.

use std::time::{SystemTime, UNIX_EPOCH};

use fapilog_format::json::{MarkedFields, ObjectWriter, put_fields};
use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, EventId},
    field_group::FieldGroup,
    sink::{Payload, SinkCounter},
    text::number::put_u64,
    timestamp::Timestamp,
    uuid_v7::{self, UuidV7},
    value::ValueRef,
};
use memchr::{memchr, memmem};

use crate::column::PostgresColumn;

/// In place of a NUL, which no text of the server has.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// 2000-01-01, from which the server counts, in microseconds since 1970.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// The version of the binary format of `jsonb`: `jsonb_recv` of the server.
const JSONB_VERSION: u8 = 1;

const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Encodes events as tuples.
pub(crate) struct RowEncoder {
    columns: Vec<PostgresColumn>,
    row_bytes_max: usize,
    /// The parts of a row in bytes that are not UTF-8 are written as escapes; the list of their names is not kept.
    marked: MarkedFields,
    /// Values that had a NUL.
    replaced: SinkCounter,
    /// Rows that were too long.
    cut: SinkCounter,
}

/// How much of an event is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RowExtent {
    Whole,
    /// Without objects, and with texts of this length at most.
    Cut(usize),
}

impl RowEncoder {
    pub(crate) fn new(
        columns: &[PostgresColumn],
        row_bytes_max: usize,
        replaced: SinkCounter,
        cut: SinkCounter,
    ) -> Self {
        Self { columns: columns.to_vec(), row_bytes_max, marked: MarkedFields::new(), replaced, cut }
    }

    /// Appends a tuple for each event.
    pub(crate) fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        for event in batch.events() {
            let start = payload.buffer().len();
            self.put(event, RowExtent::Whole, payload.buffer());
            if payload.buffer().len() - start > self.row_bytes_max {
                payload.buffer().truncate(start);
                // Texts are five at most, and the other values shorter than 100 bytes together.
                self.put(event, RowExtent::Cut(self.row_bytes_max.saturating_sub(300) / 5), payload.buffer());
                self.cut.add(1);
            }
            payload.end_record();
        }
        Ok(())
    }

    fn put(&mut self, event: &Event<'_>, extent: RowExtent, out: &mut Vec<u8>) {
        out.extend_from_slice(&count(self.columns.len()));
        for index in 0..self.columns.len() {
            if let Some(column) = self.columns.get(index) {
                self.put_column(*column, event, extent, out);
            }
        }
    }

    #[inline]
    fn put_column(&mut self, column: PostgresColumn, event: &Event<'_>, extent: RowExtent, out: &mut Vec<u8>) {
        match column {
            PostgresColumn::Id => put_id(out, event.id()),
            PostgresColumn::Time => put_time(out, event.timestamp()),
            PostgresColumn::Level => put_bytes(out, event.level().name().as_bytes()),
            PostgresColumn::Severity => put_bytes(out, &u16::from(event.severity()).to_be_bytes()),
            PostgresColumn::Category => put_bytes(out, event.category().name().as_bytes()),
            PostgresColumn::Source => self.put_text(out, event.source().name(), extent),
            PostgresColumn::Target => self.put_text(out, event.target(), extent),
            PostgresColumn::Message => self.put_message(out, event.message(), extent),
            PostgresColumn::CorrelationId => match event.correlation_id() {
                Some(id) => self.put_text(out, id, extent),
                None => out.extend_from_slice(&NULL),
            },
            PostgresColumn::Context => self.put_group(out, event, FieldGroup::Context, extent),
            PostgresColumn::Tags => self.put_group(out, event, FieldGroup::Tags, extent),
            PostgresColumn::Metrics => self.put_group(out, event, FieldGroup::Metrics, extent),
            PostgresColumn::Fields => self.put_groups(out, event, extent),
        }
    }

    fn put_message(&self, out: &mut Vec<u8>, message: ValueRef<'_>, extent: RowExtent) {
        match message {
            ValueRef::Text(text) => self.put_text(out, text, extent),
            ValueRef::Bytes(bytes) => self.put_text(out, &String::from_utf8_lossy(bytes), extent),
            _ => out.extend_from_slice(&NULL),
        }
    }

    #[inline]
    fn put_text(&self, out: &mut Vec<u8>, text: &str, extent: RowExtent) {
        let text = match extent {
            RowExtent::Whole => text,
            // A NUL becomes three bytes.
            RowExtent::Cut(bytes) => fapilog_plugin::text::bounded::front(text, bytes / 3),
        };
        if memchr(0, text.as_bytes()).is_none() {
            return put_bytes(out, text.as_bytes());
        }
        self.replaced.add(1);
        put_sized(out, |out| {
            for byte in text.bytes() {
                if byte == 0 { out.extend_from_slice(REPLACEMENT) } else { out.push(byte) }
            }
        });
    }

    #[inline]
    fn put_group(&mut self, out: &mut Vec<u8>, event: &Event<'_>, group: FieldGroup, extent: RowExtent) {
        if extent != RowExtent::Whole || event.counted_fields(group).is_empty() {
            return out.extend_from_slice(&NULL);
        }
        self.put_object(out, |marked, out| put_fields(out, event, group, marked));
    }

    fn put_groups(&mut self, out: &mut Vec<u8>, event: &Event<'_>, extent: RowExtent) {
        let groups = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];
        let has_fields = groups.iter().any(|group| !event.counted_fields(*group).is_empty());
        if extent != RowExtent::Whole || !has_fields {
            return out.extend_from_slice(&NULL);
        }
        self.put_object(out, |marked, out| {
            let mut object = ObjectWriter::new(out);
            for group in groups {
                if !event.counted_fields(group).is_empty() {
                    put_fields(object.member(group.name()), event, group, marked);
                }
            }
            object.finish();
        });
    }

    #[inline]
    fn put_object(&mut self, out: &mut Vec<u8>, put: impl FnOnce(&mut MarkedFields, &mut Vec<u8>)) {
        self.marked.clear();
        let marked = &mut self.marked;
        let mut start = 0;
        let replaced = &self.replaced;
        put_sized(out, |out| {
            out.push(JSONB_VERSION);
            start = out.len();
            put(marked, out);
            if replace_escaped_nul(out, start) {
                replaced.add(1);
            }
        });
    }

    /// Appends records of another sink: tuples of these columns as they are, and all others as messages.
    pub(crate) fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        let mut append = |record: &[u8]| {
            if self.is_tuple(record) {
                payload.buffer().extend_from_slice(record);
            } else {
                self.put_line(record.strip_suffix(b"\n").unwrap_or(record), payload.buffer());
            }
            payload.end_record();
        };
        if records.marked_records() > 0 {
            (0..records.marked_records()).filter_map(|index| records.record(index)).for_each(&mut append);
        } else {
            records.records().split_inclusive(|byte| *byte == b'\n').for_each(&mut append);
        }
    }

    /// Appends each row as a JSON object of its columns, with a line feed.
    pub(crate) fn append_as_text(&self, records: &Payload, text: &mut Payload) {
        for record in records.iter() {
            self.put_row_text(record, text.buffer());
            text.end_record();
        }
    }

    fn put_row_text(&self, record: &[u8], out: &mut Vec<u8>) {
        if !self.is_tuple(record) {
            out.extend_from_slice(record.strip_suffix(b"\n").unwrap_or(record));
            return out.push(b'\n');
        }
        let mut object = ObjectWriter::new(out);
        let mut tail = record.get(2..).unwrap_or_default();
        for column in &self.columns {
            let Some((length, behind)) = tail.split_first_chunk::<4>() else { break };
            // Null has the length -1.
            let length = usize::try_from(i32::from_be_bytes(*length)).ok();
            let (field, behind) = behind.split_at_checked(length.unwrap_or(0)).unwrap_or((behind, b""));
            if length.is_some() {
                put_column_text(*column, field, &mut object);
            }
            tail = behind;
        }
        object.finish();
        out.push(b'\n');
    }

    /// A line of another sink: it has an id and a time of its own.
    fn put_line(&self, line: &[u8], out: &mut Vec<u8>) {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::from_unix_nanos(u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX));
        let text = String::from_utf8_lossy(line);
        out.extend_from_slice(&count(self.columns.len()));
        for column in &self.columns {
            match column {
                PostgresColumn::Id => {
                    let mut buffer = [0; uuid_v7::TEXT_BYTES];
                    let id = UuidV7::new(now, uuid_v7::random_part());
                    put_bytes(out, id.encode(&mut buffer).as_bytes());
                }
                PostgresColumn::Time => put_time(out, now),
                PostgresColumn::Message => self.put_text(out, &text, RowExtent::Cut(self.row_bytes_max)),
                _ => out.extend_from_slice(&NULL),
            }
        }
    }

    /// Whether a record is one whole tuple of as many fields as there are columns.
    fn is_tuple(&self, record: &[u8]) -> bool {
        let Some(mut remaining) = record.strip_prefix(&count(self.columns.len())) else { return false };
        for _ in &self.columns {
            let Some((length, behind)) = remaining.split_first_chunk::<4>() else { return false };
            let length = i32::from_be_bytes(*length);
            let length = if length == -1 { Some(0) } else { usize::try_from(length).ok() };
            let Some(behind) = length.and_then(|length| behind.get(length..)) else { return false };
            remaining = behind;
        }
        remaining.is_empty()
    }
}

/// Appends a column: its text, its object, or its number.
fn put_column_text(column: PostgresColumn, field: &[u8], object: &mut ObjectWriter<'_>) {
    match column.sql_type() {
        "jsonb" => object.member(column.name()).extend_from_slice(field.get(1..).unwrap_or(b"null")),
        "smallint" => {
            let number = field.try_into().map_or(0, i16::from_be_bytes);
            object.value(column.name(), ValueRef::I64(number.into()));
        }
        "text" => object.string(column.name(), &String::from_utf8_lossy(field)),
        // A time: microseconds since 2000.
        _ => {
            let micros = field.try_into().map_or(0, i64::from_be_bytes).saturating_add(EPOCH_MICROS);
            let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
            object.value(column.name(), ValueRef::Time { seconds, nanos: micros as u32 * 1000 });
        }
    }
}

fn count(columns: usize) -> [u8; 2] {
    u16::try_from(columns).unwrap_or(u16::MAX).to_be_bytes()
}

#[inline]
fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    // A record is far shorter than 2 GiB: its values come from events, and lines are cut.
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Writes a field, and its length in front of it.
#[inline]
fn put_sized(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let head = out.len();
    out.extend_from_slice(&[0; 4]);
    put(out);
    let length = (out.len() - head - 4) as u32;
    if let Some(place) = out.get_mut(head..head + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

fn put_id(out: &mut Vec<u8>, id: EventId) {
    put_sized(out, |out| {
        out.extend_from_slice(&id.instance.encode());
        out.push(b'-');
        put_u64(out, id.producer.into());
        out.push(b'-');
        put_u64(out, id.sequence);
    });
}

fn put_time(out: &mut Vec<u8>, time: Timestamp) {
    // At most 1.8 * 10^16.
    let micros = (time.unix_nanos() / 1000) as i64 - EPOCH_MICROS;
    put_bytes(out, &micros.to_be_bytes());
}

/// Replaces the escape of NUL, which `jsonb` does not take. Returns whether there was one.
fn replace_escaped_nul(out: &mut [u8], start: usize) -> bool {
    let Some(json) = out.get_mut(start..) else { return false };
    let mut has_some = false;
    let mut from = 0;
    while let Some(found) = json.get(from..).and_then(|remaining| memmem::find(remaining, b"\\u0000")) {
        let place = from + found;
        // A backslash in front of it makes this one a character: `\\u0000` is text.
        let front = json.get(..place).unwrap_or_default();
        let backslashes = front.iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 0
            && let Some(escape) = json.get_mut(place..place + 6)
        {
            escape.copy_from_slice(b"\\ufffd");
            has_some = true;
        }
        from = place + 1;
    }
    has_some
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::testing::{TestBatches, TestEvent, test_event};

    use super::*;

    fn encoder(columns: &[PostgresColumn], row_bytes_max: usize) -> RowEncoder {
        RowEncoder::new(columns, row_bytes_max, SinkCounter::default(), SinkCounter::default())
    }

    fn row(columns: &[PostgresColumn], event: TestEvent<'_>) -> Vec<u8> {
        let mut payload = Payload::new(100);
        TestBatches::new().events(&[event], |batch| encoder(columns, 1 << 20).encode(batch, &mut payload).unwrap());
        assert!(encoder(columns, 100).is_tuple(payload.records()));
        payload.records().to_vec()
    }

    #[test]
    fn a_row_is_a_tuple_with_the_length_in_front_of_each_field() {
        use PostgresColumn::{Context, CorrelationId, Level, Message, Severity, Tags};
        let event = test_event("filled").field(FieldGroup::Context, "order", 42_u64);
        let row = row(&[Level, Severity, Message, CorrelationId, Context, Tags], event);
        let mut expected = b"\0\x06\0\0\0\x04INFO\0\0\0\x02\0\x03\0\0\0\x06filled\xff\xff\xff\xff".to_vec();
        expected.extend_from_slice(b"\0\0\0\x0d\x01{\"order\":42}\xff\xff\xff\xff");
        assert_eq!(row, expected, "{}", row.escape_ascii());
    }

    #[test]
    fn a_row_as_text_is_an_object_of_its_columns_and_another_sink_s_line_stays_as_it_is() {
        use PostgresColumn::{Context, CorrelationId, Level, Message, Severity, Time};
        let columns = [Level, Severity, Time, Message, CorrelationId, Context];
        let row = row(&columns, test_event("filled \"x\"").field(FieldGroup::Context, "order", 42_u64));
        let (mut records, mut text) = (Payload::new(100), Payload::new(100));
        records.push_record(&row);
        records.push_record(b"a line\n");
        encoder(&columns, 100).append_as_text(&records, &mut text);
        let object: serde_json::Value = serde_json::from_slice(text.record(0).unwrap()).unwrap();
        assert_eq!((&object["level"], &object["message"]), (&"INFO".into(), &"filled \"x\"".into()));
        assert_eq!(
            (object["severity"].to_string(), object["context"].to_string()),
            ("3".to_owned(), "{\"order\":42}".to_owned())
        );
        assert!(object["time"].as_str().unwrap().ends_with('Z') && object.get("correlation_id").is_none(), "{object}");
        assert_eq!(text.record(1), Some(&b"a line\n"[..]));
    }

    #[test]
    fn a_time_counts_from_the_year_2000_in_microseconds() {
        let mut out = Vec::new();
        put_time(&mut out, Timestamp::from_unix_nanos(946_684_800_000_001_999));
        assert_eq!(out, [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
        out.clear();
        put_time(&mut out, Timestamp::from_unix_nanos(0));
        assert_eq!(out[4..], (-EPOCH_MICROS).to_be_bytes());
    }

    #[test]
    fn a_nul_is_replaced_in_texts_and_objects_and_the_text_of_its_escape_is_not() {
        use PostgresColumn::{Context, Message};
        let event = test_event("a\0b").field(FieldGroup::Context, "x\0", "\0\\u0000\\\0");
        let row = String::from_utf8(row(&[Message, Context], event)).unwrap();
        assert!(row.contains("a\u{fffd}b"), "{row}");
        assert!(row.contains(r#"{"x\ufffd":"\ufffd\\u0000\\\ufffd"}"#), "{row}");
    }

    #[test]
    fn a_row_that_is_too_long_has_no_fields_and_a_front_of_its_message() {
        use PostgresColumn::{Context, Message};
        let long = "x".repeat(5000);
        let event = test_event(&long).field(FieldGroup::Context, "body", long.as_str());
        let mut payload = Payload::new(100);
        TestBatches::new().events(&[event], |batch| {
            encoder(&[Message, Context], 2000).encode(batch, &mut payload).unwrap();
        });
        assert!(payload.len() <= 2000 && payload.len() > 50, "{}", payload.len());
        assert!(payload.records().ends_with(&NULL));
    }

    #[test]
    fn lines_of_another_sink_are_messages_and_tuples_stay_as_they_are() {
        use PostgresColumn::{Context, Message};
        let tuple = row(&[Message, Context], test_event("second"));
        let mut records = Payload::new(100);
        for record in [&b"first\xff\n"[..], &tuple, &tuple[..tuple.len() - 1]] {
            records.buffer().extend_from_slice(record);
            records.end_record();
        }
        let mut payload = Payload::new(100);
        encoder(&[Message, Context], 1 << 20).append_records(&records, &mut payload);
        assert_eq!(
            payload.record(0),
            Some("\0\x02\0\0\0\x08first\u{fffd}".bytes().chain(NULL).collect::<Vec<_>>().as_slice())
        );
        assert_eq!(payload.record(1), Some(tuple.as_slice()));
        assert!(encoder(&[Message, Context], 100).is_tuple(payload.record(2).unwrap()));
    }
}
