//! Events become lines of the bulk API: an action, and a document behind it.

use std::{io::Write, sync::Arc, time::SystemTime};

use fapilog_format::json::put_string;
use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, EventId, FieldPath, InstanceId},
    formatter::Formatter,
    sink::Payload,
    text::number::put_u64,
    timestamp::Timestamp,
    uuid_v7::{TEXT_BYTES, UuidV7, random_part},
};
use fapilog_sink_http::encode::{EventEncoder, FormattedRecords};

use crate::{
    document::{DocumentFrame, is_object},
    index::IndexName,
};

/// Formatters whose lines are JSON objects. The lines of others are looked at.
const JSON_FORMATTERS: [&str; 4] = ["json", "ecs", "gelf", "otel_json"];

/// The front of an action.
const CREATE: &[u8] = b"{\"create\":{";
const INDEX_KEY: &[u8] = b"\"_index\":\"";

/// The parts of a record that the settings choose.
#[derive(Debug)]
pub(crate) struct BulkFrame {
    /// The index, if it has placeholders. If not, it is in the path of the request.
    pub(crate) index: Option<IndexName>,
    pub(crate) routing: Option<FieldPath>,
    pub(crate) document: DocumentFrame,
}

/// Records of the bulk API: `{"create":{"_id":"<event id>"}}`, a line feed, the document, a line feed.
#[derive(Debug)]
pub(crate) struct BulkRecords {
    frame: Arc<BulkFrame>,
    records: FormattedRecords,
    writes_json: bool,
    id_front: IdFront,
    /// The text of a routing.
    scratch: String,
}

impl BulkRecords {
    pub(crate) fn new(frame: Arc<BulkFrame>, formatter: Box<dyn Formatter>) -> Self {
        let writes_json = JSON_FORMATTERS.contains(&formatter.name());
        let records = FormattedRecords::new(formatter);
        Self { frame, records, writes_json, id_front: IdFront::default(), scratch: String::new() }
    }

    /// Appends a record that another sink has encoded. Such a record has no id of an event that can be relied on: it gets an id of its own,
    /// which stays with it from then on.
    fn put_of_other_sink(&self, record: &[u8], out: &mut Vec<u8>) {
        let now = Timestamp::from(SystemTime::now());
        if let Some(action) = action_of_other_sink(record) {
            return self.put_bulk_record(action, now, out);
        }
        let mut text = [0; TEXT_BYTES];
        self.open_action(now, out);
        put_id_key(out);
        out.extend_from_slice(UuidV7::new(now, random_part()).encode(&mut text).as_bytes());
        out.extend_from_slice(b"\"}}\n");
        let line = record.trim_ascii_end();
        match memchr::memchr(b'\n', line) {
            None => self.frame.document.put_any(line, now, out),
            // A document is a line. JSON has no line feed within a string: a space has the same meaning.
            Some(_) => {
                let line: Vec<u8> = line.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect();
                self.frame.document.put_any(&line, now, out);
            }
        }
    }

    /// Appends a record of another sink of this kind, such as one for another cluster. Its index counts, if it has one. `action` is the
    /// record behind [`CREATE`].
    fn put_bulk_record(&self, action: &[u8], now: Timestamp, out: &mut Vec<u8>) {
        if action.starts_with(INDEX_KEY) {
            out.extend_from_slice(CREATE);
        } else {
            self.open_action(now, out);
        }
        out.extend_from_slice(action);
    }

    fn open_action(&self, now: Timestamp, out: &mut Vec<u8>) {
        out.extend_from_slice(CREATE);
        if let Some(index) = &self.frame.index {
            out.extend_from_slice(INDEX_KEY);
            index.put_without_event(now, out);
            out.extend_from_slice(b"\",");
        }
    }
}

impl EventEncoder for BulkRecords {
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        let Self { frame, records, writes_json, id_front, scratch } = self;
        records.each(batch, |index, line| {
            let event = batch.events().get(index).ok_or_else(|| PluginError::failed("a line without an event"))?;
            let out = payload.buffer();
            put_action(frame, id_front, event, scratch, out);
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            if *writes_json {
                frame.document.put(line, event.timestamp(), out);
            } else {
                frame.document.put_any(line, event.timestamp(), out);
            }
            payload.end_record();
            Ok(())
        })
    }

    fn record_form(&self) -> Option<&'static str> {
        Some("elasticsearch")
    }

    /// The documents, without the lines of their actions.
    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        for record in records.iter() {
            let behind = memchr::memchr(b'\n', record).and_then(|end| record.get(end + 1..));
            text.push_record(behind.filter(|document| !document.is_empty()).unwrap_or(record));
        }
    }

    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        let mut put = |record: &[u8]| {
            self.put_of_other_sink(record, payload.buffer());
            payload.end_record();
        };
        match records.marked_records() {
            0 if is_object(records.records().trim_ascii_end()) => put(records.records()),
            // The lines of a sink that marks no records, such as those of a file.
            0 => records.records().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).for_each(put),
            marked => (0..marked).filter_map(|index| records.record(index)).for_each(put),
        }
    }
}

fn put_action(frame: &BulkFrame, id_front: &mut IdFront, event: &Event<'_>, scratch: &mut String, out: &mut Vec<u8>) {
    out.extend_from_slice(CREATE);
    if let Some(index) = &frame.index {
        out.extend_from_slice(INDEX_KEY);
        index.put(event, out);
        out.extend_from_slice(b"\",");
    }
    if let Some(value) = frame.routing.as_ref().and_then(|routing| routing.of(event)) {
        use std::fmt::Write as _;
        scratch.clear();
        // A write to a string does not fail.
        let _ = write!(scratch, "{value}");
        out.extend_from_slice(b"\"routing\":");
        put_string(out, scratch);
        out.push(b',');
    }
    put_id_key(out);
    id_front.put(event.id(), out);
    out.extend_from_slice(b"\"}}\n");
}

fn put_id_key(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"_id\":\"");
}

/// The record of another sink of this kind, behind [`CREATE`].
fn action_of_other_sink(record: &[u8]) -> Option<&[u8]> {
    let action = record.strip_prefix(CREATE)?;
    let line = action.strip_suffix(b"\n")?;
    (memchr::memchr_iter(b'\n', line).count() == 1).then_some(action)
}

/// Writes the ids of events. Their front is the same for all events of a producer.
#[derive(Debug, Default)]
struct IdFront {
    of: Option<(InstanceId, u32)>,
    text: Vec<u8>,
}

impl IdFront {
    fn put(&mut self, id: EventId, out: &mut Vec<u8>) {
        let of = Some((id.instance, id.producer));
        if self.of != of {
            self.text.clear();
            // A write to a vector does not fail.
            let _ = write!(self.text, "{}-{}-", id.instance, id.producer);
            self.of = of;
        }
        out.extend_from_slice(&self.text);
        put_u64(out, id.sequence);
    }
}

#[cfg(test)]
mod tests {
    use fapilog_format::Json;
    use fapilog_plugin::{
        field_group::FieldGroup,
        testing::{TestBatches, TestEvent, test_event},
    };
    use serde_json::Value;

    use super::*;

    fn frame(index: Option<&str>, routing: Option<&str>) -> BulkFrame {
        BulkFrame {
            index: index.and_then(IndexName::parse),
            routing: routing.map(FieldPath::from),
            document: DocumentFrame::new("@timestamp"),
        }
    }

    fn encoder(frame: BulkFrame) -> BulkRecords {
        BulkRecords::new(Arc::new(frame), Box::new(Json::new()))
    }

    /// The lines of each record, and the ids of the events.
    fn encoded(frame: BulkFrame, events: &[TestEvent<'_>]) -> (Vec<Vec<String>>, Vec<String>) {
        let mut payload = Payload::new(1 << 20);
        let ids = TestBatches::new().events(events, |batch| {
            encoder(frame).encode(batch, &mut payload).unwrap();
            batch.events().iter().map(|event| event.id().to_string()).collect()
        });
        (lines_of(&payload), ids)
    }

    fn lines_of(payload: &Payload) -> Vec<Vec<String>> {
        let lines = |index| {
            let text = str::from_utf8(payload.record(index).unwrap()).unwrap();
            assert!(text.ends_with('\n'));
            text.lines().map(str::to_owned).collect()
        };
        (0..payload.marked_records()).map(lines).collect()
    }

    fn appended(frame: BulkFrame, records: &[&[u8]]) -> Vec<Vec<String>> {
        let mut others = Payload::new(0);
        for record in records {
            others.buffer().extend_from_slice(record);
            others.end_record();
        }
        let mut payload = Payload::new(0);
        encoder(frame).append_records(&others, &mut payload);
        lines_of(&payload)
    }

    #[test]
    fn a_record_is_an_action_with_the_id_of_the_event_and_a_document() {
        let events = [test_event("one\nline"), test_event("two")];
        let (records, ids) = encoded(frame(None, None), &events);
        assert_eq!(records.len(), 2);
        for (record, id) in records.iter().zip(&ids) {
            assert_eq!(record[0], format!(r#"{{"create":{{"_id":"{id}"}}}}"#));
            let document: Value = serde_json::from_str(&record[1]).unwrap();
            assert_eq!(document["event_id"], id.as_str());
            assert!(document["@timestamp"].is_string() && document.get("timestamp").is_none());
        }
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn index_and_routing_are_in_the_action() {
        let event = test_event("m").field(FieldGroup::Tags, "tenant", "A\"1");
        let (records, ids) = encoded(frame(Some("logs-{tags.tenant}"), Some("tags.tenant")), &[event, test_event("n")]);
        let expected = [
            format!(r#"{{"create":{{"_index":"logs-a_1","routing":"A\"1","_id":"{}"}}}}"#, ids[0]),
            format!(r#"{{"create":{{"_index":"logs-missing","_id":"{}"}}}}"#, ids[1]),
        ];
        assert_eq!([&records[0][0], &records[1][0]], [&expected[0], &expected[1]]);
        serde_json::from_str::<Value>(&records[0][0]).unwrap();
    }

    #[test]
    fn a_record_of_another_sink_gets_an_id_of_its_own() {
        let records = appended(frame(Some("logs-{level}"), None), &[b"{\"a\":\n1}\n", b"plain text\n"]);
        let ids: Vec<_> = records
            .iter()
            .map(|record| {
                let action: Value = serde_json::from_str(&record[0]).unwrap();
                assert_eq!(action["create"]["_index"], "logs-missing");
                action["create"]["_id"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_ne!(ids[0], ids[1]);
        let documents: Vec<Value> = records.iter().map(|record| serde_json::from_str(&record[1]).unwrap()).collect();
        assert_eq!((&documents[0]["a"], &documents[1]["message"]), (&Value::from(1), &Value::from("plain text")));
        assert!(documents.iter().all(|document| document["@timestamp"].is_string()));
    }

    #[test]
    fn lines_of_a_sink_that_marks_no_records_are_documents_of_their_own() {
        let mut lines = Payload::new(0);
        lines.buffer().extend_from_slice(b"{\"a\":1}\n{\"a\":2}\nplain {text}\n");
        let mut payload = Payload::new(0);
        encoder(frame(None, None)).append_records(&lines, &mut payload);
        let documents: Vec<Value> =
            lines_of(&payload).iter().map(|record| serde_json::from_str(&record[1]).unwrap()).collect();
        assert_eq!(documents.len(), 3);
        assert_eq!((&documents[0]["a"], &documents[1]["a"]), (&Value::from(1), &Value::from(2)));
        assert_eq!(documents[2]["message"], "plain {text}");
    }

    #[test]
    fn a_record_for_another_cluster_keeps_its_id_and_its_index() {
        let plain = b"{\"create\":{\"_id\":\"a-1-1\"}}\n{\"x\":1}\n";
        let named = b"{\"create\":{\"_index\":\"i\",\"_id\":\"a-1-2\"}}\n{\"x\":2}\n";
        let records = appended(frame(None, None), &[plain, named]);
        assert_eq!(records[0], [r#"{"create":{"_id":"a-1-1"}}"#, r#"{"x":1}"#]);
        assert_eq!(records[1][0], r#"{"create":{"_index":"i","_id":"a-1-2"}}"#);
        let records = appended(frame(Some("logs-{level}"), None), &[plain, named]);
        assert_eq!(records[0][0], r#"{"create":{"_index":"logs-missing","_id":"a-1-1"}}"#);
        assert_eq!(records[1][0], r#"{"create":{"_index":"i","_id":"a-1-2"}}"#);
    }
}
