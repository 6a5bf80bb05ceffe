//! A sink whose destination answers by a script.

use std::{
    collections::VecDeque,
    future::poll_fn,
    panic::panic_any,
    sync::{Arc, Mutex},
    task::Poll,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event},
    sink::{Delivery, Payload, PayloadId, Sink, SinkContext, SinkError, SinkFactory},
    threads::lock,
};
use fapilog_record::{field_group::FieldGroup, value::ValueRef};

/// The answer of the destination to an attempt.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// It takes the payload.
    Taken,
    /// It is busy, and asks to wait for so long.
    Busy(Option<Duration>),
    /// It fails for good.
    Permanent,
    /// It takes so many records, and the answer to the others is another.
    Partial(usize, Box<Answer>),
    /// It takes all records but these.
    Records { rejected: Vec<usize>, retryable: Vec<usize> },
    /// It takes some records, refuses some, and may take some later: two bits for each.
    Mask(u64),
    /// It never answers.
    Hangs,
    /// It answers after so many polls.
    Slow(u32, Box<Answer>),
    /// The call panics.
    PanicsInDeliver,
    /// The future panics.
    PanicsInPoll,
    /// The future never completes, and panics when it is dropped.
    PanicsInDrop,
}

/// An attempt, as the sink has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttemptRecord {
    pub(super) id: PayloadId,
    pub(super) attempt: u32,
    pub(super) numbers: Vec<u64>,
    pub(super) text: String,
    pub(super) at: Instant,
    /// The address of the records.
    pub(super) address: usize,
}

/// A call of the sink that may panic, or refuse a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PanicPlace {
    Payload,
    Encode,
    /// The formatter refuses the batch, with the reason `planted`.
    EncodeRefused,
    AppendRecords,
    AppendAsText,
    Flush,
    Stop,
}

/// The script of a destination, and its records.
#[derive(Debug, Clone)]
pub(super) struct Script(Arc<Mutex<ScriptState>>);

#[derive(Debug)]
struct ScriptState {
    answers: VecDeque<Answer>,
    /// The answer when the others are used up.
    last_answer: Answer,
    attempts: Vec<AttemptRecord>,
    /// The numbers of the events that it has acknowledged.
    acknowledged: Vec<u64>,
    /// Futures that were dropped before they completed.
    dropped: usize,
    /// Futures that have not completed.
    open: usize,
    flushes: usize,
    rotations: usize,
    /// Attempts that hang are answered.
    ends_hanging: bool,
    now: Instant,
    payload_bytes: usize,
    marks_records: bool,
    /// Records of another sink get a sign in front.
    changes_records: bool,
    /// The form of its records.
    form: Option<&'static str>,
    /// Whether it leaves a record out where it renders its records as text.
    skips_texts: bool,
    has_room: bool,
    panics: Option<PanicPlace>,
}

impl Default for Script {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(ScriptState {
            answers: VecDeque::new(),
            last_answer: Answer::Taken,
            attempts: Vec::new(),
            acknowledged: Vec::new(),
            dropped: 0,
            open: 0,
            flushes: 0,
            rotations: 0,
            ends_hanging: false,
            now: Instant::now(),
            payload_bytes: usize::MAX,
            marks_records: true,
            changes_records: false,
            form: None,
            skips_texts: false,
            has_room: true,
            panics: None,
        })))
    }
}

impl Script {
    pub(super) fn factory(&self) -> Arc<dyn SinkFactory> {
        Arc::new(self.clone())
    }

    pub(super) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        lock(&self.0).answers.extend(answers);
    }

    /// The answer to all attempts that have no other.
    pub(super) fn answer_always(&self, answer: Answer) {
        lock(&self.0).last_answer = answer;
    }

    /// Its payloads are full at this length. Without it, they never are.
    pub(super) fn payload_bytes(self, bytes: usize) -> Self {
        lock(&self.0).payload_bytes = bytes;
        self
    }

    /// It does not mark the ends of its records.
    pub(super) fn without_marks(self) -> Self {
        lock(&self.0).marks_records = false;
        self
    }

    /// Answers the attempts that hang: their payloads are taken.
    pub(super) fn end_hanging(&self) {
        lock(&self.0).ends_hanging = true;
    }

    /// It writes the records of another sink in a form of its own.
    pub(super) fn change_records(&self) {
        lock(&self.0).changes_records = true;
    }

    /// Its records have this form.
    pub(super) fn with_form(self, form: &'static str) -> Self {
        lock(&self.0).form = Some(form);
        self
    }

    /// It leaves a record out where it renders its records as text.
    pub(super) fn skip_texts(&self) {
        lock(&self.0).skips_texts = true;
    }

    pub(super) fn set_now(&self, now: Instant) {
        lock(&self.0).now = now;
    }

    pub(super) fn set_room(&self, has_room: bool) {
        lock(&self.0).has_room = has_room;
    }

    pub(super) fn panic_at(&self, place: Option<PanicPlace>) {
        lock(&self.0).panics = place;
    }

    pub(super) fn attempts(&self) -> Vec<AttemptRecord> {
        lock(&self.0).attempts.clone()
    }

    pub(super) fn acknowledged(&self) -> Vec<u64> {
        lock(&self.0).acknowledged.clone()
    }

    /// Futures that were dropped before they completed.
    pub(super) fn dropped(&self) -> usize {
        lock(&self.0).dropped
    }

    /// Futures that have neither completed nor been dropped.
    pub(super) fn open(&self) -> usize {
        lock(&self.0).open
    }

    pub(super) fn flushes(&self) -> usize {
        lock(&self.0).flushes
    }

    pub(super) fn rotations(&self) -> usize {
        lock(&self.0).rotations
    }

    fn panic_if_at(&self, place: PanicPlace) {
        let panics = lock(&self.0).panics;
        if panics == Some(place) {
            panic_any("planted");
        }
    }

    fn begin_attempt(&self, payload: &Payload) -> Answer {
        let mut state = lock(&self.0);
        let attempt = AttemptRecord {
            id: payload.id(),
            attempt: payload.attempt(),
            numbers: numbers(payload.records()),
            text: String::from_utf8_lossy(payload.records()).into_owned(),
            at: state.now,
            address: payload.records().as_ptr() as usize,
        };
        state.attempts.push(attempt);
        state.answers.pop_front().unwrap_or_else(|| state.last_answer.clone())
    }

    /// The destination answers.
    fn end_attempt(&self, payload: &Payload, answer: &Answer) -> Result<(), SinkError> {
        let all = numbers(payload.records());
        let (taken, result) = match answer {
            Answer::Busy(Some(wait)) => (Vec::new(), Err(SinkError::retry_after(*wait, "busy"))),
            Answer::Busy(None) => (Vec::new(), Err(SinkError::retryable("busy"))),
            Answer::Partial(count, others) => {
                let taken: Vec<u64> = all.iter().copied().take(*count).collect();
                let length = |record: &[u8]| record.len() as u64;
                let bytes = (0..taken.len()).filter_map(|index| payload.record(index)).map(length).sum();
                let bytes = if payload.marked_records() > 0 { bytes } else { text(&taken).len() as u64 };
                let records = taken.len() as u64;
                let others = match &**others {
                    Answer::Busy(wait) => SinkError::Retryable { retry_after: *wait, source: "busy".into() },
                    _ => SinkError::permanent("broken"),
                };
                (taken, Err(SinkError::Partial { records, bytes, source: Box::new(others) }))
            }
            Answer::Records { rejected, retryable } => by_record(&all, rejected.clone(), retryable.clone()),
            Answer::Mask(mask) => {
                let places = |bits| (0..all.len()).filter(move |place| mask >> (2 * place % 64) & 3 == bits).collect();
                by_record(&all, places(2), places(3))
            }
            Answer::Permanent => (Vec::new(), Err(SinkError::permanent("broken"))),
            _ => (all, Ok(())),
        };
        lock(&self.0).acknowledged.extend(taken);
        result
    }
}

/// An answer by record, and the events that are taken.
fn by_record(all: &[u64], rejected: Vec<usize>, retryable: Vec<usize>) -> (Vec<u64>, Result<(), SinkError>) {
    let is_taken = |place: &usize| !rejected.contains(place) && !retryable.contains(place);
    let taken = (0..all.len()).filter(is_taken).map(|place| all[place]).collect();
    (taken, Err(SinkError::PerRecord { rejected, retryable, retry_after: None, source: "refused".into() }))
}

/// Counts a future that ends.
struct OpenFuture {
    script: Script,
    is_complete: bool,
    panics: bool,
}

impl Drop for OpenFuture {
    fn drop(&mut self) {
        let mut state = lock(&self.script.0);
        state.open -= 1;
        state.dropped += usize::from(!self.is_complete);
        drop(state);
        if self.panics {
            panic_any("planted");
        }
    }
}

fn numbers(records: &[u8]) -> Vec<u64> {
    let text = std::str::from_utf8(records).unwrap();
    text.split_terminator(';').map(|number| number.parse().unwrap_or(0)).collect()
}

fn text(numbers: &[u64]) -> String {
    numbers.iter().map(|number| format!("{number};")).collect()
}

/// The number that an event has as its argument `n`; 0 for a report.
fn number(event: &Event<'_>) -> u64 {
    match event.field(FieldGroup::Context, "n") {
        Some(ValueRef::U64(number)) => number,
        _ => 0,
    }
}

impl SinkFactory for Script {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for Script {
    fn writer(&self) -> String {
        "script".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        self.panic_if_at(PanicPlace::Payload);
        let state = lock(&self.0);
        state.has_room.then(|| Payload::in_buffer(b"front".to_vec(), state.payload_bytes))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        for event in batch.events() {
            payload.buffer().extend_from_slice(text(&[number(event)]).as_bytes());
            if lock(&self.0).marks_records {
                payload.end_record();
            }
        }
        self.panic_if_at(PanicPlace::Encode);
        let panics = lock(&self.0).panics;
        if panics == Some(PanicPlace::EncodeRefused) {
            return Err(PluginError::failed("planted"));
        }
        Ok(())
    }

    fn record_form(&self) -> Option<&'static str> {
        lock(&self.0).form
    }

    /// The text of a record has a zero in front.
    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        let skipped = usize::from(lock(&self.0).skips_texts);
        for record in (skipped..records.marked_records()).filter_map(|index| records.record(index)) {
            text.buffer().push(b'0');
            text.buffer().extend_from_slice(record);
            text.end_record();
        }
        self.panic_if_at(PanicPlace::AppendAsText);
    }

    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        match lock(&self.0).changes_records {
            true => {
                for record in (0..records.marked_records()).filter_map(|index| records.record(index)) {
                    payload.buffer().push(b'+');
                    payload.buffer().extend_from_slice(record);
                    payload.end_record();
                }
            }
            false => payload.append(records),
        }
        self.panic_if_at(PanicPlace::AppendRecords);
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        let mut answer = self.begin_attempt(&payload);
        if matches!(answer, Answer::PanicsInDeliver) {
            panic_any("planted");
        }
        lock(&self.0).open += 1;
        let mut future =
            OpenFuture { script: self.clone(), is_complete: false, panics: matches!(answer, Answer::PanicsInDrop) };
        Delivery::in_flight(poll_fn(move |_| match &mut answer {
            Answer::Hangs if lock(&future.script.0).ends_hanging => {
                future.is_complete = true;
                Poll::Ready(future.script.end_attempt(&payload, &Answer::Taken))
            }
            Answer::Hangs | Answer::PanicsInDrop => Poll::Pending,
            Answer::PanicsInPoll => panic_any("planted"),
            Answer::Slow(polls, _) if *polls > 0 => {
                *polls -= 1;
                Poll::Pending
            }
            Answer::Slow(_, answer) => {
                future.is_complete = true;
                Poll::Ready(future.script.end_attempt(&payload, answer))
            }
            answer => {
                future.is_complete = true;
                Poll::Ready(future.script.end_attempt(&payload, answer))
            }
        }))
    }

    fn flush(&mut self) -> Delivery {
        self.panic_if_at(PanicPlace::Flush);
        lock(&self.0).flushes += 1;
        Delivery::done(Ok(()))
    }

    fn rotate(&mut self) -> Delivery {
        lock(&self.0).rotations += 1;
        Delivery::done(Ok(()))
    }

    fn stop(&mut self, _: Instant) {
        self.panic_if_at(PanicPlace::Stop);
    }
}
