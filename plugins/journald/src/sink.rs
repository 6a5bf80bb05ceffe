//! The sink of a shard.

use std::{path::Path, time::Instant};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    problem::Problem,
    sink::{
        Assurances, Delivery, DeliveryPolicy, DeliveryThread, Payload, Sink, SinkContext, SinkCounter, SinkError,
        SinkFactory, SinkPlace,
    },
};

use crate::{
    deliver::JournalClient, encode::EntryEncoder, entry_text::append_as_text, settings::Journald,
    stop_deadline::StopDeadline,
};

/// Room for the entry that makes a payload full and exceeds it.
const OVERSHOOT_BYTES: usize = 4 * 1024;

impl SinkFactory for Journald {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        report_missing(self.socket_path(), context);
        let stop = StopDeadline::default();
        let (path, timeout) = (self.socket_path().to_owned(), self.timeout_of_payload());
        let long_entries = context.counter("long_entries");
        let client = {
            let stop = stop.clone();
            move || JournalClient::new(path, timeout, stop, long_entries)
        };
        Ok(Box::new(JournaldSink {
            encoder: EntryEncoder::new(self.encode_options()),
            thread: DeliveryThread::start(format!("{}-{}", context.name, context.shard.index), client)?,
            payload_bytes: self.bytes_of_payload(),
            stop,
            cut_entries: context.counter("cut_entries"),
        }))
    }

    fn check(&self) -> Vec<Problem> {
        self.problems()
    }

    /// A restart of journald takes seconds: more attempts than the default, and closer together.
    fn delivery(&self) -> DeliveryPolicy {
        self.policy()
    }

    fn assurances(&self) -> Assurances {
        Assurances::unknown().place(SinkPlace::Local)
    }
}

/// A socket that is missing at the start is no error: journald may start later.
fn report_missing(path: &Path, context: &SinkContext<'_>) {
    if !path.exists() {
        context.report(format!("no socket of journald at {}; entries wait for it", path.display()));
    }
}

struct JournaldSink {
    encoder: EntryEncoder,
    thread: DeliveryThread,
    payload_bytes: usize,
    stop: StopDeadline,
    cut_entries: SinkCounter,
}

impl Sink for JournaldSink {
    fn writer(&self) -> String {
        "journald, native protocol".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        let buffer = Vec::with_capacity(self.payload_bytes + OVERSHOOT_BYTES);
        Some(Payload::in_buffer(buffer, self.payload_bytes))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        let cut = self.encoder.encode(batch, payload);
        if cut > 0 {
            self.cut_entries.add(cut);
        }
        Ok(())
    }

    fn record_form(&self) -> Option<&'static str> {
        Some("journald")
    }

    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        append_as_text(records, text);
    }

    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        self.encoder.append(records, payload);
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.thread.deliver(payload)
    }

    fn stop(&mut self, deadline: Instant) {
        self.stop.set(deadline);
    }
}
