//! Plugins and sinks that do not return, where the settings have their drain abandoned: another takes over, what the first one held is
//! lost as `plugin_hung`, and nothing else is.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::{ContainerBuilder, Executor, OnHang, Overflow},
    enrich::Enricher,
    event::{Batch, Event},
    info,
    metrics::{Accounts, HealthLevel, LossReason, PluginState},
    plugin::PluginError,
    process::Processor,
    sink::{Delivery, MemoryEvents, Payload, Sink, SinkContext, SinkError, SinkFactory, SinkOptions},
};
use law::{executors, memory, of_program, thread_builder, until};

/// A plugin and a sink that hang in the step of this name, as often as they are armed, until they are released.
#[derive(Clone)]
struct Trap {
    step: &'static str,
    /// How often it will hang.
    armed: Arc<AtomicU32>,
    /// How often it hangs, or has hung.
    hung: Arc<AtomicU32>,
    released: Arc<AtomicU32>,
    /// Shared by all plugins that are made of it.
    living: Arc<()>,
}

impl Trap {
    fn new(step: &'static str) -> Self {
        let count = Arc::<AtomicU32>::default;
        Self { step, armed: count(), hung: count(), released: count(), living: Arc::default() }
    }

    /// It hangs once more.
    fn arm(&self) {
        self.armed.fetch_add(1, Ordering::SeqCst);
    }

    fn hung(&self) -> u32 {
        self.hung.load(Ordering::SeqCst)
    }

    /// Has all calls that hang return, and none hang any more.
    fn release(&self) {
        self.released.store(u32::MAX, Ordering::SeqCst);
    }

    fn step(&self, step: &str) {
        let disarm = |armed: u32| armed.checked_sub(1);
        if self.step != step || self.armed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, disarm).is_err() {
            return;
        }
        let number = self.hung.fetch_add(1, Ordering::SeqCst) + 1;
        while self.released.load(Ordering::SeqCst) < number {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The number of plugins or sinks that exist, and of factories of them.
    fn living(&self) -> usize {
        Arc::strong_count(&self.living)
    }
}

impl Processor for Trap {
    fn name(&self) -> &'static str {
        "trap"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        self.step("process");
        // It refers to the frames of the batch, once it is back.
        let is_numbered = |event: &Event<'_>| event.fields().any(|field| field.name == "number");
        assert!(batch.events().iter().all(is_numbered));
        Ok(())
    }
}

impl Enricher for Trap {
    fn name(&self) -> &'static str {
        "trap"
    }

    fn enrich(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        self.step("enrich");
        Ok(())
    }
}

impl SinkFactory for Trap {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for Trap {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        self.step("payload");
        Some(Payload::new(1))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) {
        self.step("encode");
        payload.buffer().extend(batch.events().iter().map(|_| b'.'));
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        self.step("deliver");
        let trap = self.clone();
        Delivery::in_flight(poll_fn(move |_| {
            trap.step("poll");
            Poll::Ready(Ok(()))
        }))
    }
}

fn builder(trap: &Trap) -> ContainerBuilder {
    let builder = thread_builder().on_hang(OnHang::Abandon).plugin_timeout(Duration::from_millis(200));
    with(builder.emergency_lines(false), trap)
}

/// Adds the trap as what its step belongs to.
fn with(builder: ContainerBuilder, trap: &Trap) -> ContainerBuilder {
    let trap = trap.clone();
    match trap.step {
        "process" => builder.processor(move |_| Box::new(trap.clone())),
        "enrich" => builder.enricher(move |_| Box::new(trap.clone())),
        _ => builder.sink("trap", trap),
    }
}

fn log(container: &Container, numbers: std::ops::Range<u64>) {
    let log = container.logger("abandoned");
    numbers.for_each(|number| info!(log, "numbered", number));
}

/// The numbers that were delivered, in order.
fn numbers(events: &MemoryEvents) -> Vec<u64> {
    of_program(events).iter().map(|event| event["context"]["number"].as_u64().unwrap()).collect()
}

/// Logs an event that the trap hangs on, and waits until it does.
fn hang(container: &Container, trap: &Trap, number: u64) {
    let before = trap.hung();
    trap.arm();
    log(container, number..number + 1);
    until("it hangs", || trap.hung() > before);
}

/// Events lost because of a hang, before any sink and at each sink.
fn hung(accounts: &Accounts) -> (u64, BTreeMap<String, u64>) {
    let of = |losses: &fapilog::metrics::Losses| losses.of(LossReason::PluginHung);
    (of(&accounts.lost), accounts.sinks.iter().map(|sink| (sink.name.clone(), of(&sink.lost))).collect())
}

fn is_abandoned(container: &Container) -> bool {
    times_abandoned(container) > 0
}

fn times_abandoned(container: &Container) -> u64 {
    let diagnostics = container.diagnostics();
    let about = diagnostics.iter().filter(|one| one.text.contains("its drain is abandoned, and another takes over"));
    about.map(|one| one.times).sum()
}

/// Shuts the container down while the trap hangs still: in time, and with nothing left over.
#[track_caller]
fn shut_down(container: &Container) -> Accounts {
    let start = Instant::now();
    let accounts = law::shut_down(container);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    accounts
}

#[test]
fn a_batch_that_a_plugin_hangs_on_is_lost_and_no_other_event_is() {
    for step in ["process", "enrich"] {
        let trap = Trap::new(step);
        let (sink, events) = memory();
        let container = builder(&trap).sink("memory", sink).start().unwrap();
        log(&container, 0..10);
        container.flush(law::TIMEOUT).unwrap();
        hang(&container, &trap, 10);
        log(&container, 11..100);
        until("another drain has delivered the others", || numbers(&events).len() == 99);
        let expected: Vec<u64> = (0..10).chain(11..100).collect();
        assert_eq!(numbers(&events), expected, "{step}");
        assert!(is_abandoned(&container));
        let accounts = shut_down(&container);
        assert_eq!(hung(&accounts), (1, BTreeMap::from([("memory".to_owned(), 0)])), "{step}: {accounts}");
        let reports = law::messages(&events);
        assert!(reports.contains(&"1 events lost by plugin trap: plugin_hung".to_owned()), "{reports:?}");
        drop(container);
        // The call comes back to a drain that is gone, and finds the events of its batch as they were.
        trap.release();
        until("the abandoned drain has dropped its plugins", || trap.living() == 1);
    }
}

#[test]
fn events_that_a_sink_hangs_on_are_lost_at_each_sink_that_has_not_delivered_them() {
    for step in ["payload", "encode", "deliver", "poll"] {
        let trap = Trap::new(step);
        let (sink, events) = memory();
        let container = builder(&trap).sink("memory", sink).start().unwrap();
        log(&container, 0..10);
        container.flush(law::TIMEOUT).unwrap();
        hang(&container, &trap, 10);
        log(&container, 11..100);
        until("another drain has delivered the others", || numbers(&events).iter().filter(|n| **n > 10).count() == 89);
        container.accounts().check().unwrap();
        let accounts = shut_down(&container);
        let (before, at_sinks) = hung(&accounts);
        // Before its payload, the event is still in its ring.
        let expected = if step == "payload" { 0 } else { 1 };
        assert_eq!((before, at_sinks["trap"]), (0, expected), "{step}: {accounts}");
        assert!(at_sinks["memory"] <= expected, "{step}: {accounts}");
        let delivered = numbers(&events);
        assert!(delivered.is_sorted_by(|one, next| one < next), "{step}: {delivered:?}");
        assert_eq!(delivered.len() as u64 + at_sinks["memory"], 100, "{step}");
        trap.release();
    }
}

#[test]
fn the_other_shard_goes_on_meanwhile_and_the_law_holds_at_the_end() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let container = builder(&trap).shards(2).sink("memory", sink).start().unwrap();
    hang(&container, &trap, 0);
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let container = &container;
            scope.spawn(move || log(container, 1000 * (thread + 1)..1000 * (thread + 1) + 500));
        }
    });
    until("both shards have delivered", || numbers(&events).len() >= 2000);
    let accounts = shut_down(&container);
    let lost = hung(&accounts).0;
    assert_eq!((accounts.submitted - lost, lost >= 1), (accounts.sinks[0].delivered, true), "{accounts}");
    for thread in 1..5 {
        let of_thread: Vec<u64> = numbers(&events).into_iter().filter(|number| number / 1000 == thread).collect();
        assert_eq!(of_thread, (1000 * thread..1000 * thread + 500).collect::<Vec<_>>());
    }
    trap.release();
}

#[test]
fn a_thread_whose_ring_is_held_goes_on_in_another_and_drops_nothing() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let container = builder(&trap).ring_capacity_bytes(64 << 10).sink("memory", sink).start().unwrap();
    hang(&container, &trap, 0);
    until("another drain takes over", || is_abandoned(&container));
    // Several times as much as a ring holds.
    const EVENTS: u64 = 20_000;
    log(&container, 1..EVENTS);
    container.flush(law::TIMEOUT).unwrap_err();
    assert_eq!(numbers(&events), (1..EVENTS).collect::<Vec<_>>());
    assert_eq!(container.accounts().lost_total(), 1);
    // The old ring is read to its end, and given back.
    until("the held ring is gone", || container.rings() == 2);
    shut_down(&container);
    trap.release();
}

#[test]
fn the_shared_ring_of_threads_without_one_is_replaced_too() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let builder = builder(&trap).threads_max(2).ring_capacity_bytes(64 << 10);
    let container = builder.sink("memory", sink).start().unwrap();
    // This thread takes the only ring but one.
    log(&container, 0..1);
    container.flush(law::TIMEOUT).unwrap();
    let other = thread::scope(|scope| {
        let holder = scope.spawn(|| {
            log(&container, 1..2);
            container.flush(law::TIMEOUT).unwrap();
            // While this thread lives, others share a ring.
            scope.spawn(|| hang(&container, &trap, 2)).join().unwrap();
            until("another drain takes over", || is_abandoned(&container));
        });
        holder.join().is_ok()
    });
    assert!(other);
    thread::scope(|scope| {
        scope.spawn(|| log(&container, 3..10_000)).join().unwrap();
    });
    until("all are delivered or lost", || container.accounts().pending_total() == 0);
    let accounts = shut_down(&container);
    assert_eq!(accounts.submitted - accounts.lost_total(), numbers_and_reports(&events), "{accounts}");
    trap.release();
}

fn numbers_and_reports(events: &MemoryEvents) -> u64 {
    events.lines().len() as u64
}

#[test]
fn a_second_hang_is_as_the_first() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let container = builder(&trap).sink("memory", sink).start().unwrap();
    for round in 0..3 {
        hang(&container, &trap, round * 10);
        log(&container, round * 10 + 1..(round + 1) * 10);
        until("the others are delivered", || numbers(&events).len() as u64 == (round + 1) * 9);
    }
    let accounts = shut_down(&container);
    assert_eq!(hung(&accounts).0, 3, "{accounts}");
    trap.release();
}

#[test]
fn while_threads_log_and_fill_their_rings_each_hang_costs_its_batch_and_nothing_else() {
    const HANGS: u64 = 4;
    const THREADS: u64 = 3;
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let overflow = Overflow::Block { timeout: law::TIMEOUT };
    let builder = builder(&trap).ring_capacity_bytes(64 << 10).overflow(overflow).shards(2).batch_events_max(64);
    let container = builder.sink("memory", sink).start().unwrap();
    let is_over = AtomicBool::new(false);
    let logged: Vec<u64> = thread::scope(|scope| {
        let log_until_over = |thread: u64| {
            let log = container.logger("abandoned");
            let mut number = 0;
            while !is_over.load(Ordering::Relaxed) {
                info!(log, "numbered", number, thread);
                number += 1;
                // The sink keeps all in memory.
                if number % 20 == 0 {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            number
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || log_until_over(thread))).collect();
        for hang in 1..=HANGS {
            trap.arm();
            until("it hangs", || u64::from(trap.hung()) >= hang);
            until("it is abandoned", || times_abandoned(&container) >= hang);
        }
        is_over.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let accounts = shut_down(&container);
    trap.release();
    let lost = hung(&accounts);
    assert!(lost.0 >= HANGS && lost.0 <= HANGS * 64, "{accounts}");
    assert_eq!(accounts.lost_total(), lost.0 + lost.1["memory"], "{accounts}");
    let delivered = of_program(&events);
    assert_eq!(delivered.len() as u64 + accounts.lost_total(), logged.iter().sum::<u64>(), "{accounts}");
    for thread in 0..THREADS {
        let of_thread = delivered.iter().filter(|event| event["context"]["thread"] == thread);
        let numbers: Vec<_> = of_thread.map(|event| event["context"]["number"].as_u64().unwrap()).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "the order of thread {thread}");
    }
}

#[test]
fn after_eight_abandoned_drains_the_next_waits() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let container = builder(&trap).plugin_timeout(Duration::from_millis(1)).sink("memory", sink).start().unwrap();
    for round in 0..9 {
        hang(&container, &trap, round);
    }
    let is_bound = |text: &str| text == "8 drains were abandoned: the log waits for the next plugin that hangs";
    until("the bound is reported", || container.diagnostics().iter().any(|one| is_bound(&one.text)));
    assert_eq!((hung(&container.accounts()).0, numbers(&events)), (8, Vec::new()));
    trap.release();
    until("the last one has returned", || numbers(&events) == [8]);
    shut_down(&container);
}

#[test]
fn a_flush_that_waits_for_a_drain_that_hangs_is_answered_by_the_next() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let container = builder(&trap).sink("memory", sink).start().unwrap();
    hang(&container, &trap, 0);
    log(&container, 1..10);
    let flushed = container.flush(law::TIMEOUT);
    assert!(matches!(flushed, Err(fapilog::error::FlushError::Lost { events: 1, .. })), "{flushed:?}");
    assert_eq!(numbers(&events), (1..10).collect::<Vec<_>>());
    log(&container, 10..20);
    container.flush(law::TIMEOUT).unwrap();
    shut_down(&container);
    trap.release();
}

#[test]
fn the_next_drain_has_the_plugins_and_sinks_of_run_time() {
    let trap = Trap::new("process");
    let ((first, first_events), (second, second_events)) = (memory(), memory());
    let container = builder(&trap).sink("first", first).start().unwrap();
    container.add_sink("second", second, SinkOptions::new()).unwrap();
    container.remove_plugin("first").unwrap();
    hang(&container, &trap, 0);
    log(&container, 1..10);
    until("they are delivered", || numbers(&second_events).len() == 9);
    assert_eq!(numbers(&first_events), Vec::<u64>::new());
    shut_down(&container);
    trap.release();
}

#[test]
fn the_metrics_are_as_before_once_another_drain_has_taken_over() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let container = builder(&trap).sink("memory", sink).start().unwrap();
    let state = || container.metrics().plugins.iter().find(|plugin| plugin.name == "trap").unwrap().state;
    hang(&container, &trap, 0);
    until("it hangs", || state() == PluginState::Hangs);
    assert_eq!(container.metrics().health, HealthLevel::Emergency);
    log(&container, 1..10);
    until("the others are delivered", || numbers(&events).len() == 9);
    let metrics = container.metrics();
    assert_eq!((metrics.health, state()), (HealthLevel::Full, PluginState::Active));
    assert_eq!(metrics.plugins.iter().find(|plugin| plugin.name == "trap").unwrap().lost.of(LossReason::PluginHung), 1);
    shut_down(&container);
    trap.release();
}

#[test]
fn a_drain_takes_over_on_each_executor() {
    for executor in executors() {
        let trap = Trap::new("process");
        let (sink, events) = memory();
        let container = builder(&trap).executor(executor).sink("memory", sink).start().unwrap();
        hang(&container, &trap, 0);
        log(&container, 1..1000);
        until("the others are delivered", || numbers(&events).len() == 999);
        shut_down(&container);
        drop(container);
        trap.release();
        until("the abandoned drain has dropped its plugins", || trap.living() == 1);
        assert_ne!(executor, Executor::Auto);
    }
}

#[test]
fn a_drain_that_hangs_in_the_shutdown_is_abandoned_and_the_others_events_are_delivered() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let container = builder(&trap).sink("memory", sink).start().unwrap();
    hang(&container, &trap, 0);
    log(&container, 1..10);
    let accounts = law::shut_down(&container);
    assert_eq!((hung(&accounts).0, numbers(&events).len()), (1, 9), "{accounts}");
    trap.release();
}

/// Hangs when it is stopped, and panics when it is dropped.
struct Clings(Trap);

impl Processor for Clings {
    fn name(&self) -> &'static str {
        "clings"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        Ok(())
    }

    fn stop(&mut self) -> Result<(), PluginError> {
        self.0.step("stop");
        Ok(())
    }
}

impl Drop for Clings {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[test]
fn an_abandoned_drain_survives_plugins_that_panic_when_they_are_dropped() {
    let trap = Trap::new("stop");
    let (sink, events) = memory();
    let builder = thread_builder().on_hang(OnHang::Abandon).plugin_timeout(Duration::from_millis(1));
    let (first, second) = (trap.clone(), trap.clone());
    let builder = builder.emergency_lines(false).processor(move |_| Box::new(Clings(first.clone())));
    let builder = builder.processor(move |_| Box::new(Clings(second.clone())));
    let container = builder.sink("memory", sink).start().unwrap();
    log(&container, 0..10);
    until("they are delivered", || numbers(&events).len() == 10);
    trap.arm();
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), trap.hung()), (10, 1));
    assert!(is_abandoned(&container));
    drop(container);
    trap.release();
    until("the abandoned drain has dropped its plugins", || trap.living() == 1);
}

/// A sink of which a single one may exist, like a locked file.
#[derive(Clone, Default)]
struct Single {
    living: Arc<AtomicU32>,
    made: Arc<AtomicU32>,
}

struct SingleSink(Arc<AtomicU32>);

impl SinkFactory for Single {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        self.made.fetch_add(1, Ordering::SeqCst);
        if self.living.fetch_add(1, Ordering::SeqCst) > 0 {
            self.living.fetch_sub(1, Ordering::SeqCst);
            assert_eq!(context.shard.abandoned, 1);
            return Err(SinkError::Other("it is locked".into()));
        }
        Ok(Box::new(SingleSink(Arc::clone(&self.living))))
    }
}

impl Sink for SingleSink {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) {
        payload.buffer().extend(batch.events().iter().map(|_| b'.'));
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        Delivery::done(Ok(()))
    }
}

impl Drop for SingleSink {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_sink_that_cannot_be_made_because_of_the_abandoned_one_is_retried() {
    let (trap, single) = (Trap::new("process"), Single::default());
    let container = builder(&trap).sink("single", single.clone()).start().unwrap();
    hang(&container, &trap, 0);
    log(&container, 1..10);
    until("it is retried", || single.made.load(Ordering::SeqCst) >= 3);
    let about =
        |text: &str| text.starts_with("the drain that takes over has not started") && text.contains("it is locked");
    assert!(container.diagnostics().iter().any(|one| about(&one.text)));
    container.accounts().check().unwrap();
    trap.release();
    until("the next drain delivers", || container.accounts().sinks[0].delivered == 9);
    shut_down(&container);
}

#[test]
fn a_shutdown_ends_though_no_drain_could_take_over() {
    let (trap, single) = (Trap::new("process"), Single::default());
    let container = builder(&trap).sink("single", single.clone()).start().unwrap();
    hang(&container, &trap, 0);
    log(&container, 1..10);
    until("it is retried", || single.made.load(Ordering::SeqCst) >= 2);
    let start = Instant::now();
    let ended = container.shutdown(Duration::from_millis(100));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let accounts = container.accounts();
    accounts.check().unwrap();
    assert_eq!((accounts.pending_total(), accounts.delivered_total()), (0, 0), "{ended:?}");
    trap.release();
}

#[test]
fn without_the_setting_a_drain_waits() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let container = builder(&trap).on_hang(OnHang::Wait).sink("memory", sink).start().unwrap();
    hang(&container, &trap, 0);
    log(&container, 1..10);
    until("it is reported", || container.diagnostics().iter().any(|one| one.text.contains("does not return")));
    thread::sleep(Duration::from_millis(600));
    assert_eq!((numbers(&events).len(), is_abandoned(&container)), (0, false));
    trap.release();
    shut_down(&container);
    assert_eq!(numbers(&events).len(), 10);
}
