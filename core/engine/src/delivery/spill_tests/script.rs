//! A sink whose destination replies by a script, and keeps what it has acknowledged.

use std::{
    collections::VecDeque,
    future::poll_fn,
    panic::panic_any,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    sink::{Delivery, Payload, PayloadId, Sink, SinkContext, SinkError, SinkFactory},
    threads::lock,
};
use fapilog_record::{field_group::FieldGroup, value::ValueRef};

/// The reply of the destination to an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ScriptedReply {
    /// It takes the payload.
    Takes,
    /// It is down.
    Down,
    /// It is busy, and asks to wait for so long.
    Busy(Duration),
    /// It fails for good.
    Refuses,
    /// It takes so many records, and is down then.
    TakesOnly(usize),
    /// It takes some records, refuses some, and may take some later: two bits for each.
    ByRecord(u64),
    /// It never answers.
    Hangs,
    /// The call panics.
    Panics,
}

/// A payload whose records the destination has acknowledged, as far as they are in `numbers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AcknowledgedPayload {
    pub(super) id: PayloadId,
    pub(super) is_replayed: bool,
    pub(super) numbers: Vec<u64>,
}

/// The script of a destination.
#[derive(Debug, Clone, Default)]
pub(super) struct SpillScript(Arc<Mutex<ScriptedDestination>>);

#[derive(Debug, Default)]
struct ScriptedDestination {
    replies: VecDeque<ScriptedReply>,
    /// The reply when the others are used up; `None`: it takes all.
    always: Option<ScriptedReply>,
    acknowledged: Vec<AcknowledgedPayload>,
    attempts: usize,
    /// The bytes of a record, beside its number.
    padding: usize,
}

impl SpillScript {
    pub(super) fn reply(&self, replies: impl IntoIterator<Item = ScriptedReply>) {
        lock(&self.0).replies.extend(replies);
    }

    /// The reply to all attempts from now on.
    pub(super) fn reply_always(&self, reply: ScriptedReply) {
        let mut state = lock(&self.0);
        state.replies.clear();
        state.always = Some(reply);
    }

    /// Has each record have so many bytes more.
    pub(super) fn pad(&self, bytes: usize) {
        lock(&self.0).padding = bytes;
    }

    pub(super) fn acknowledged(&self) -> Vec<AcknowledgedPayload> {
        lock(&self.0).acknowledged.clone()
    }

    /// The numbers of the events that it has acknowledged.
    pub(super) fn numbers(&self) -> Vec<u64> {
        lock(&self.0).acknowledged.iter().flat_map(|payload| payload.numbers.clone()).collect()
    }

    pub(super) fn attempts(&self) -> usize {
        lock(&self.0).attempts
    }

    fn begin_attempt(&self) -> ScriptedReply {
        let mut state = lock(&self.0);
        state.attempts += 1;
        let always = state.always.clone();
        state.replies.pop_front().or(always).unwrap_or(ScriptedReply::Takes)
    }

    fn end_attempt(&self, payload: &Payload, reply: &ScriptedReply) -> Result<(), SinkError> {
        let all: Vec<u64> = (0..payload.marked_records()).map(|index| number_of(payload, index)).collect();
        let (taken, result) = match reply {
            ScriptedReply::Down => (Vec::new(), Err(SinkError::retryable("down"))),
            ScriptedReply::Busy(wait) => (Vec::new(), Err(SinkError::retry_after(*wait, "busy"))),
            ScriptedReply::Refuses => (Vec::new(), Err(SinkError::permanent("refused"))),
            ScriptedReply::TakesOnly(count) => take_only(payload, &all, *count),
            ScriptedReply::ByRecord(bits) => take_by_record(&all, *bits),
            _ => (all, Ok(())),
        };
        if !taken.is_empty() {
            let (id, is_replayed) = (payload.id(), payload.is_replayed());
            lock(&self.0).acknowledged.push(AcknowledgedPayload { id, is_replayed, numbers: taken });
        }
        result
    }
}

fn take_only(payload: &Payload, all: &[u64], count: usize) -> (Vec<u64>, Result<(), SinkError>) {
    let taken: Vec<u64> = all.iter().copied().take(count).collect();
    let bytes: usize = (0..taken.len()).filter_map(|index| payload.record(index)).map(<[u8]>::len).sum();
    let (records, bytes) = (taken.len() as u64, bytes as u64);
    (taken, Err(SinkError::Partial { records, bytes, source: Box::new(SinkError::retryable("down")) }))
}

fn take_by_record(all: &[u64], bits: u64) -> (Vec<u64>, Result<(), SinkError>) {
    let places = |wanted| (0..all.len()).filter(move |place| (bits >> (2 * place % 64)) & 3 == wanted);
    let (rejected, retryable): (Vec<usize>, Vec<usize>) = (places(2).collect(), places(3).collect());
    let is_taken = |place: &usize| !rejected.contains(place) && !retryable.contains(place);
    let taken = (0..all.len()).filter(is_taken).map(|place| all[place]).collect();
    (taken, Err(SinkError::PerRecord { rejected, retryable, retry_after: None, source: "some".into() }))
}

fn number_of(payload: &Payload, index: usize) -> u64 {
    std::str::from_utf8(payload.record(index).unwrap()).unwrap().trim().parse().unwrap()
}

impl SinkFactory for SpillScript {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for SpillScript {
    fn writer(&self) -> String {
        "a script".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1 << 10))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        for event in batch.events() {
            let Some(ValueRef::U64(number)) = event.field(FieldGroup::Context, "n") else { panic_any("no number") };
            let padding = lock(&self.0).padding;
            payload.buffer().extend_from_slice(format!("{number}{:padding$}\n", "").as_bytes());
            payload.end_record();
        }
        Ok(())
    }

    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        payload.append(records);
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        let reply = self.begin_attempt();
        if reply == ScriptedReply::Panics {
            panic_any("planted");
        }
        let this = self.clone();
        Delivery::in_flight(poll_fn(move |_| match reply {
            ScriptedReply::Hangs => Poll::Pending,
            _ => Poll::Ready(this.end_attempt(&payload, &reply)),
        }))
    }
}
