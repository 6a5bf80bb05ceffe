//! Tests of deliveries by a scripted sink, at times that each test chooses.

mod answers;
mod any_fallback;
mod any_sequence;
mod attempts;
mod breaker;
mod fallbacks;
mod flushes;
mod panics;
mod queues;
mod rotations;
mod script;
mod shutdown;

use std::{
    task::{Context, Waker},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    event::InstanceId,
    factory::ShardInfo,
    sink::{DeliveryPolicy, OnFull},
    testing::TestBatches,
};
use fapilog_record::level::Level;
use script::{Answer, AttemptRecord, Script};

use crate::{
    accounts::{LossReason, SinkCounters},
    container::SinkOptions,
    delivery::{
        payload_ids::PayloadIds,
        sink_reports::OwnLosses,
        sink_worker::{SinkWorker, WorkerPlace},
    },
    diagnostics::DiagnosticLog,
    port::{ShardPort, plan::SinkPlan},
    supervisor::SupervisorPolicy,
};

const SECOND: Duration = Duration::from_secs(1);

/// A sink worker with a scripted sink, and a clock that the test moves.
struct DeliveryBench {
    worker: SinkWorker,
    script: Script,
    batches: TestBatches,
    port: ShardPort,
    start: Instant,
    now: Instant,
    /// The number of the last event.
    last: u64,
}

/// A policy whose waits have no length: another attempt starts at once. Nothing opens the breaker.
fn at_once() -> DeliveryPolicy {
    DeliveryPolicy::default().backoff(Duration::ZERO, 1.0, Duration::ZERO).breaker(0, SECOND, SECOND)
}

impl DeliveryBench {
    fn new(policy: DeliveryPolicy) -> Self {
        Self::with("scripted", SinkOptions::new().delivery(policy))
    }

    fn with(name: &str, options: SinkOptions) -> Self {
        Self::of(Script::default(), name, options, &PayloadIds::new(InstanceId::from_bits(7), ShardInfo::new(0, 1)))
    }

    fn of(script: Script, name: &str, options: SinkOptions, ids: &PayloadIds) -> Self {
        let plan = SinkPlan { name: name.to_owned(), factory: script.factory(), options };
        let diagnostics = DiagnosticLog::default();
        let place = WorkerPlace {
            shard: ShardInfo::new(0, 1),
            flush_interval: SECOND,
            diagnostics: &diagnostics,
            policy: SupervisorPolicy::default(),
            ids,
        };
        let (worker, _) = SinkWorker::new(&plan, place).unwrap();
        let now = Instant::now();
        let port = ShardPort::default();
        Self { worker, script, batches: TestBatches::new(), port, start: now, now, last: 0 }
    }

    /// Its next answers; those after them are [`Answer::Taken`].
    fn answers(self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.script.answer(answers);
        self
    }

    /// Encodes a batch of so many events. They are numbered through.
    fn encode(&mut self, events: u64) {
        let numbers: Vec<u64> = (self.last + 1..=self.last + events).collect();
        self.last += events;
        let Self { worker, batches, port, now, .. } = self;
        batches.batch(&numbers, |batch| worker.encode(batch, port, *now));
    }

    /// As [`encode`](Self::encode), of events of this level.
    fn encode_of(&mut self, level: Level, events: u64) {
        let batches = std::mem::take(&mut self.batches);
        self.batches = batches.level(level);
        self.encode(events);
    }

    /// Encodes and submits a payload of so many events.
    fn submit(&mut self, events: u64) {
        self.encode(events);
        self.worker.submit();
    }

    /// Encodes a report of losses.
    fn report(&mut self, events: u64, own: OwnLosses) {
        let numbers: Vec<u64> = (self.last + 1..=self.last + events).collect();
        self.last += events;
        let Self { worker, batches, port, now, .. } = self;
        batches.batch(&numbers, |batch| worker.encode_report(batch, own, port, *now));
    }

    /// Polls until nothing ends any more.
    fn poll(&mut self) {
        self.script.set_now(self.now);
        for _ in 0..10_000 {
            if !self.worker.poll(self.now, &mut Context::from_waker(Waker::noop()), |_| {}) {
                return;
            }
        }
        panic!("deliveries end for ever at one time");
    }

    /// Lets time pass, and polls.
    fn after(&mut self, time: Duration) {
        self.now += time;
        self.poll();
    }

    /// Polls whenever something is due, until this time has passed. The longest time between two polls is a second.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.poll();
        while self.now < end {
            let due = self.worker.delivery_due(self.now).filter(|due| self.now < *due);
            let next = due.unwrap_or(end).min(self.now + SECOND).min(end);
            self.now = next;
            self.poll();
        }
    }

    fn poll_flush(&mut self) -> bool {
        self.worker.poll_flush(&mut Context::from_waker(Waker::noop()))
    }

    /// Stops the sink, which has so much time left.
    fn stop(&mut self, time: Duration) {
        self.worker.stop(self.now + time);
    }

    fn counters(&self) -> &SinkCounters {
        &self.worker.counters
    }

    fn delivered(&self) -> u64 {
        self.counters().delivered.get()
    }

    fn lost(&self, reason: LossReason) -> u64 {
        self.counters().lost.read().of(reason)
    }

    fn lost_total(&self) -> u64 {
        self.counters().lost.read().total()
    }

    /// The events in payloads that have not ended.
    fn pending(&self) -> u64 {
        let filling = self.worker.filling.as_ref().map_or(0, |filling| filling.events);
        self.worker.destination.local_events() + filling
    }

    fn attempts(&self) -> Vec<AttemptRecord> {
        self.script.attempts()
    }

    /// The numbers of the events of each attempt.
    fn attempted(&self) -> Vec<Vec<u64>> {
        self.attempts().into_iter().map(|attempt| attempt.numbers).collect()
    }

    /// The times of the attempts, from the start of the test.
    fn times(&self) -> Vec<Duration> {
        self.attempts().iter().map(|attempt| attempt.at - self.start).collect()
    }
}

/// A sink worker's options.
fn options(policy: DeliveryPolicy, on_full: OnFull) -> SinkOptions {
    SinkOptions::new().delivery(policy).on_full(on_full)
}
