//! Fallback: payloads that a sink could not deliver go to another sink of the shard.
//!
//! 1. A sink *hands* a payload *over*, and keeps it. Its events are pending at the sink that encoded them, and at no other.
//! 2. The shard gives the payload to the fallback, if that works, as soon as it has room. The fallback delivers it behind all
//!    that it has encoded, and counts its bytes only. Records in a [form](fapilog_plugin::sink::Sink::record_form) that is not the
//!    fallback's are rendered as text before, by the sink that encoded them.
//! 3. The result goes back. Events that the fallback has delivered count as delivered at the sink that encoded them.
//! 4. A payload that the fallback could not deliver goes the sink's own way on. A fallback hands no payload of another sink over.

use fapilog_plugin::sink::{Payload, SinkError};

use crate::{delivery::sink_worker::SinkWorker, supervisor::CallKind};

/// A payload of another sink: the name of that sink, and a number that no other hand-over of the shard has. The parts of a
/// payload may be at the fallback at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FallbackTicket {
    pub(crate) sink: String,
    pub(super) number: u64,
}

/// A payload on its way to the fallback.
#[derive(Debug)]
pub(crate) struct HandedOver {
    pub(crate) fallback: String,
    pub(crate) payload: Payload,
    /// The form of the records; `None` for those of a formatter.
    pub(crate) form: Option<&'static str>,
    pub(crate) ticket: FallbackTicket,
}

impl HandedOver {
    /// Whether a sink with records of this form can take the records.
    pub(crate) fn is_for(&self, form: Option<&'static str>) -> bool {
        self.form.is_none() || self.form == form
    }

    /// With these records, which are text.
    pub(crate) fn with_text(mut self, text: Payload) -> Self {
        self.payload = text;
        self.form = None;
        self
    }
}

/// The answer of a fallback to a payload of another sink.
#[derive(Debug)]
pub(crate) enum FallbackAnswer {
    /// It delivers the payload, and has the result later.
    Taken,
    /// It has no room now.
    NoRoom(HandedOver),
    /// It fails, is disabled, or has had no room for long.
    Fails(FallbackTicket),
}

/// A payload's way back.
#[derive(Debug)]
pub(crate) struct FallbackResult {
    pub(crate) ticket: FallbackTicket,
    pub(crate) result: Result<(), SinkError>,
}

impl SinkWorker {
    /// Records of this sink as text. `None` if the sink panics over them, or does not leave a record for each: the answer of the fallback counts them.
    pub(crate) fn as_text(&mut self, records: &Payload) -> Option<Payload> {
        let sink = &mut self.sink;
        let text = self.supervisor.ask_in_time(CallKind::Occasional, "text of its records", || {
            let mut text = Payload::in_buffer(Vec::with_capacity(records.len()), usize::MAX);
            sink.append_as_text(records, &mut text);
            text
        });
        text.filter(|text| text.marked_records() == records.marked_records())
    }
}
