//! Events become records. It happens on the drain.

pub(crate) mod entry;
mod json_line;
mod record_text;

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event},
    problem::Problem,
    sink::Payload,
    text::{bounded::front, plain::put_plain},
    timestamp::Timestamp,
    value::ValueRef,
};
use fapilog_sink_http::encode::{EventEncoder, FormattedRecords};

use crate::{
    encode::{entry::LokiEntryWriter, record_text::put_record_text},
    labels::{LabelPlan, LastLabels},
    metadata::{MetadataPlan, MetadataScratch},
    record::LokiRecord,
    settings::{LokiEncoding, LokiLine, LokiSettings},
    tenant::TenantPlan,
};

/// The parts of a record, by the settings. All shards share it.
#[derive(Debug)]
pub(crate) struct LokiPlan {
    encoding: LokiEncoding,
    labels: LabelPlan,
    metadata: MetadataPlan,
    tenant: TenantPlan,
    line: LokiLine,
    max_line_bytes: usize,
}

impl LokiPlan {
    /// The plan of the settings, or all that is invalid in them.
    pub(crate) fn of(settings: &LokiSettings) -> Result<Self, Vec<Problem>> {
        let mut problems = settings.check();
        let labels = LabelPlan::of(settings).map_err(|found| problems.extend(found));
        let metadata = MetadataPlan::of(settings).map_err(|found| problems.extend(found));
        let tenant = TenantPlan::of(settings).map_err(|found| problems.extend(found));
        match (labels, metadata, tenant) {
            (Ok(labels), Ok(metadata), Ok(tenant)) if problems.is_empty() => Ok(Self {
                encoding: settings.encoding,
                labels,
                metadata,
                tenant,
                line: settings.line,
                max_line_bytes: settings.max_line_bytes,
            }),
            _ => Err(problems),
        }
    }
}

/// Encodes the events of a shard.
#[derive(Debug)]
pub(crate) struct LokiEncoder {
    records: RecordWriter,
    formatted: FormattedRecords,
    /// A message.
    message: Vec<u8>,
}

impl LokiEncoder {
    pub(crate) fn new(plan: Arc<LokiPlan>, formatted: FormattedRecords) -> Self {
        let records = RecordWriter { plan, labels: LastLabels::default(), metadata: MetadataScratch::default() };
        Self { records, formatted, message: Vec::new() }
    }

    fn encode_messages(&mut self, batch: &Batch<'_>, payload: &mut Payload) {
        for event in batch.events() {
            match event.message() {
                ValueRef::Text(text) => self.records.put_event(event, text.as_bytes(), payload),
                other => {
                    self.message.clear();
                    put_plain(&mut self.message, other);
                    self.records.put_event(event, &self.message, payload);
                }
            }
        }
    }
}

impl EventEncoder for LokiEncoder {
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        if self.records.plan.line == LokiLine::Message {
            self.encode_messages(batch, payload);
            return Ok(());
        }
        let Self { records, formatted, .. } = self;
        formatted.each(batch, |index, line| {
            if let Some(event) = batch.events().get(index) {
                records.put_event(event, line.strip_suffix(b"\n").unwrap_or(line), payload);
            }
            Ok(())
        })
    }

    fn record_form(&self) -> Option<&'static str> {
        Some("loki")
    }

    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        for record in records.iter() {
            put_record_text(record, text.buffer());
            text.end_record();
        }
    }

    /// A record of another sink becomes the line of an entry, with the time of now. A record of another sink of this kind stays as it is.
    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        if records.marked_records() == 0 {
            let lines = records.records().split_inclusive(|byte| *byte == b'\n');
            return lines.for_each(|line| self.records.put_line(line, payload));
        }
        for record in (0..records.marked_records()).filter_map(|index| records.record(index)) {
            if LokiRecord::read(record).is_some() {
                payload.buffer().extend_from_slice(record);
                payload.end_record();
            } else {
                self.records.put_line(record, payload);
            }
        }
    }
}

/// Writes records.
#[derive(Debug)]
struct RecordWriter {
    plan: Arc<LokiPlan>,
    labels: LastLabels,
    metadata: MetadataScratch,
}

impl RecordWriter {
    fn put_event(&mut self, event: &Event<'_>, line: &[u8], payload: &mut Payload) {
        self.put(Some(event), event.timestamp(), line, payload);
    }

    fn put_line(&mut self, line: &[u8], payload: &mut Payload) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        self.put(None, Timestamp::from(SystemTime::now()), line, payload);
    }

    fn put(&mut self, event: Option<&Event<'_>>, timestamp: Timestamp, line: &[u8], payload: &mut Payload) {
        let Self { plan, labels, metadata } = self;
        let out = payload.buffer();
        let nanos = timestamp.unix_nanos();
        let labels = plan.labels.text(event, labels);
        LokiRecord::put_front(plan.encoding, nanos, |out| plan.tenant.put(event, out), labels, out);
        let line = match str::from_utf8(line) {
            Ok(line) => Cow::Borrowed(line),
            Err(_) => String::from_utf8_lossy(line),
        };
        let mut entry = LokiEntryWriter::begin(plan.encoding, nanos, front(&line, plan.max_line_bytes), out);
        if let Some(event) = event {
            plan.metadata.put(event, metadata, &mut entry);
        }
        entry.finish();
        payload.end_record();
    }
}

#[cfg(test)]
mod tests;
