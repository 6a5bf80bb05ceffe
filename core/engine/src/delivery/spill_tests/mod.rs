//! Tests of spill, replay, dead letters and fallback by a scripted destination, at times that each test chooses.

mod any_script;
mod cases;
mod script;

use std::{
    fs,
    path::PathBuf,
    sync::mpsc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    event::InstanceId,
    factory::ShardInfo,
    sink::{DeliveryPolicy, OnFull},
    testing::TestBatches,
};
use rustix::fs::{CWD, RenameFlags};
use script::{ScriptedReply, SpillScript};
use tempfile::TempDir;

use crate::{
    accounts::SinkCounters,
    container::SinkOptions,
    delivery::{
        fallback::FallbackAnswer,
        payload_ids::PayloadIds,
        pending::PayloadOrigin,
        sink_worker::{SinkWorker, WorkerPlace},
        store::options::{DeadLetterOptions, SpillOptions},
    },
    diagnostics::DiagnosticLog,
    port::{ShardPort, plan::SinkPlan},
    supervisor::SupervisorPolicy,
};

const SECOND: Duration = Duration::from_secs(1);

/// A sink worker with a store, perhaps with a fallback, and a clock that the test moves.
struct SpillBench {
    root: TempDir,
    script: SpillScript,
    worker: SinkWorker,
    fallback_script: SpillScript,
    fallback: Option<SinkWorker>,
    options: SinkOptions,
    ids: PayloadIds,
    batches: TestBatches,
    port: ShardPort,
    now: Instant,
    /// The number of the last event.
    last: u64,
    /// The containers so far.
    instance: u64,
    /// The thread of the store is held.
    held: Option<mpsc::Sender<()>>,
}

/// A queue of four payloads, two attempts without a wait, and a breaker that two failures open for a second.
fn policy() -> DeliveryPolicy {
    DeliveryPolicy::default()
        .queue(4, 1 << 20)
        .attempts(2)
        .backoff(Duration::ZERO, 1.0, Duration::ZERO)
        .breaker(2, SECOND, SECOND)
}

fn ids(instance: u64) -> PayloadIds {
    PayloadIds::new(InstanceId::from_bits(instance), ShardInfo::new(0, 1))
}

fn made(name: &str, script: &SpillScript, options: &SinkOptions, ids: &PayloadIds) -> SinkWorker {
    let factory = std::sync::Arc::new(script.clone());
    let plan = SinkPlan { name: name.to_owned(), factory, options: options.clone() };
    let diagnostics = DiagnosticLog::default();
    let policy = SupervisorPolicy::default();
    let shard = ShardInfo::new(0, 1);
    let place = WorkerPlace { shard, flush_interval: SECOND, diagnostics: &diagnostics, policy, ids };
    SinkWorker::new(&plan, place).unwrap().0
}

impl SpillBench {
    /// A sink that spills, with dead letters.
    fn new(policy: DeliveryPolicy) -> Self {
        Self::with(policy, |options, _| options)
    }

    fn with(policy: DeliveryPolicy, change: impl FnOnce(SinkOptions, &TempDir) -> SinkOptions) -> Self {
        let root = tempfile::tempdir().unwrap();
        let options = SinkOptions::new()
            .delivery(policy)
            .on_full(OnFull::Spill)
            .spill(SpillOptions::new(root.path().join("spill")).segment_bytes(64 << 10))
            .dead_letters(DeadLetterOptions::new(root.path().join("dead.jsonl")));
        let options = change(options, &root);
        let (script, ids) = (SpillScript::default(), ids(1));
        let worker = made("scripted", &script, &options, &ids);
        let mut bench = Self {
            root,
            script,
            worker,
            fallback_script: SpillScript::default(),
            fallback: None,
            options,
            ids,
            batches: TestBatches::new(),
            port: ShardPort::default(),
            now: Instant::now(),
            last: 0,
            instance: 1,
            held: None,
        };
        bench.add_fallback();
        bench.settle();
        bench
    }

    fn add_fallback(&mut self) {
        if self.options.delivery.fallback.is_some() {
            let options = SinkOptions::new().delivery(policy());
            self.fallback = Some(made("fallback", &self.fallback_script, &options, &self.ids));
        }
    }

    /// Encodes and submits a payload of so many events, and settles.
    fn submit(&mut self, events: u64) {
        self.encode(events);
        self.settle();
    }

    /// Encodes and submits a payload of so many events. They are numbered through.
    fn encode(&mut self, events: u64) {
        let numbers: Vec<u64> = (self.last + 1..=self.last + events).collect();
        self.last += events;
        let Self { worker, batches, port, now, .. } = self;
        batches.batch(&numbers, |batch| worker.encode(batch, port, *now));
        worker.submit();
    }

    fn poll(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let mut has_ended = self.worker.poll(self.now, &mut context, |_| {});
        if let Some(fallback) = &mut self.fallback {
            has_ended |= fallback.poll(self.now, &mut context, |_| {});
        }
        has_ended | self.exchange()
    }

    /// As the shard does it.
    fn exchange(&mut self) -> bool {
        let mut has_some = false;
        let handed_over: Vec<_> = std::iter::from_fn(|| self.worker.take_handed_over()).collect();
        for handed_over in handed_over {
            let answer = match &mut self.fallback {
                Some(fallback) => fallback.deliver_for_another(handed_over, self.now),
                None => FallbackAnswer::Fails(handed_over.ticket),
            };
            has_some |= !matches!(answer, FallbackAnswer::NoRoom(_));
            match answer {
                FallbackAnswer::Taken => {}
                FallbackAnswer::NoRoom(handed_over) => self.worker.wait_for_fallback(handed_over),
                FallbackAnswer::Fails(ticket) => self.worker.end_fallback(&ticket, Err(None), self.now),
            }
        }
        for result in self.fallback.iter_mut().flat_map(SinkWorker::take_fallback_results) {
            has_some = true;
            self.worker.end_fallback(&result.ticket, result.result.map_err(Some), self.now);
        }
        has_some
    }

    /// Polls until nothing ends any more, and the disk owes no answer.
    fn settle(&mut self) {
        for _ in 0..1000 {
            if self.held.is_none()
                && let Some(store) = &mut self.worker.destination.store
            {
                store.wait_for_thread();
            }
            let has_ended = self.poll();
            let store = self.worker.destination.store.as_ref().filter(|_| self.held.is_none());
            if !has_ended && !store.is_some_and(|store| store.owes_answer()) {
                return self.check();
            }
        }
        panic!("deliveries end for ever at one time");
    }

    /// Lets time pass, and settles.
    fn after(&mut self, time: Duration) {
        self.now += time;
        self.settle();
    }

    /// The law, for events of earlier containers, too.
    fn check(&self) {
        self.worker.assert_balanced();
        let is_due = self.worker.delivery_due(self.now).is_some_and(|due| due <= self.now);
        assert!(!is_due, "something is due that is not done: the shard has a turn after the other");
        let Some(store) = &self.worker.destination.store else { return };
        let figures = &self.counters().delivery;
        assert_eq!(
            figures.recovered.get(),
            figures.recovered_delivered.get() + figures.recovered_lost.get() + store.recovered_events(),
        );
    }

    fn counters(&self) -> &SinkCounters {
        &self.worker.counters
    }

    fn on_disk(&self) -> u64 {
        self.counters().delivery.spilled_events.get()
    }

    fn lost(&self) -> u64 {
        self.counters().lost.read().total()
    }

    /// The events in memory, which a crash takes with it.
    fn in_memory(&self) -> u64 {
        let destination = &self.worker.destination;
        let is_encoded = |origin: &PayloadOrigin| matches!(origin, PayloadOrigin::Encoded);
        let waiting = destination
            .queue
            .iter()
            .chain(destination.in_flight.iter())
            .chain(destination.at_fallback.iter().map(|(_, payload)| payload));
        let leaving = destination.store.iter().flat_map(|store| store.leaving());
        waiting
            .chain(leaving)
            .filter(|payload| is_encoded(&payload.origin))
            .map(|payload| payload.contents.events)
            .sum()
    }

    /// Holds the thread of the store: what it is asked for waits.
    fn hold(&mut self) {
        self.held = self.worker.destination.store.as_mut().map(|store| store.hold());
    }

    /// The process is killed behind so many of the requests that wait, and another one starts.
    fn crash_behind(&mut self, requests: usize) {
        let held = self.held.take();
        if let Some(store) = self.worker.destination.store.take() {
            // The work that holds the thread is one of them.
            store.crash_behind(requests, held);
        }
        self.start_again();
    }

    /// The container is shut down, and another one starts.
    fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// The container is shut down.
    fn stop(&mut self) {
        self.held = None;
        self.worker.stop(self.now + SECOND);
        self.settle();
        self.worker.give_up();
        self.check();
    }

    fn start_again(&mut self) {
        self.mend_spill_directory();
        self.instance += 1;
        self.ids = ids(self.instance);
        self.worker = made("scripted", &self.script, &self.options, &self.ids);
        self.add_fallback();
        self.settle();
    }

    /// The numbers of the events in the file for dead letters.
    fn buried(&self) -> Vec<u64> {
        let path: PathBuf = self.root.path().join("dead.jsonl");
        let text = fs::read_to_string(path).unwrap_or_default();
        let letters = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let records = letters.flat_map(|letter| letter["records"].as_array().unwrap().clone());
        records.map(|record| record.as_str().unwrap().trim().parse().unwrap()).collect()
    }
}

/// Steps of single cases.
impl SpillBench {
    /// Polls until the payload at the head of the disk is in memory, and has not been attempted.
    fn settle_until_loaded(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            self.worker.work_on_store(self.now, &mut context);
            if !self.worker.destination.queue.is_empty() {
                return;
            }
            self.worker.destination.store.as_mut().unwrap().wait_for_thread();
        }
        panic!("nothing is read");
    }

    /// The sink is removed, and another one of its name is added.
    fn replace_worker(&mut self) {
        self.worker.stop(self.now + SECOND);
        self.settle();
        self.worker.give_up();
        self.worker = made("scripted", &self.script, &self.options, &self.ids);
        self.settle();
    }

    /// Whether it is known what is on disk.
    fn set_recovered(&mut self, has_recovered: bool) {
        self.worker.destination.store.as_mut().unwrap().set_recovered(has_recovered);
    }

    /// Something else than a directory is in its place.
    fn break_spill_directory(&self) {
        if self.spill().is_dir() {
            fs::write(self.root.path().join("away"), "no directory").unwrap();
            self.exchange_spill();
        }
    }

    fn mend_spill_directory(&self) {
        if self.spill().is_file() {
            self.exchange_spill();
            fs::remove_file(self.root.path().join("away")).unwrap();
        }
    }

    fn spill(&self) -> PathBuf {
        self.root.path().join("spill")
    }

    /// At once: the thread of the store makes a directory that is missing.
    fn exchange_spill(&self) {
        let away = self.root.path().join("away");
        rustix::fs::renameat_with(CWD, &away, CWD, self.spill(), RenameFlags::EXCHANGE).unwrap();
    }
}
