//! A destination under load that works, fails, hangs, is slow, takes parts, refuses, asks to wait, comes back and dies: in each
//! phase the law holds, each producer's events stay in order, and nothing is delivered twice.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{Arc, Mutex},
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::{Executor, Overflow},
    error::FlushError,
    event::{Batch, Event, FieldGroup, ValueRef},
    info,
    metrics::{Accounts, LossReason, SinkAccounts},
    plugin::PluginError,
    sink::{Delivery, DeliveryPolicy, OnFull, Payload, Sink, SinkContext, SinkError, SinkFactory, SinkOptions},
};
use law::{TIMEOUT, balanced, executors, until};

const PRODUCERS: u64 = 4;
const EVENTS: u64 = 150;

/// The state of the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Works,
    /// It is busy.
    Fails,
    /// Attempts never end.
    Hangs,
    /// It takes two milliseconds for a payload.
    Slow,
    /// It takes half of the records of a payload.
    Partial,
    /// It refuses a record in seven for good, and takes the others.
    Rejects,
    /// It asks to wait for three milliseconds, two times of three.
    AsksToWait,
    /// Attempts panic.
    Dies,
}

/// An event: its producer and its number. `None`: a report of losses.
type Record = Option<(u64, u64)>;

#[derive(Debug)]
struct DestinationState {
    phase: Phase,
    attempts: u64,
    acknowledged: Vec<Record>,
    /// Attempts that have neither ended nor been dropped.
    in_flight: usize,
    in_flight_max: usize,
}

/// The destination of the sinks of all shards.
#[derive(Debug, Clone)]
struct Destination(Arc<Mutex<DestinationState>>);

impl Destination {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(DestinationState {
            phase: Phase::Works,
            attempts: 0,
            acknowledged: Vec::new(),
            in_flight: 0,
            in_flight_max: 0,
        })))
    }

    fn set(&self, phase: Phase) {
        self.0.lock().unwrap().phase = phase;
    }

    fn acknowledged(&self) -> Vec<Record> {
        self.0.lock().unwrap().acknowledged.clone()
    }

    /// Begins an attempt. Returns the phase that answers it, and the number of the attempt.
    fn begin(&self) -> (Phase, u64) {
        let mut state = self.0.lock().unwrap();
        state.attempts += 1;
        state.in_flight += 1;
        state.in_flight_max = state.in_flight_max.max(state.in_flight);
        (state.phase, state.attempts)
    }

    fn acknowledge(&self, records: impl IntoIterator<Item = Record>) {
        self.0.lock().unwrap().acknowledged.extend(records);
    }

    /// The answer to an attempt that ends.
    fn answer(&self, phase: Phase, attempt: u64, payload: &Payload) -> Result<(), SinkError> {
        let records = records(payload);
        match phase {
            Phase::Fails => return Err(SinkError::retryable("planted")),
            Phase::AsksToWait if !attempt.is_multiple_of(3) => {
                return Err(SinkError::retry_after(Duration::from_millis(3), "planted"));
            }
            Phase::Partial if records.len() > 1 => {
                let half = records.len() / 2;
                let bytes: usize = (0..half).map(|index| payload.record(index).unwrap().len()).sum();
                self.acknowledge(records.into_iter().take(half));
                let source = Box::new(SinkError::retryable("planted"));
                return Err(SinkError::Partial { records: half as u64, bytes: bytes as u64, source });
            }
            Phase::Rejects => {
                let is_refused = |record: &Record| record.is_some_and(|(_, number)| number % 7 == 0);
                let refused: Vec<usize> = (0..records.len()).filter(|index| is_refused(&records[*index])).collect();
                self.acknowledge(records.into_iter().filter(|record| !is_refused(record)));
                return if refused.is_empty() { Ok(()) } else { Err(SinkError::rejected(refused, "planted")) };
            }
            _ => self.acknowledge(records),
        }
        Ok(())
    }
}

/// An attempt that has begun.
struct OpenAttempt(Destination);

impl Drop for OpenAttempt {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().in_flight -= 1;
    }
}

fn records(payload: &Payload) -> Vec<Record> {
    let record = |index| {
        let text = std::str::from_utf8(payload.record(index).unwrap()).unwrap();
        let (producer, number) = text.trim_end_matches(';').split_once(':')?;
        Some((producer.parse().unwrap(), number.parse().unwrap()))
    };
    (0..payload.marked_records()).map(record).collect()
}

fn field(event: &Event<'_>, name: &str) -> Option<u64> {
    match event.field(FieldGroup::Context, name)? {
        ValueRef::U64(number) => Some(number),
        _ => None,
    }
}

impl SinkFactory for Destination {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for Destination {
    fn writer(&self) -> String {
        "scripted".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(100))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        for event in batch.events() {
            let text = match (field(event, "producer"), field(event, "number")) {
                (Some(producer), Some(number)) => format!("{producer}:{number};"),
                _ => "report;".to_owned(),
            };
            payload.buffer().extend_from_slice(text.as_bytes());
            payload.end_record();
        }
        Ok(())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        let (phase, attempt) = self.begin();
        let open = OpenAttempt(self.clone());
        let end = Instant::now() + Duration::from_millis(2);
        Delivery::in_flight(poll_fn(move |_| match phase {
            Phase::Hangs => Poll::Pending,
            Phase::Slow if Instant::now() < end => Poll::Pending,
            Phase::Dies => panic!("planted"),
            _ => Poll::Ready(open.0.answer(phase, attempt, &payload)),
        }))
    }
}

/// Every payload ends within milliseconds, whatever the destination does.
fn policy() -> DeliveryPolicy {
    let millis = Duration::from_millis;
    let policy = DeliveryPolicy::default().queue(16, 1 << 20).attempts(3).backoff(millis(1), 2.0, millis(4));
    policy.timeout(millis(5)).breaker(4, millis(1), millis(4)).retry_time(millis(500))
}

struct Load {
    container: Container,
    destination: Destination,
    /// Events that each producer has logged.
    logged: u64,
}

impl Load {
    fn start(executor: Executor) -> Self {
        let destination = Destination::new();
        let builder = Container::builder().executor(executor).shards(2).overflow(Overflow::Block { timeout: TIMEOUT });
        let builder = builder.flush_interval(Duration::from_millis(1)).batch_events_max(16).emergency_lines(false);
        // With `block`, the answers of the destination decide, and not the speed of the producers.
        let options = SinkOptions::new().delivery(policy()).on_full(OnFull::Block);
        let container = builder.sink_with("scripted", destination.clone(), options).start().unwrap();
        Self { container, destination, logged: 0 }
    }

    /// All producers log at once, each from a thread of its own.
    fn log(&mut self) {
        let numbers = self.logged..self.logged + EVENTS;
        self.logged += EVENTS;
        let log = self.container.logger("scripted");
        thread::scope(|scope| {
            for producer in 0..PRODUCERS {
                let (log, numbers) = (&log, numbers.clone());
                scope.spawn(move || numbers.for_each(|number| info!(log, "numbered", producer, number)));
            }
        });
    }

    /// A phase under load. Returns the accounts at its end, when all payloads have ended.
    fn phase(&mut self, phase: Phase) -> SinkAccounts {
        self.destination.set(phase);
        self.log();
        // A flush waits for the end of each payload, and fails if events were lost.
        match self.container.flush(TIMEOUT) {
            Ok(_) | Err(FlushError::Lost { .. } | FlushError::Failed { .. }) => {}
            Err(error) => panic!("{phase:?}: {error}"),
        }
        // Reports of losses may follow.
        until("nothing is pending", || self.container.accounts().pending_total() == 0);
        let accounts = balanced(self.container.accounts());
        let sink = accounts.sinks[0].clone();
        assert!(accounts.submitted >= PRODUCERS * self.logged, "{phase:?}: {accounts}");
        self.check(&sink);
        sink
    }

    /// Acknowledged events are delivered, once, and in the order of each producer.
    fn check(&self, sink: &SinkAccounts) {
        let acknowledged = self.destination.acknowledged();
        assert_eq!(acknowledged.len() as u64, sink.delivered);
        let mut last = HashMap::new();
        for (producer, number) in acknowledged.into_iter().flatten() {
            let before = last.insert(producer, number);
            assert!(before < Some(number), "{number} after {before:?} of producer {producer}");
        }
        // Each shard has one.
        assert!(self.destination.0.lock().unwrap().in_flight_max <= 2);
    }

    fn shut_down(self) -> Accounts {
        balanced(self.container.shutdown(TIMEOUT).unwrap())
    }
}

/// The difference of two accounts: delivered, and lost for the reason.
fn since(before: &SinkAccounts, after: &SinkAccounts, reason: LossReason) -> (u64, u64) {
    (after.delivered - before.delivered, after.lost.of(reason) - before.lost.of(reason))
}

fn all_phases(executor: Executor) {
    const ALL: u64 = PRODUCERS * EVENTS;
    let mut load = Load::start(executor);
    let works = load.phase(Phase::Works);
    assert_eq!((works.delivered, works.lost.total()), (ALL, 0));

    let fails = load.phase(Phase::Fails);
    assert_eq!(since(&works, &fails, LossReason::SinkFailed), (0, ALL));
    assert!(fails.retries > works.retries);

    let back = load.phase(Phase::Works);
    let (delivered, lost) = since(&fails, &back, LossReason::SinkFailed);
    assert!(delivered >= ALL && lost == 0, "{back:?}");

    let hangs = load.phase(Phase::Hangs);
    assert_eq!(since(&back, &hangs, LossReason::SinkFailed).0, 0);
    assert!(hangs.lost.total() >= back.lost.total() + ALL);

    let slow = load.phase(Phase::Slow);
    assert!(since(&hangs, &slow, LossReason::SinkFailed).0 > 0, "{slow:?}");

    let partial = load.phase(Phase::Partial);
    assert!(since(&slow, &partial, LossReason::SinkFailed).0 > 0 && partial.retries > slow.retries, "{partial:?}");

    let rejects = load.phase(Phase::Rejects);
    let sevenths = (load.logged - EVENTS..load.logged).filter(|number| number % 7 == 0).count() as u64;
    assert_eq!(since(&partial, &rejects, LossReason::Rejected).1, PRODUCERS * sevenths);

    let asks = load.phase(Phase::AsksToWait);
    assert!(since(&rejects, &asks, LossReason::SinkFailed).0 > 0, "{asks:?}");

    let dies = load.phase(Phase::Dies);
    assert_eq!(since(&asks, &dies, LossReason::SinkFailed).0, 0);
    load.log();
    let destination = load.destination.clone();
    let accounts = load.shut_down();
    assert_eq!(accounts.sinks[0].delivered, destination.acknowledged().len() as u64);
    assert_eq!(destination.0.lock().unwrap().in_flight, 0);
}

#[test]
fn in_each_phase_of_a_destination_each_event_is_delivered_once_in_order_or_counted() {
    executors().into_iter().for_each(all_phases);
}
