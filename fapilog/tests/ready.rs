//! `Logger::ready`: a full ring never blocks the thread of an async program.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    cell::Cell,
    future::Future,
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use fapilog::{
    Container, Logger,
    container::{ContainerBuilder, Overflow},
    event::Batch,
    info,
    metrics::LossReason,
    plugin::PluginError,
    process::Processor,
};
use law::{end, memory, of_program, shut_down, started_manual, thread_builder, until};
use tokio::{runtime::Builder, task::LocalSet};

const RING_BYTES: usize = 16 * 1024;

fn builder(overflow: Overflow) -> ContainerBuilder {
    Container::builder().ring_capacity_bytes(RING_BYTES).record_max_bytes(1024).overflow(overflow)
}

/// Logs until the ring is full.
fn fill(container: &Container, log: &Logger) {
    let before = container.accounts().lost_total();
    until("the ring is full", || {
        info!(log, "filler");
        container.accounts().lost_total() > before
    });
}

#[derive(Default)]
struct CountsWakes(AtomicU64);

impl Wake for CountsWakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll(future: std::pin::Pin<&mut impl Future<Output = ()>>, wakes: &Arc<CountsWakes>) -> Poll<()> {
    future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(wakes))))
}

#[test]
fn other_tasks_of_a_current_thread_runtime_go_on_while_a_task_waits_and_nothing_is_lost() {
    const EVENTS: u64 = 20_000;
    // No call waits: an event that finds the ring full is lost at once.
    let (container, mut drain, events) = started_manual(builder(Overflow::DropNewest));
    let log = container.logger("ready");
    let (is_done, ticks) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let (logged, others) = (Rc::new(Cell::new(0)), Rc::clone);
            let counter = others(&logged);
            let tasks = LocalSet::new();
            tasks.spawn_local({
                let log = log.clone();
                async move {
                    for number in 0..EVENTS {
                        log.ready().await;
                        info!(log, "numbered", number);
                        counter.set(number + 1);
                    }
                }
            });
            let ticker = tasks.run_until(async {
                while logged.get() < EVENTS {
                    ticks.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                }
            });
            Builder::new_current_thread().build().unwrap().block_on(ticker);
            is_done.store(true, Ordering::SeqCst);
        });
        // The drain does nothing until the ring is full and the other task has gone on for a while since.
        until("the ring is full", || container.accounts().pending * 32 > RING_BYTES as u64 / 2);
        let seen = ticks.load(Ordering::SeqCst);
        until("the other task goes on", || ticks.load(Ordering::SeqCst) > seen + 1000);
        until("all is logged", || {
            drain.run_until_idle();
            is_done.load(Ordering::SeqCst)
        });
    });
    let accounts = end(&container, &mut drain);
    assert_eq!((accounts.submitted, accounts.lost_total()), (EVENTS, 0));
    let numbers: Vec<_> =
        of_program(&events).iter().map(|event| event["context"]["number"].as_u64().unwrap()).collect();
    assert!(numbers.into_iter().eq(0..EVENTS));
}

#[test]
fn events_of_tasks_on_all_threads_of_a_runtime_are_all_delivered() {
    const TASKS: u64 = 8;
    const EVENTS: u64 = 20_000;
    let (sink, events) = memory();
    let builder = builder(Overflow::DropNewest).executor(fapilog::container::Executor::Thread);
    let container = builder.sink("memory", sink).start().unwrap();
    let runtime = Builder::new_multi_thread().worker_threads(3).build().unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let log = container.logger("ready");
            runtime.spawn(async move {
                for number in 0..EVENTS {
                    // Each task of a thread takes what space it has found before it yields.
                    log.ready().await;
                    info!(log, "numbered", number);
                }
            })
        })
        .collect();
    tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
    let accounts = shut_down(&container);
    assert_eq!((accounts.submitted, accounts.lost_total()), (TASKS * EVENTS, 0));
    assert_eq!(of_program(&events).len() as u64, TASKS * EVENTS);
}

#[test]
fn a_thread_that_has_not_logged_yet_and_a_closed_container_are_ready() {
    let (container, mut drain, _events) = started_manual(builder(Overflow::DropNewest));
    let log = container.logger("ready");
    let wakes = Arc::<CountsWakes>::default();
    assert!(poll(pin!(log.ready()), &wakes).is_ready());
    fill(&container, &log);
    assert!(poll(pin!(log.ready()), &wakes).is_pending());
    end(&container, &mut drain);
    assert!(poll(pin!(log.ready()), &wakes).is_ready());
    assert!(poll(pin!(Logger::disabled().ready()), &wakes).is_ready());
}

#[test]
fn the_end_of_the_container_wakes_a_task_that_waits() {
    let (container, mut drain, _events) = started_manual(builder(Overflow::DropNewest));
    let log = container.logger("ready");
    fill(&container, &log);
    let wakes = Arc::<CountsWakes>::default();
    let mut waiting = pin!(log.ready());
    assert!(poll(waiting.as_mut(), &wakes).is_pending());
    end(&container, &mut drain);
    assert!(wakes.0.load(Ordering::SeqCst) > 0);
    assert!(poll(waiting.as_mut(), &wakes).is_ready());
}

#[test]
fn a_request_for_the_end_wakes_a_task_that_waits_though_the_drain_does_nothing() {
    let (container, mut drain, _events) = started_manual(builder(Overflow::DropNewest));
    let log = container.logger("ready");
    fill(&container, &log);
    let wakes = Arc::<CountsWakes>::default();
    let mut waiting = pin!(log.ready());
    assert!(poll(waiting.as_mut(), &wakes).is_pending());
    container.request_shutdown(std::time::Instant::now() + law::TIMEOUT);
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    assert!(poll(waiting.as_mut(), &wakes).is_ready());
    end(&container, &mut drain);
}

#[test]
fn a_future_that_is_dropped_is_not_woken() {
    let (container, mut drain, _events) = started_manual(builder(Overflow::DropNewest));
    let log = container.logger("ready");
    fill(&container, &log);
    let (dropped, kept) = (Arc::<CountsWakes>::default(), Arc::<CountsWakes>::default());
    let mut waiting = pin!(log.ready());
    for _ in 0..100 {
        assert!(poll(pin!(log.ready()), &dropped).is_pending());
    }
    assert!(poll(waiting.as_mut(), &kept).is_pending());
    drain.run_until_idle();
    assert_eq!((dropped.0.load(Ordering::SeqCst), kept.0.load(Ordering::SeqCst)), (0, 1));
    // The waker's data is the test's alone again: no list has kept it.
    assert_eq!(Arc::strong_count(&dropped), 1);
    end(&container, &mut drain);
}

#[test]
fn after_a_wait_in_vain_of_another_call_a_task_is_ready_at_once() {
    let (container, mut drain, _events) =
        started_manual(builder(Overflow::Block { timeout: Duration::from_millis(5) }));
    let log = container.logger("ready");
    // The call that is lost has waited in vain.
    fill(&container, &log);
    assert!(poll(pin!(log.ready()), &Arc::default()).is_ready());
    let accounts = end(&container, &mut drain);
    assert_eq!(accounts.lost.of(LossReason::RingFull), 1);
}

#[test]
fn a_task_that_waits_is_woken_when_another_call_waits_in_vain() {
    let (container, mut drain, _events) =
        started_manual(builder(Overflow::Block { timeout: Duration::from_millis(5) }));
    let log = container.logger("ready");
    let wakes = Arc::<CountsWakes>::default();
    let mut waiting = pin!(log.ready());
    while poll(waiting.as_mut(), &wakes).is_ready() {
        info!(log, "filler");
        waiting.set(log.ready());
    }
    assert_eq!((container.accounts().lost_total(), wakes.0.load(Ordering::SeqCst)), (0, 0));
    fill(&container, &log);
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    assert!(poll(waiting.as_mut(), &wakes).is_ready());
    end(&container, &mut drain);
}

#[test]
fn the_longest_record_finds_space_behind_a_wait_however_full_the_ring_was() {
    const RECORD_MAX_BYTES: usize = 4000;
    let text = "x".repeat(RECORD_MAX_BYTES - 100);
    for overflow in [Overflow::DropNewest, Overflow::DropLowSeverity] {
        for fillers in (0..RING_BYTES / 16).step_by(16) {
            let (container, mut drain, _events) = started_manual(builder(overflow).record_max_bytes(RECORD_MAX_BYTES));
            let log = container.logger("ready");
            (0..fillers).for_each(|_| info!(log, "filler"));
            let lost = container.accounts().lost_total();
            let is_ready = poll(pin!(log.ready()), &Arc::default()).is_ready();
            if is_ready {
                info!(log, "long", text);
                assert_eq!(container.accounts().lost_total(), lost, "{overflow:?}, behind {fillers} others");
            }
            end(&container, &mut drain);
            if !is_ready {
                break;
            }
        }
    }
}

#[test]
fn a_waker_that_panics_does_not_harm_the_drain() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("on purpose");
        }
    }
    let (container, mut drain, _events) = started_manual(builder(Overflow::DropNewest));
    let log = container.logger("ready");
    fill(&container, &log);
    let mut waiting = pin!(log.ready());
    let waker = Waker::from(Arc::new(Panics));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drain.run_until_idle();
    assert!(poll(waiting.as_mut(), &Arc::default()).is_ready());
    end(&container, &mut drain);
}

/// Awaits readiness on the drain's own thread, which nobody else would make space for, and logs.
struct Waits(Logger);

impl Processor for Waits {
    fn name(&self) -> &'static str {
        "waits"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        if batch.events().iter().any(|event| event.source().name() == "ready") {
            (0..1000).for_each(|_| {
                pollster::block_on(self.0.ready());
                info!(self.0, "of the plugin");
            });
        }
        Ok(())
    }
}

#[test]
fn a_plugin_on_the_drains_thread_is_always_ready() {
    let (inner, mut inner_drain, _inner_events) = started_manual(builder(Overflow::DropNewest));
    let own = inner.logger("plugin");
    let plugin = move |_| Box::new(Waits(own.clone())) as Box<dyn Processor>;
    let (container, mut drain, _events) = started_manual(Container::builder().processor(plugin));
    info!(container.logger("ready"), "begins");
    end(&container, &mut drain);
    // More than the ring holds: the others were lost, and no wait was for ever.
    let accounts = end(&inner, &mut inner_drain);
    assert!(accounts.lost.of(LossReason::RingFull) > 0);
}

/// Hangs until it is released.
struct Hangs(Arc<AtomicBool>);

impl Processor for Hangs {
    fn name(&self) -> &'static str {
        "hangs"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        while !self.0.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

#[test]
fn a_task_that_waits_for_a_drain_that_hangs_is_woken_by_the_watchdog() {
    let is_released = Arc::<AtomicBool>::default();
    let plugin = Arc::clone(&is_released);
    let (sink, _events) = memory();
    let builder =
        thread_builder().ring_capacity_bytes(RING_BYTES).record_max_bytes(1024).overflow(Overflow::DropNewest);
    let builder = builder.processor(move |_| Box::new(Hangs(Arc::clone(&plugin))));
    let container = builder.sink("memory", sink).start().unwrap();
    let log = container.logger("ready");
    // The drain hangs in its first batch, so that it makes no space.
    fill(&container, &log);
    let wakes = Arc::<CountsWakes>::default();
    let mut waiting = pin!(log.ready());
    assert!(poll(waiting.as_mut(), &wakes).is_pending());
    until("the task is woken", || wakes.0.load(Ordering::SeqCst) > 0);
    assert!(poll(waiting.as_mut(), &wakes).is_ready());
    is_released.store(true, Ordering::SeqCst);
    shut_down(&container);
}
