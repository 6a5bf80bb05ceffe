//! Plugins and sinks that do not return: the accounts balance all the same, and are final when the shutdown has returned.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use fapilog::{
    Container,
    error::ShutdownError,
    event::Batch,
    info,
    metrics::{Accounts, HealthLevel, LossReason, PluginState},
    plugin::PluginError,
    process::Processor,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};
use law::{memory, of_program, thread_builder, until};

/// Hangs in the step of this name, until it is released.
#[derive(Clone)]
struct Hanging {
    step: &'static str,
    is_released: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
    delivered: Arc<AtomicU64>,
    dropped: Arc<AtomicBool>,
}

impl Hanging {
    fn new(step: &'static str) -> Self {
        let flag = Arc::<AtomicBool>::default;
        Self { step, is_released: flag(), hangs: flag(), delivered: Arc::default(), dropped: flag() }
    }

    fn step(&self, step: &str) {
        while self.step == step && !self.is_released.load(Ordering::Relaxed) {
            self.hangs.store(true, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl SinkFactory for Hanging {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(HangingSink(self.clone())))
    }
}

struct HangingSink(Hanging);

impl Sink for HangingSink {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        self.0.step("payload");
        Some(Payload::new(1))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.0.step("encode");
        payload.buffer().extend(batch.events().iter().map(|_| b'.'));
        Ok(())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.0.step("deliver");
        self.0.delivered.fetch_add(payload.len() as u64, Ordering::Relaxed);
        Delivery::done(Ok(()))
    }
}

impl Drop for HangingSink {
    fn drop(&mut self) {
        self.0.dropped.store(true, Ordering::Relaxed);
    }
}

impl Processor for Hanging {
    fn name(&self) -> &'static str {
        "hanging"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let mut is_first = true;
        batch.retain(|_| !std::mem::take(&mut is_first));
        batch.emit(fapilog::Level::Info, "hanging", "an event of its own", &[]);
        self.step("process");
        Ok(())
    }
}

/// Logs ten events, waits until the step hangs, and shuts the container down. Checks the law before and after.
#[track_caller]
fn shut_down_hanging(container: &Container, hanging: &Hanging) -> Accounts {
    let log = container.logger("hanging");
    (0..10).for_each(|number| info!(log, "numbered", number));
    until("it hangs", || hanging.hangs.load(Ordering::Relaxed));
    container.accounts().check().unwrap();
    let ended = container.shutdown(Duration::from_millis(10));
    let Err(ShutdownError::Deadline { accounts, .. }) = ended else { panic!("{ended:?}") };
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    *accounts
}

#[test]
fn the_accounts_are_final_when_a_sink_hangs_at_the_shutdown() {
    for step in ["payload", "encode", "deliver"] {
        let hanging = Hanging::new(step);
        let (other, other_events) = memory();
        let container = thread_builder().sink("hanging", hanging.clone()).sink("other", other).start().unwrap();
        let accounts = shut_down_hanging(&container, &hanging);
        assert!(accounts.sinks.iter().map(|sink| sink.lost.total()).sum::<u64>() > 0 || accounts.lost.total() > 0);
        hanging.is_released.store(true, Ordering::Relaxed);
        until("the drain comes back and ends", || hanging.dropped.load(Ordering::Relaxed));
        assert_eq!(container.accounts(), accounts, "{step}");
        // A delivery that hangs has begun before the end: it alone may come through.
        assert!(hanging.delivered.load(Ordering::Relaxed) == 0 || step == "deliver", "{step}");
        assert_eq!(of_program(&other_events).len() as u64, accounts.sinks[1].delivered, "{step}");
    }
}

#[test]
fn the_accounts_are_final_when_a_plugin_hangs_at_the_shutdown() {
    let hanging = Hanging::new("process");
    let plugin = hanging.clone();
    let (sink, events) = memory();
    let builder = thread_builder().processor(move |_| Box::new(plugin.clone())).sink("memory", sink);
    let container = builder.start().unwrap();
    let accounts = shut_down_hanging(&container, &hanging);
    assert_eq!(accounts.lost.of(LossReason::ShutdownDeadline), accounts.lost_total());
    hanging.is_released.store(true, Ordering::Relaxed);
    until("the drain comes back and ends", || Arc::strong_count(&hanging.is_released) == 1);
    assert_eq!((container.accounts(), events.lines().len()), (accounts, 0));
}

/// The state in which the metrics show the plugin or sink.
fn state(container: &Container) -> PluginState {
    container.metrics().plugins.iter().find(|plugin| plugin.name == "hanging").unwrap().state
}

/// How often the diagnostics and the emergency lines report that it does not return.
fn reports(container: &Container) -> usize {
    let diagnostics = container.diagnostics();
    diagnostics.iter().filter(|one| one.about == "hanging" && one.text.contains("does not return")).count()
}

#[test]
fn a_sink_that_does_not_return_is_shown_and_reported_until_it_returns() {
    for step in ["payload", "encode", "deliver"] {
        let hanging = Hanging::new(step);
        let builder = thread_builder().plugin_timeout(Duration::from_millis(10)).emergency_lines(false);
        let container = builder.sink("hanging", hanging.clone()).start().unwrap();
        info!(container.logger("hanging"), "to the sink");
        until("the sink hangs", || state(&container) == PluginState::Hangs);
        assert_eq!((container.metrics().health, reports(&container)), (HealthLevel::Emergency, 1), "{step}");
        hanging.is_released.store(true, Ordering::Relaxed);
        until("the sink is back", || state(&container) == PluginState::Active);
        // On a busy machine another step may take longer than the limit, for a moment.
        until("the health is as before", || container.metrics().health == HealthLevel::Full);
        law::shut_down(&container);
    }
}

#[test]
fn a_plugin_that_does_not_return_is_reported_by_threads_that_find_no_space() {
    let hanging = Hanging::new("process");
    let plugin = hanging.clone();
    let (sink, _events) = memory();
    let builder = thread_builder().plugin_timeout(Duration::from_millis(1)).emergency_lines(false);
    let builder = builder.ring_capacity_bytes(64 << 10).processor(move |_| Box::new(plugin.clone()));
    let container = builder.sink("memory", sink).start().unwrap();
    let log = container.logger("hanging");
    until("it is reported", || {
        (0..100).for_each(|number| info!(log, "numbered", number));
        reports(&container) == 1
    });
    hanging.is_released.store(true, Ordering::Relaxed);
    law::shut_down(&container);
}

#[test]
fn a_plugin_that_does_not_return_is_reported_by_a_flush_that_is_late() {
    let hanging = Hanging::new("process");
    let plugin = hanging.clone();
    let (sink, _events) = memory();
    let builder = thread_builder().plugin_timeout(Duration::from_millis(1)).emergency_lines(false);
    let container = builder.processor(move |_| Box::new(plugin.clone())).sink("memory", sink).start().unwrap();
    info!(container.logger("hanging"), "to the plugin");
    until("it hangs", || hanging.hangs.load(Ordering::Relaxed));
    assert!(container.flush(Duration::from_millis(50)).is_err());
    assert_eq!(reports(&container), 1);
    hanging.is_released.store(true, Ordering::Relaxed);
    law::shut_down(&container);
}

#[test]
fn a_plugin_that_does_not_return_is_reported_without_any_traffic_and_so_is_its_return() {
    let hanging = Hanging::new("process");
    let plugin = hanging.clone();
    let (sink, _events) = memory();
    let builder = thread_builder().plugin_timeout(Duration::from_millis(100)).emergency_lines(false);
    let container = builder.processor(move |_| Box::new(plugin.clone())).sink("memory", sink).start().unwrap();
    info!(container.logger("hanging"), "to the plugin");
    // The diagnostics alone are read: the metrics would look at the shard themselves.
    until("it is reported", || reports(&container) == 1);
    let metrics = container.metrics();
    assert_eq!((metrics.health, state(&container)), (HealthLevel::Emergency, PluginState::Hangs));
    hanging.is_released.store(true, Ordering::Relaxed);
    let has_returned = |text: &str| text.starts_with("has returned after ") && text.ends_with(" s: the log goes on");
    until("its return is reported", || {
        container.diagnostics().iter().any(|one| one.about == "hanging" && has_returned(&one.text))
    });
    until("the health is as before", || container.metrics().health == HealthLevel::Full);
    assert_eq!(state(&container), PluginState::Active);
    law::shut_down(&container);
}

#[test]
fn a_shard_that_hangs_behind_a_long_sleep_is_reported() {
    let hanging = Hanging::new("none");
    let (sink, events) = memory();
    let builder = thread_builder().plugin_timeout(Duration::from_millis(100)).emergency_lines(false);
    let container = builder.sink("memory", sink).start().unwrap();
    info!(container.logger("hanging"), "before the silence");
    until("it is delivered", || !events.lines().is_empty());
    // Longer than the drain and its watchdog take to sleep without a time limit.
    thread::sleep(Duration::from_millis(1500));
    let hanging = Hanging { step: "process", ..hanging };
    let plugin = hanging.clone();
    container.add_processor("hanging", move |_| Ok(Box::new(plugin.clone()))).unwrap();
    info!(container.logger("hanging"), "to the plugin");
    until("it is reported", || reports(&container) == 1);
    hanging.is_released.store(true, Ordering::Relaxed);
    law::shut_down(&container);
}
