//! Rows of a sink's deliveries: each setting of its entry in `sinks`, and no setting without a row.

use std::{
    collections::BTreeSet,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::ManualDrain,
    error,
    event::Batch,
    format::{self, Formatter},
    info,
    metrics::{BreakerState, LossReason},
    plugin::{Metadata, PluginError, Registry},
    settings::{DeliverySettings, SinkEntry},
    sink::{self, Delivery, MemoryEvents, OnFull, Payload, Sink, SinkContext, SinkError, SinkFactory},
};

use crate::{NEVER, Row, law::until, log::plain};

/// Every setting of deliveries, and what shows that it is obeyed.
const ROWS: &[Row] = &[
    ("queue_payloads", queue_payloads),
    ("queue_bytes", queue_bytes),
    ("in_flight_payloads", in_flight_payloads),
    ("attempts", attempts),
    ("backoff", backoff),
    ("backoff_factor", backoff_factor),
    ("backoff_max", backoff_max),
    ("retry_time", retry_time),
    ("timeout", timeout),
    ("breaker_failures", breaker_failures),
    ("cool_down", cool_down),
    ("cool_down_max", cool_down_max),
];

#[test]
fn every_setting_of_deliveries_has_a_row() {
    let rows: BTreeSet<&str> = ROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(rows, DeliverySettings::NAMES.iter().copied().collect());
}

#[test]
fn every_setting_of_deliveries_changes_what_a_sink_does() {
    for (name, row) in ROWS {
        println!("{name}");
        row();
    }
}

/// How a destination answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reply {
    /// Not now.
    Busy,
    /// Not ever.
    Refusal,
    /// None.
    Silence,
}

/// A sink whose destination takes nothing. It counts the attempts.
#[derive(Clone)]
struct Unreachable {
    reply: Reply,
    attempts: Arc<AtomicU64>,
    record_bytes_min: usize,
}

impl SinkFactory for Unreachable {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for Unreachable {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    /// A payload for each batch.
    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        format::Minimal::new().format(batch, payload.buffer()).unwrap();
        let bytes = payload.len().max(self.record_bytes_min);
        payload.buffer().resize(bytes, b'.');
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        match self.reply {
            Reply::Busy => Delivery::done(Err(SinkError::retryable("busy"))),
            Reply::Refusal => Delivery::done(Err(SinkError::permanent("refused"))),
            Reply::Silence => Delivery::in_flight(pending()),
        }
    }
}

/// A log whose first sink reaches no destination.
pub(super) struct Log {
    pub(super) container: Container,
    drain: ManualDrain,
    attempts: Arc<AtomicU64>,
    /// Those of the second sink.
    events: MemoryEvents,
}

impl Log {
    fn new(sink: SinkEntry, reply: Reply) -> Self {
        Self::with_records_of(0, sink, reply)
    }

    /// A log whose records have at least this length.
    pub(super) fn with_records_of(record_bytes_min: usize, sink: SinkEntry, reply: Reply) -> Self {
        let attempts = Arc::<AtomicU64>::default();
        let sink_of_shard = Unreachable { reply, attempts: Arc::clone(&attempts), record_bytes_min };
        let factory: Arc<dyn SinkFactory> = Arc::new(sink_of_shard);
        let mut registry = Registry::linked();
        let events = sink::Memory::register(&mut registry, "memory").unwrap();
        registry
            .register_sink(Metadata::new("unreachable", "1.0.0"), move |_| Ok(Arc::new(Arc::clone(&factory))))
            .unwrap();
        let settings = plain().sinks([sink, "memory".into()]).formatter("minimal").build().unwrap();
        let (container, drain) = settings.into_builder_with(&registry).unwrap().start_manual().unwrap();
        Self { container, drain, attempts, events }
    }

    /// A log of one event, whose sink has these settings and no waits.
    fn of_one_event(delivery: impl FnOnce(DeliverySettings) -> DeliverySettings, reply: Reply) -> Self {
        let eager = DeliverySettings::new().attempts(50).backoff(Duration::ZERO).retry_time(Duration::ZERO);
        let mut log = Self::new(entry().delivery(delivery(eager.breaker_failures(0))), reply);
        log.info();
        log
    }

    /// Logs an event, in a payload of its own.
    pub(super) fn info(&mut self) {
        info!(self.container.logger("deliveries"), "event");
        self.take();
    }

    /// Takes the event from its ring, unless the sink blocks. A turn may only look.
    fn take(&mut self) {
        for _ in 0..5 {
            self.drain.turn();
        }
    }

    fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    pub(super) fn lost(&self, reason: LossReason) -> u64 {
        self.container.accounts().sinks.first().unwrap().lost.of(reason)
    }

    pub(super) fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        until(what, || {
            self.drain.turn();
            is_so(self)
        });
    }

    fn until_given_up(&mut self) -> u64 {
        self.until("the event is given up", |log| log.lost(LossReason::SinkFailed) == 1);
        self.attempts()
    }

    /// The attempts after a time in which there could be many.
    fn attempts_after_a_while(&mut self) -> u64 {
        let end = Instant::now() + Duration::from_millis(100);
        while Instant::now() < end {
            self.drain.turn();
        }
        self.attempts()
    }
}

pub(super) fn entry() -> SinkEntry {
    SinkEntry::new("unreachable")
}

fn queue_payloads() {
    let lost_of_five = |delivery: DeliverySettings| {
        let mut log = Log::new(entry().delivery(delivery), Reply::Silence);
        (0..5).for_each(|_| log.info());
        log.lost(LossReason::SinkBusy)
    };
    assert_eq!(lost_of_five(DeliverySettings::new().queue_payloads(2)), 3);
    assert_eq!(lost_of_five(DeliverySettings::new()), 0);
}

fn queue_bytes() {
    let lost_of_five = |bytes| {
        let mut log = Log::new(entry().delivery(DeliverySettings::new().queue_bytes(bytes)), Reply::Silence);
        (0..5).for_each(|_| log.info());
        log.lost(LossReason::SinkBusy)
    };
    // The payload that fills the queue is in it.
    assert_eq!((lost_of_five(1), lost_of_five("INFO event\n".len() + 1)), (4, 3));
}

fn in_flight_payloads() {
    let in_flight_of_five = |payloads| {
        let delivery = DeliverySettings::new().in_flight_payloads(payloads);
        let mut log = Log::new(entry().delivery(delivery), Reply::Silence);
        (0..5).for_each(|_| log.info());
        log.attempts()
    };
    assert_eq!([1, 3].map(in_flight_of_five), [1, 3]);
}

fn attempts() {
    let made = |attempts| Log::of_one_event(|eager| eager.attempts(attempts), Reply::Busy).until_given_up();
    assert_eq!([1, 7].map(made), [1, 7]);
}

/// So long that the wait at random is hardly ever as short as a test. A limit of no less than all of the sink's own.
const AGES: Duration = Duration::from_secs(100_000_000_000);

fn backoff() {
    let delivery = |eager: DeliverySettings| eager.backoff(AGES).backoff_max(AGES);
    assert_eq!(Log::of_one_event(delivery, Reply::Busy).attempts_after_a_while(), 1);
    assert_eq!(Log::of_one_event(|eager| eager, Reply::Busy).until_given_up(), 50);
}

fn backoff_factor() {
    let by = |factor| move |eager: DeliverySettings| eager.backoff(Duration::from_nanos(1)).backoff_factor(factor);
    let up_to_ages = |factor| move |eager| by(factor)(eager).backoff_max(AGES);
    assert!(Log::of_one_event(up_to_ages(100.0), Reply::Busy).attempts_after_a_while() < 50);
    assert_eq!(Log::of_one_event(up_to_ages(1.0), Reply::Busy).until_given_up(), 50);
}

fn backoff_max() {
    let up_to = |max| {
        move |eager: DeliverySettings| eager.backoff(Duration::from_nanos(1)).backoff_factor(100.0).backoff_max(max)
    };
    assert_eq!(Log::of_one_event(up_to(Duration::from_nanos(1)), Reply::Busy).until_given_up(), 50);
    assert!(Log::of_one_event(up_to(AGES), Reply::Busy).attempts_after_a_while() < 50);
}

fn retry_time() {
    let within = |time| Log::of_one_event(|eager| eager.retry_time(time), Reply::Busy).until_given_up();
    assert!(within(Duration::from_nanos(1)) < 50);
    assert_eq!(within(NEVER), 50);
}

fn timeout() {
    let timeouts = |log: &Log| log.container.metrics().deliveries.first().unwrap().timeouts;
    let mut limited = Log::of_one_event(|eager| eager.timeout(Duration::from_millis(1)), Reply::Silence);
    limited.until("the time is up", |log| timeouts(log) > 0);
    let mut unlimited = Log::of_one_event(|eager| eager.timeout(Duration::ZERO), Reply::Silence);
    thread::sleep(Duration::from_millis(5));
    unlimited.drain.turn();
    assert_eq!((timeouts(&unlimited), unlimited.attempts()), (0, 1));
}

fn breaker_failures() {
    let breaker = |log: &Log| log.container.metrics().deliveries.first().unwrap().breaker;
    let with = |failures| move |eager: DeliverySettings| eager.breaker_failures(failures).cool_down(NEVER);
    let up_to = |failures| move |eager| with(failures)(eager).cool_down_max(NEVER);
    let mut log = Log::of_one_event(up_to(3), Reply::Busy);
    log.until("the breaker is open", |log| breaker(log) == BreakerState::Open);
    assert_eq!(log.attempts_after_a_while(), 3);
    assert_eq!(Log::of_one_event(up_to(0), Reply::Busy).until_given_up(), 50);
}

fn cool_down() {
    let with =
        |time: Duration| move |eager: DeliverySettings| eager.breaker_failures(1).cool_down(time).cool_down_max(time);
    assert_eq!(Log::of_one_event(with(Duration::from_millis(1)), Reply::Busy).until_given_up(), 50);
    assert_eq!(Log::of_one_event(with(NEVER), Reply::Busy).attempts_after_a_while(), 1);
}

fn cool_down_max() {
    let up_to = |max| {
        move |eager: DeliverySettings| eager.breaker_failures(1).cool_down(Duration::from_millis(1)).cool_down_max(max)
    };
    assert_eq!(Log::of_one_event(up_to(Duration::from_millis(1)), Reply::Busy).until_given_up(), 50);
    // 1 ms, 2 ms, 4 ms and so on: the eighth is longer than the while.
    assert!(Log::of_one_event(up_to(NEVER), Reply::Busy).attempts_after_a_while() <= 8);
}

#[test]
fn a_fallback_gets_what_the_sink_cannot_deliver() {
    let delivered = |sink: SinkEntry| {
        let mut log = Log::new(sink, Reply::Refusal);
        log.info();
        log.until("all have ended", |log| log.container.accounts().sinks.iter().all(|sink| sink.pending == 0));
        log.events.lines().into_iter().filter(|line| line == "INFO event").count()
    };
    assert_eq!((delivered(entry()), delivered(entry().fallback("memory"))), (1, 2));
}

#[test]
fn the_treatment_of_events_without_room_is_that_of_the_settings() {
    let lost = |on_full| {
        let delivery = DeliverySettings::new().queue_payloads(8);
        let mut log = Log::new(entry().on_full(on_full).delivery(delivery), Reply::Silence);
        (0..9).for_each(|_| log.info());
        error!(log.container.logger("deliveries"), "urgent");
        log.take();
        (log.lost(LossReason::SinkBusy), log.lost(LossReason::LowSeverity))
    };
    assert_eq!(lost(OnFull::Block), (0, 0));
    assert_eq!(lost(OnFull::Drop), (2, 0));
    // The last place in the queue is kept for the urgent event.
    assert_eq!(lost(OnFull::DropLowSeverity), (0, 2));
}
