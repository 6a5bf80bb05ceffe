//! Enrichers, processors and formatters that panic, or use their own container.

use std::{
    cell::Cell,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use fapilog::{
    Container, Logger, enrich::Enricher, event::Batch, format::Formatter, info, metrics::LossReason,
    plugin::PluginError, process::Processor, sink,
};

use crate::{
    law::{end, executors, memory, of_program, shut_down, started_manual, thread_builder, until},
    panics::{log_twice, seen_of},
};

/// A plugin of every kind that panics at a chosen step.
#[derive(Clone, Default)]
struct Panicking {
    now: Arc<AtomicBool>,
}

impl Panicking {
    fn maybe(&self) {
        if self.now.load(Ordering::Relaxed) {
            panic!("on purpose");
        }
    }
}

impl Enricher for Panicking {
    fn name(&self) -> &'static str {
        "panicking"
    }
    fn enrich(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        self.maybe();
        Ok(())
    }
}

impl Processor for Panicking {
    fn name(&self) -> &'static str {
        "panicking"
    }
    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        if self.now.load(Ordering::Relaxed) {
            let mut left = batch.len();
            // Panics half way through.
            batch.retain(|_| {
                left -= 1;
                assert!(left > 0, "on purpose");
                false
            });
        }
        Ok(())
    }
}

impl Formatter for Panicking {
    fn name(&self) -> &'static str {
        "panicking"
    }
    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        for _ in batch.events() {
            out.extend_from_slice(b"half a ");
            self.maybe();
            out.extend_from_slice(b"record\n");
        }
        Ok(())
    }
}

#[test]
fn an_enricher_that_panics_has_no_effect_and_drops_nothing() {
    let (sink, events) = memory();
    let plugin = Panicking::default();
    let now = Arc::clone(&plugin.now);
    let builder = thread_builder().enricher(move |_| Box::new(plugin.clone())).sink("memory", sink);
    assert_eq!(log_twice(builder, &now).delivered_total(), 20);
    assert_eq!(events.lines().len(), 20);
}

#[test]
fn what_a_processor_takes_with_it_when_it_panics_is_counted() {
    let (sink, events) = memory();
    let plugin = Panicking::default();
    let now = Arc::clone(&plugin.now);
    let builder = thread_builder().processor(move |_| Box::new(plugin.clone())).sink("memory", sink);
    let accounts = log_twice(builder, &now);
    let delivered = of_program(&events).len() as u64;
    assert_eq!(accounts.lost.total() + delivered, 20);
    assert_eq!(accounts.delivered_total(), events.lines().len() as u64);
    assert!(delivered >= 10);
}

#[test]
fn a_formatter_that_panics_drops_its_batch_and_leaves_no_half_record() {
    let plugin = Panicking::default();
    let now = Arc::clone(&plugin.now);
    let ((sink, events), (other, other_events)) = (sink::Memory::new(move || plugin.clone()), memory());
    let accounts = log_twice(thread_builder().sink("panicking", sink).sink("other", other), &now);
    assert!(events.lines().iter().all(|line| line == "half a record"));
    assert_eq!(accounts.sinks[0].delivered, events.lines().len() as u64);
    assert_eq!(accounts.sinks[0].lost.of(LossReason::PluginPanicked), 10);
    assert_eq!(of_program(&other_events).len(), 20);
}

#[test]
fn a_processor_that_panics_when_it_is_asked_for_its_time_is_left_out() {
    struct NeverKnows;
    impl Processor for NeverKnows {
        fn name(&self) -> &'static str {
            "never_knows"
        }
        fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
            Ok(())
        }
        fn due(&self) -> Option<Instant> {
            panic!("on purpose, in due")
        }
    }
    let builder = Container::builder().processor(|_| Box::new(NeverKnows));
    let (container, mut drain, events) = started_manual(builder);
    let log = container.logger("survives");
    for _ in 0..10 {
        info!(log, "goes on");
        drain.run_until_idle();
    }
    let (panics, cool_downs) = seen_of(&container, "never_knows");
    assert!(cool_downs > 0 && panics == cool_downs + 2, "{panics} panics, {cool_downs} cool-downs");
    end(&container, &mut drain);
    assert_eq!(events.lines().len(), 10);
}

#[test]
fn a_plugin_that_logs_into_its_own_container_is_harmless() {
    thread_local! {
        static LOGGED: Cell<u32> = const { Cell::new(0) };
    }
    /// Logs ten times.
    struct Chatty(Arc<OnceLock<Logger>>);
    impl Enricher for Chatty {
        fn name(&self) -> &'static str {
            "chatty"
        }
        fn enrich(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
            let logged = LOGGED.get();
            if let Some(log) = self.0.get().filter(|_| logged < 10) {
                LOGGED.set(logged + 1);
                info!(log, "from the drain itself");
            }
            Ok(())
        }
    }
    for executor in executors() {
        let (sink, events) = memory();
        let slot = Arc::new(OnceLock::new());
        let plugin = Arc::clone(&slot);
        let builder = Container::builder().executor(executor).enricher(move |_| Box::new(Chatty(Arc::clone(&plugin))));
        let container = builder.sink("memory", sink).start().unwrap();
        let log = container.logger("survives");
        slot.set(log.clone()).unwrap();
        info!(log, "first");
        until("all is logged", || events.lines().len() == 11);
        shut_down(&container);
    }
}

#[test]
fn a_plugin_that_flushes_its_own_container_does_not_wait_for_itself() {
    struct Flushes(Arc<OnceLock<Logger>>);
    impl Enricher for Flushes {
        fn name(&self) -> &'static str {
            "flushes"
        }

        fn enrich(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
            if let Some(log) = self.0.get() {
                assert!(log.flush(Duration::from_secs(3600)).is_err());
            }
            Ok(())
        }
    }
    let own = Arc::<OnceLock<Logger>>::default();
    let for_plugin = Arc::clone(&own);
    let (sink, events) = memory();
    let builder = thread_builder().enricher(move |_| Box::new(Flushes(Arc::clone(&for_plugin))));
    let container = builder.sink("memory", sink).start().unwrap();
    let log = own.get_or_init(|| container.logger("flushes"));
    info!(log, "logged");
    shut_down(&container);
    assert_eq!(events.lines().len(), 1);
}
