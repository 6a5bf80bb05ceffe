//! The drain that takes over, and the one that it takes over from.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use fapilog::{
    container::{Executor, OnHang},
    event::Batch,
    metrics::{HealthLevel, LossReason, PluginState},
    plugin::PluginError,
    process::Processor,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory, SinkOptions},
};

use crate::{
    builder, hang, hung, is_abandoned,
    law::{self, executors, memory, thread_builder, until},
    log, numbers, shut_down,
    trap::Trap,
};

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
    // The watchdog's first look decides how long the state is to be seen: a second, or no time at all.
    until("it hangs", || state() == PluginState::Hangs || is_abandoned(&container));
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

#[test]
fn a_callback_for_diagnostics_that_hangs_keeps_no_drain_from_taking_over() {
    let (trap, in_callback) = (Trap::new("process"), Trap::new("callback"));
    let (sink, events) = memory();
    let callback = in_callback.clone();
    let builder = builder(&trap).error_callback(move |_| callback.step("callback"));
    let container = builder.sink("memory", sink).start().unwrap();
    in_callback.arm();
    hang(&container, &trap, 0);
    log(&container, 1..10);
    until("the others are delivered", || numbers(&events).len() == 9);
    assert_eq!(in_callback.hung(), 1);
    in_callback.release();
    shut_down(&container);
    trap.release();
}

/// A memory sink that takes its time when it is dropped.
#[derive(Clone, Default)]
struct SlowToDrop {
    made: Arc<AtomicU32>,
    dropped: Arc<AtomicU32>,
}

impl SinkFactory for SlowToDrop {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        self.made.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(SlowToDropSink(Arc::clone(&self.dropped))))
    }
}

struct SlowToDropSink(Arc<AtomicU32>);

impl Sink for SlowToDropSink {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        payload.buffer().extend(batch.events().iter().map(|_| b'.'));
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        Delivery::done(Ok(()))
    }
}

impl Drop for SlowToDropSink {
    fn drop(&mut self) {
        thread::sleep(Duration::from_millis(300));
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_shutdown_waits_for_the_sinks_of_a_drain_that_takes_over_and_ends_at_once() {
    let (trap, sink) = (Trap::new("process"), SlowToDrop::default());
    let container = builder(&trap).sink("slow", sink.clone()).start().unwrap();
    hang(&container, &trap, 0);
    law::shut_down(&container);
    assert_eq!((sink.made.load(Ordering::SeqCst), sink.dropped.load(Ordering::SeqCst)), (2, 1));
    trap.release();
}

#[test]
fn a_request_for_a_new_file_ends_when_the_drain_that_has_it_is_abandoned() {
    let trap = Trap::new("rotate");
    let container = builder(&trap).start().unwrap();
    trap.arm();
    let rotated = pollster::block_on(container.rotate_async(law::TIMEOUT));
    let text = rotated.unwrap_err().to_string();
    assert!(text.contains("trap") && text.contains("its drain was abandoned"), "{text}");
    container.rotate(law::TIMEOUT).unwrap();
    trap.release();
    shut_down(&container);
}
