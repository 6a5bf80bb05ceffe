//! Events become records: on the drain, and without I/O.

use std::io::Write;

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event},
    formatter::Formatter,
    record_end::RecordEnd,
    sink::Payload,
};

use crate::{
    record::{KafkaRecord, KafkaRecordWriter},
    settings::KafkaTarget,
    template::{KafkaTemplate, TopicNames},
};

/// Encodes events as records.
pub(crate) struct KafkaEncoder {
    formatter: Box<dyn Formatter>,
    parts: RecordParts,
    /// The lines of a batch.
    lines: Vec<u8>,
}

/// The parts of records beside the value.
struct RecordParts {
    topics: TopicNames,
    key: Option<KafkaTemplate>,
    headers: Vec<(String, KafkaTemplate)>,
    /// The name of the header with the event's id, if there is one.
    id_header: Option<String>,
    /// The key of an event.
    key_bytes: Vec<u8>,
}

impl RecordParts {
    fn put(&mut self, event: &Event<'_>, line: &[u8], out: &mut Vec<u8>) {
        self.key_bytes.clear();
        let has_key = self.key.as_ref().is_some_and(|key| key.put(event, &mut self.key_bytes));
        let key = has_key.then_some(self.key_bytes.as_slice());
        let timestamp = i64::try_from(event.timestamp().unix_nanos() / 1_000_000).unwrap_or(0);
        let mut writer = KafkaRecordWriter::new(out, timestamp, self.topics.of(event), key);
        if let Some(name) = &self.id_header {
            // A write to a vector does not fail.
            writer.header(name, |out| write!(out, "{}", event.id()).is_ok());
        }
        for (name, template) in &self.headers {
            writer.header(name, |out| template.put(event, out));
        }
        writer.end(line);
    }

    /// A line whose event is unknown: that of another sink. The broker gives it the time at which it arrives.
    fn put_line(&self, line: &[u8], out: &mut Vec<u8>) {
        let mut writer = KafkaRecordWriter::new(out, 0, self.topics.missing(), None);
        for (name, template) in &self.headers {
            writer.header(name, |out| template.put_without_event(out));
        }
        writer.end(line);
    }
}

impl KafkaEncoder {
    pub(crate) fn new(target: &KafkaTarget, formatter: Box<dyn Formatter>) -> Self {
        let id_header = Some(target.settings.id_header.clone()).filter(|name| !name.is_empty());
        let parts = RecordParts {
            topics: TopicNames::new(target.topic.clone(), target.settings.topics_max),
            key: target.key.clone(),
            headers: target.headers.clone(),
            id_header,
            key_bytes: Vec::new(),
        };
        Self { formatter, parts, lines: Vec::new() }
    }

    /// Appends a record for each event.
    pub(crate) fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        if self.formatter.record_end() != RecordEnd::LineFeed {
            return self.one_by_one(batch, payload);
        }
        self.lines.clear();
        self.formatter.format(batch, &mut self.lines)?;
        let mut events = batch.events().iter();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &self.lines) {
            let line = self.lines.get(start..end).unwrap_or_default();
            start = end + 1;
            let Some(event) = events.next() else { return Err(self.other_number()) };
            self.parts.put(event, line, payload.buffer());
            payload.end_record();
        }
        if events.len() > 0 || start != self.lines.len() {
            return Err(self.other_number());
        }
        Ok(())
    }

    fn one_by_one(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        for (index, event) in batch.events().iter().enumerate() {
            self.lines.clear();
            self.formatter.format(&batch.range(index..index + 1), &mut self.lines)?;
            let line = self.lines.strip_suffix(b"\n").unwrap_or(&self.lines);
            self.parts.put(event, line, payload.buffer());
            payload.end_record();
        }
        Ok(())
    }

    fn other_number(&self) -> PluginError {
        PluginError::failed(format!(
            "the formatter {} wrote another number of lines than of events",
            self.formatter.name()
        ))
    }

    /// Appends records of another sink: records of this one as they are, and all others as lines.
    pub(crate) fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        let mut append = |record: &[u8]| {
            if KafkaRecord::read(record).is_some() {
                payload.buffer().extend_from_slice(record);
            } else {
                let line = record.strip_suffix(b"\n").unwrap_or(record);
                self.parts.put_line(line, payload.buffer());
            }
            payload.end_record();
        };
        if records.marked_records() > 0 {
            (0..records.marked_records()).filter_map(|index| records.record(index)).for_each(&mut append);
        } else {
            records.records().split_inclusive(|byte| *byte == b'\n').for_each(&mut append);
        }
    }
}

/// Appends the values of records: the lines of events.
pub(crate) fn append_as_text(records: &Payload, text: &mut Payload) {
    for record in records.iter() {
        let value = KafkaRecord::read(record).map_or(record, |record| record.value);
        text.buffer().extend_from_slice(value.strip_suffix(b"\n").unwrap_or(value));
        text.buffer().push(b'\n');
        text.end_record();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::KafkaSettings;

    #[test]
    fn lines_of_another_sink_become_records_and_records_stay_as_they_are() {
        let mut settings = KafkaSettings { brokers: vec!["kafka://127.0.0.1".to_owned()], ..KafkaSettings::default() };
        settings.topic = "logs.{level}".to_owned();
        settings.headers.insert("env".to_owned(), "prod".to_owned());
        settings.headers.insert("user".to_owned(), "{user}".to_owned());
        let target = KafkaTarget::new(&settings).unwrap();
        let mut encoder = KafkaEncoder::new(&target, Box::new(fapilog::format::Json::new()));
        let mut second = Vec::new();
        KafkaRecordWriter::new(&mut second, 5, b"t", Some(b"k")).end(b"second");
        let mut records = Payload::new(100);
        for record in [&b"first\n"[..], &second] {
            records.buffer().extend_from_slice(record);
            records.end_record();
        }
        let mut payload = Payload::new(100);
        encoder.append_records(&records, &mut payload);
        let first = KafkaRecord::read(payload.record(0).unwrap()).unwrap();
        assert_eq!((first.topic, first.key, first.value, first.timestamp), ("logs.-", None, &b"first"[..], 0));
        assert_eq!(first.headers().collect::<Vec<_>>(), [("env", &b"prod"[..])]);
        assert_eq!(payload.record(1), Some(second.as_slice()));
        let mut text = Payload::new(100);
        append_as_text(&payload, &mut text);
        assert_eq!(text.iter().collect::<Vec<_>>(), [b"first\n", &b"second\n"[..]]);
    }
}
