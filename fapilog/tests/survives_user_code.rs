//! The program survives, whatever user code does in a log call or on the drain.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    cell::{Cell, OnceCell},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container, Logger,
    container::{ContainerBuilder, Executor},
    enrich::Enricher,
    error,
    error::StartError,
    event::Batch,
    format::Formatter,
    info,
    metrics::LossReason,
    plugin::PluginError,
    process::Processor,
    sink::{self, Delivery, OnFull, Payload, Sink, SinkContext, SinkError, SinkFactory},
};
use law::{
    TIMEOUT, balanced, end, executors, memory, only, parsed, shut_down, started, started_manual, thread_builder,
};

/// A `Display` of a test's choice.
struct Shows<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Shows<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

fn panics(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("half a ")?;
    panic!("on purpose")
}

#[test]
fn a_display_that_panics_is_marked_in_the_event() {
    let (container, mut drain, events) = started_manual(Container::builder());
    info!(container.logger("survives"), "before", bad = %Shows(panics), good = 7);
    end(&container, &mut drain);
    let event = only(&events);
    assert_eq!(event["context"]["bad"], "half a <panicked while it was formatted>");
    assert_eq!(event["context"]["good"], 7);
}

#[test]
fn a_display_whose_panic_panics_when_it_is_dropped_is_survived() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            if !thread::panicking() {
                panic!("on purpose, again");
            }
        }
    }
    let (container, mut drain, events) = started_manual(Container::builder());
    let bad = Shows(|_| std::panic::panic_any(Payload));
    info!(container.logger("survives"), "before", %bad);
    end(&container, &mut drain);
    assert_eq!(only(&events)["message"], "before");
}

#[test]
fn a_display_that_fails_leaves_what_it_wrote() {
    let (container, mut drain, events) = started_manual(Container::builder());
    let fails = Shows(|f| f.write_str("this far").and(Err(fmt::Error)));
    info!(container.logger("survives"), "before", %fails);
    end(&container, &mut drain);
    assert_eq!(only(&events)["context"]["fails"], "this far");
}

#[test]
fn a_display_that_logs_is_harmless() {
    let (container, mut drain, events) = started_manual(Container::builder());
    let log = container.logger("survives");
    let chatty = Shows(|f| {
        f.write_str("out")?;
        info!(log, "inner", detail = %"nested text", number = 1);
        f.write_str("er")
    });
    info!(log, "outer", first = %"first", %chatty, last = %"last");
    end(&container, &mut drain);
    let all = parsed(&events);
    assert_eq!(all.iter().map(|event| &event["message"]).collect::<Vec<_>>(), ["inner", "outer"]);
    assert_eq!(all[0]["context"], serde_json::json!({"detail": "nested text", "number": 1}));
    assert_eq!(all[1]["context"], serde_json::json!({"first": "first", "chatty": "outer", "last": "last"}));
}

#[test]
fn a_display_that_logs_itself_for_ever_is_stopped() {
    struct Endless(Logger);
    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            info!(self.0, "again", again = %self);
            f.write_str("done")
        }
    }
    let (container, mut drain, events) = started_manual(Container::builder());
    let endless = Endless(container.logger("survives"));
    info!(endless.0, "outermost", %endless);
    end(&container, &mut drain);
    let all = parsed(&events);
    assert!((2..20).contains(&all.len()), "{}", all.len());
    assert_eq!(all[0]["context"]["again"], "<a value that logs itself>");
    assert_eq!(all.last().unwrap()["context"]["endless"], "done");
}

/// 100 MB in pieces of a kilobyte.
fn huge(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let piece = "ü".repeat(512);
    // It ignores the errors of its writer.
    for _ in 0..100_000 {
        let _ = f.write_str(&piece);
    }
    Ok(())
}

#[test]
fn a_huge_display_is_cut_and_marked_and_counted() {
    for record_max in [1024, 64 * 1024, 256 * 1024] {
        let builder = Container::builder().ring_capacity_bytes(2 << 20).record_max_bytes(record_max);
        let (container, mut drain, events) = started_manual(builder);
        info!(container.logger("survives"), "huge", huge = %Shows(huge));
        let accounts = end(&container, &mut drain);
        let event = only(&events);
        let text = event["context"]["huge"].as_str().unwrap();
        assert!(text.len() <= 64 * 1024 && text.chars().all(|c| c == 'ü'), "{}", text.len());
        assert_eq!((event["truncated"].as_bool(), accounts.cut), (Some(true), 1), "at most {record_max}");
    }
}

#[test]
fn a_huge_display_leaves_no_huge_buffer_behind() {
    let resident = || {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let (container, mut drain, _events) = started_manual(Container::builder());
    let log = container.logger("survives");
    info!(log, "huge", huge = %Shows(huge));
    let before = resident();
    for _ in 0..20 {
        info!(log, "huge", huge = %Shows(huge));
        drain.run_until_idle();
    }
    assert!(resident() < before + (50 << 20));
    end(&container, &mut drain);
}

/// Logs when its thread ends.
struct LogsAtExit(OnceCell<Logger>);

impl Drop for LogsAtExit {
    fn drop(&mut self) {
        if let Some(log) = self.0.get() {
            info!(log, "at exit", number = 1, shown = %"text");
        }
    }
}

thread_local! {
    static LOGS_AT_EXIT: LogsAtExit = const { LogsAtExit(OnceCell::new()) };
}

#[test]
fn a_call_in_a_destructor_of_thread_locals_is_delivered_whichever_goes_first() {
    for registered_first in [true, false] {
        let (container, events) = started();
        let log = container.logger("survives");
        let thread = thread::spawn(move || {
            if registered_first {
                LOGS_AT_EXIT.with(|at_exit| at_exit.0.set(log.clone()).unwrap());
            }
            info!(log, "at start", shown = %"text");
            if !registered_first {
                LOGS_AT_EXIT.with(|at_exit| at_exit.0.set(log.clone()).unwrap());
            }
        });
        thread.join().unwrap();
        shut_down(&container);
        let messages: Vec<_> = parsed(&events).iter().map(|event| event["message"].clone()).collect();
        assert_eq!(messages, ["at start", "at exit"]);
    }
}

#[test]
fn a_thread_that_panics_has_logged_what_it_logged() {
    let (container, events) = started();
    let log = container.logger("survives");
    let outcome = thread::spawn(move || {
        info!(log, "before");
        panic!("on purpose");
    })
    .join();
    assert!(outcome.is_err());
    shut_down(&container);
    assert_eq!(only(&events)["message"], "before");
}

#[test]
fn a_call_while_a_thread_unwinds_is_delivered() {
    struct LogsWhenDropped(Logger);
    impl Drop for LogsWhenDropped {
        fn drop(&mut self) {
            error!(self.0, "unwinding", %true);
        }
    }
    let (container, events) = started();
    let logs_when_dropped = LogsWhenDropped(container.logger("survives"));
    let outcome = thread::spawn(move || {
        let _logs_when_dropped = logs_when_dropped;
        panic!("on purpose");
    })
    .join();
    assert!(outcome.is_err());
    shut_down(&container);
    assert_eq!(only(&events)["message"], "unwinding");
}

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
    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) {
        for _ in batch.events() {
            out.extend_from_slice(b"half a ");
            self.maybe();
            out.extend_from_slice(b"record\n");
        }
    }
}

/// Logs ten events while the plugin panics and ten after, each lot flushed.
fn log_twice(builder: ContainerBuilder, now: &AtomicBool) -> fapilog::metrics::Accounts {
    let container = builder.start().unwrap();
    let log = container.logger("survives");
    now.store(true, Ordering::Relaxed);
    (0..10).for_each(|number| info!(log, "numbered", number));
    // It may report that an event was lost: the tests ask the accounts about that.
    let _ = container.flush(TIMEOUT);
    now.store(false, Ordering::Relaxed);
    (0..10).for_each(|number| info!(log, "numbered", number));
    shut_down(&container)
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
    assert_eq!(accounts.lost.total() + accounts.delivered_total(), 20);
    assert_eq!(accounts.delivered_total(), events.lines().len() as u64);
    assert!(accounts.delivered_total() >= 10);
}

#[test]
fn a_formatter_that_panics_drops_its_batch_and_leaves_no_half_record() {
    let plugin = Panicking::default();
    let now = Arc::clone(&plugin.now);
    let ((sink, events), (other, other_events)) = (sink::Memory::new(move || plugin.clone()), memory());
    let accounts = log_twice(thread_builder().sink("panicking", sink).sink("other", other), &now);
    assert_eq!(events.lines(), ["half a record"; 10]);
    assert_eq!(accounts.sinks[0].lost.of(LossReason::PluginPanicked), 10);
    assert_eq!((accounts.sinks[1].delivered, other_events.lines().len()), (20, 20));
}

/// A sink that panics in the step of this name.
struct PanickingSink(&'static str, Arc<AtomicBool>);

impl PanickingSink {
    fn step(&self, name: &str) {
        if self.0 == name && self.1.load(Ordering::Relaxed) {
            panic!("on purpose, in {name}");
        }
    }
}

impl SinkFactory for PanickingSink {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        self.step("make");
        Ok(Box::new(Self(self.0, Arc::clone(&self.1))))
    }
    fn on_full(&self) -> OnFull {
        self.step("on_full");
        OnFull::default()
    }
}

impl Sink for PanickingSink {
    fn writer(&self) -> String {
        self.step("writer");
        "none".to_owned()
    }
    fn payload(&mut self) -> Option<Payload> {
        self.step("payload");
        Some(Payload::new(1024))
    }
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) {
        payload.buffer().extend(batch.events().iter().map(|_| b'.'));
        self.step("encode");
    }
    fn deliver(&mut self, _: Payload) -> Delivery {
        self.step("deliver");
        if self.0 == "future" && self.1.load(Ordering::Relaxed) {
            return Delivery::in_flight(async { panic!("on purpose, in a future") });
        }
        let panics = std::mem::ManuallyDrop::new(PanicsAtDrop);
        if self.0 == "future and its drop" {
            let panics = std::mem::ManuallyDrop::into_inner(panics);
            return Delivery::in_flight(std::future::poll_fn(move |_| {
                let _panics = &panics;
                panic!("on purpose, in a future")
            }));
        }
        if self.0 == "future's drop" {
            let panics = std::mem::ManuallyDrop::into_inner(panics);
            return Delivery::in_flight(async move {
                let _panics = panics;
                std::future::pending().await
            });
        }
        Delivery::done(Ok(()))
    }
    fn flush(&mut self) -> Delivery {
        self.step("flush");
        if self.0 == "flush's future and its drop" {
            let panics = PanicsAtDrop;
            return Delivery::in_flight(std::future::poll_fn(move |_| {
                let _panics = &panics;
                panic!("on purpose, in a flush")
            }));
        }
        if self.0 == "flush's drop" && !self.1.load(Ordering::Relaxed) {
            let panics = PanicsAtDrop;
            return Delivery::in_flight(async move {
                let _panics = panics;
                std::future::pending().await
            });
        }
        Delivery::done(Ok(()))
    }
    fn due(&self, now: Instant) -> Option<Instant> {
        self.step("due");
        (self.0 == "work").then_some(now)
    }
    fn work(&mut self, _: Instant) {
        self.step("work");
    }
    fn retries(&self) -> u64 {
        self.step("retries");
        0
    }
    fn stop(&mut self, _: Instant) {
        self.step("stop");
    }
}

#[test]
fn a_sink_that_panics_in_any_step_keeps_the_law() {
    for step in ["encode", "deliver", "future", "flush"] {
        let now = Arc::<AtomicBool>::default();
        let sink = PanickingSink(step, Arc::clone(&now));
        let (other, other_events) = memory();
        let accounts = log_twice(thread_builder().sink("panicking", sink).sink("other", other), &now);
        assert_eq!(accounts.sinks[0].delivered, if step == "flush" { 20 } else { 10 }, "{step}");
        assert!(accounts.sinks[0].errors > 0, "{step}");
        assert_eq!(other_events.lines().len(), 20, "{step}");
    }
}

#[test]
fn a_sink_that_panics_when_it_is_stopped_is_stopped() {
    let now = Arc::new(AtomicBool::new(true));
    let container = thread_builder().sink("panicking", PanickingSink("stop", now)).start().unwrap();
    info!(container.logger("survives"), "delivered");
    assert_eq!(shut_down(&container).delivered_total(), 1);
}

/// The supervisor's figures of the plugin or sink of this name: panics, and calls that it was left out of.
fn seen_of(container: &Container, name: &str) -> (u64, u64) {
    let plugins = container.metrics().plugins;
    let plugin = plugins.iter().find(|plugin| plugin.name == name).unwrap();
    (plugin.panics, plugin.cool_downs)
}

#[test]
fn a_sink_that_panics_for_every_payload_is_left_out_and_holds_up_nobody() {
    let now = Arc::new(AtomicBool::new(true));
    let (other, other_events) = memory();
    let panicking = PanickingSink("payload", now);
    let container = thread_builder().sink("panicking", panicking).sink("other", other).start().unwrap();
    info!(container.logger("survives"), "lost at one");
    law::until("the other has it", || other_events.lines().len() == 1);
    assert_eq!(seen_of(&container, "panicking"), (3, 1));
    assert_eq!(shut_down(&container).sinks[0].lost.of(LossReason::SinkFailed), 1);
}

#[test]
fn events_that_a_busy_sink_would_drop_are_lost_to_its_panic() {
    let now = Arc::new(AtomicBool::new(true));
    let options = fapilog::sink::SinkOptions::new().on_full(OnFull::Drop);
    let (container, mut drain) =
        Container::builder().sink_with("panicking", PanickingSink("payload", now), options).start_manual().unwrap();
    info!(container.logger("survives"), "lost");
    assert_eq!(end(&container, &mut drain).sinks[0].lost.of(LossReason::PluginPanicked), 1);
}

#[test]
fn a_sink_that_encodes_well_and_panics_at_every_delivery_is_left_out() {
    let now = Arc::new(AtomicBool::new(true));
    let container = thread_builder().sink("panicking", PanickingSink("deliver", now)).start().unwrap();
    let log = container.logger("survives");
    for _ in 0..4 {
        info!(log, "lost");
        assert!(container.flush(TIMEOUT).is_err());
    }
    // The fourth was lost before it came to a delivery, unless a second has passed in between.
    let (panics, cool_downs) = seen_of(&container, "panicking");
    assert!((3..=4).contains(&panics) && cool_downs == panics - 2, "{panics} panics, {cool_downs} cool-downs");
    assert_eq!(shut_down(&container).sinks[0].lost.of(LossReason::SinkFailed), 4);
}

#[test]
fn a_sink_that_panics_in_its_own_time_is_left_alone_and_delivers_what_it_has() {
    for step in ["due", "work"] {
        let now = Arc::new(AtomicBool::new(true));
        let container = thread_builder().sink("panicking", PanickingSink(step, Arc::clone(&now))).start().unwrap();
        let log = container.logger("survives");
        info!(log, "wakes it");
        law::until("it is left out", || seen_of(&container, "panicking").1 > 0);
        // The sink gets no call until a second has passed.
        let (panics, cool_downs) = seen_of(&container, "panicking");
        assert!(panics <= cool_downs + 3, "{step}: {panics} panics, {cool_downs} cool-downs");
        now.store(false, Ordering::Relaxed);
        law::until("it is retried", || {
            info!(log, "an attempt");
            let _ = container.flush(TIMEOUT);
            container.metrics().plugins[0].state == fapilog::metrics::PluginState::Active
        });
        assert!(shut_down(&container).sinks[0].delivered > 0, "{step}");
    }
}

#[test]
fn a_panic_at_a_sinks_end_or_in_a_flush_is_counted_and_reported() {
    for step in ["flush", "stop", "retries"] {
        let now = Arc::new(AtomicBool::new(true));
        let container = thread_builder().sink("panicking", PanickingSink(step, now)).start().unwrap();
        info!(container.logger("survives"), "delivered");
        shut_down(&container);
        assert!(seen_of(&container, "panicking").0 > 0, "{step}");
        assert!(container.diagnostics().iter().any(|diagnostic| diagnostic.text.ends_with("panicked")), "{step}");
    }
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
fn sinks_are_stopped_and_dropped_in_the_reverse_order_of_their_start() {
    type Steps = Arc<std::sync::Mutex<Vec<String>>>;
    struct Recorder(&'static str, Steps);
    impl Recorder {
        fn record(&self, what: &str) {
            self.1.lock().unwrap().push(format!("{what} {}", self.0));
        }
    }
    struct Made(Recorder);
    impl SinkFactory for Recorder {
        fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
            self.record("made");
            Ok(Box::new(Made(Recorder(self.0, Arc::clone(&self.1)))))
        }
    }
    impl Sink for Made {
        fn writer(&self) -> String {
            "none".to_owned()
        }
        fn payload(&mut self) -> Option<Payload> {
            Some(Payload::new(1024))
        }
        fn encode(&mut self, _: &Batch<'_>, _: &mut Payload) {}
        fn deliver(&mut self, _: Payload) -> Delivery {
            Delivery::done(Ok(()))
        }
        fn stop(&mut self, _: Instant) {
            self.0.record("stopped");
        }
    }
    impl Drop for Made {
        fn drop(&mut self) {
            self.0.record("dropped");
        }
    }
    let steps = Steps::default();
    let recorder = |name| Recorder(name, Arc::clone(&steps));
    let container = thread_builder().sink("a", recorder("a")).sink("b", recorder("b")).start().unwrap();
    shut_down(&container);
    let steps = steps.lock().unwrap().clone();
    assert_eq!(steps, ["made a", "made b", "stopped b", "stopped a", "dropped b", "dropped a"]);
}

/// Threads of this process whose names are ours.
fn drain_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("refused-")).count()
}

struct Refuses;

impl SinkFactory for Refuses {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        // A name of its own, so that other tests' threads are not counted.
        thread::Builder::new().name("refused-0".to_owned()).spawn(|| ()).unwrap().join().unwrap();
        Err(SinkError::Other("no such place".into()))
    }
}

#[test]
fn a_sink_that_cannot_be_made_stops_the_start_and_is_named() {
    for executor in executors() {
        let ((first, _), builder) = (memory(), Container::builder().executor(executor));
        match builder.sink("first", first).sink("refuses", Refuses).start() {
            Err(StartError::Sink { sink, source }) => {
                assert_eq!((sink.as_str(), source.to_string().as_str()), ("refuses", "the sink failed"));
            }
            other => panic!("{other:?}"),
        }
    }
    law::until("its threads are gone", || drain_threads() == 0);
}

#[test]
fn a_sink_that_cannot_be_made_stops_a_manual_start_too() {
    let started = Container::builder().sink("refuses", Refuses).start_manual();
    assert!(matches!(started, Err(StartError::Sink { .. })));
}

#[test]
fn a_factory_that_panics_stops_the_start_and_is_named() {
    for executor in executors() {
        for step in ["make", "writer", "on_full"] {
            let sink = PanickingSink(step, Arc::new(AtomicBool::new(true)));
            match Container::builder().executor(executor).sink("panicking", sink).start() {
                Err(StartError::Sink { sink, .. }) => assert_eq!(sink, "panicking"),
                other => panic!("{executor}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_plugin_that_logs_into_its_own_container_is_harmless() {
    thread_local! {
        static LOGGED: Cell<u32> = const { Cell::new(0) };
    }
    /// Logs ten times.
    struct Chatty(Arc<std::sync::OnceLock<Logger>>);
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
        let slot = Arc::new(std::sync::OnceLock::new());
        let plugin = Arc::clone(&slot);
        let builder = Container::builder().executor(executor).enricher(move |_| Box::new(Chatty(Arc::clone(&plugin))));
        let container = builder.sink("memory", sink).start().unwrap();
        let log = container.logger("survives");
        slot.set(log.clone()).unwrap();
        info!(log, "first");
        law::until("all is logged", || events.lines().len() == 11);
        shut_down(&container);
    }
}

#[test]
fn signals_never_arrive_on_a_drain_thread() {
    for executor in executors() {
        let (sink, _events) = memory();
        let container = Container::builder().executor(executor).sink("memory", sink).start().unwrap();
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let statuses = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok());
        let drains: Vec<String> = statuses.filter(|status| status.contains("Name:\tfapilog-0")).collect();
        assert!(!drains.is_empty());
        for status in drains {
            let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t")).unwrap();
            let blocked = u64::from_str_radix(blocked, 16).unwrap();
            for signal in [libc::SIGTERM, libc::SIGPIPE, libc::SIGXFSZ, libc::SIGUSR1] {
                assert!(blocked & 1 << (signal - 1) != 0, "{executor}: signal {signal}");
            }
        }
        shut_down(&container);
    }
}

#[test]
fn the_thread_that_starts_a_container_keeps_its_signal_mask() {
    let mask = || {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        status.lines().find(|line| line.starts_with("SigBlk")).unwrap().to_owned()
    };
    let before = mask();
    for executor in [Executor::Thread, Executor::Auto] {
        let container = Container::builder().executor(executor).sink("memory", memory().0).start().unwrap();
        assert_eq!(mask(), before);
        shut_down(&container);
    }
}

#[test]
fn a_flush_reports_a_sink_that_has_panicked_over_an_event() {
    for step in ["encode", "deliver", "future"] {
        let sink = PanickingSink(step, Arc::new(AtomicBool::new(true)));
        let container = thread_builder().sink("panicking", sink).start().unwrap();
        info!(container.logger("survives"), "lost");
        let result = container.flush(TIMEOUT);
        assert!(matches!(result, Err(fapilog::error::FlushError::Failed { .. })), "{step}: {result:?}");
        shut_down(&container);
    }
}

struct PanicsAtDrop;

impl Drop for PanicsAtDrop {
    fn drop(&mut self) {
        panic!("on purpose, in a drop");
    }
}

#[test]
fn deliveries_whose_drop_panics_are_counted_when_they_are_given_up() {
    let sink = PanickingSink("future's drop", Arc::default());
    let container = thread_builder().sink("panicking", sink).start().unwrap();
    let log = container.logger("survives");
    for _ in 0..3 {
        info!(log, "never delivered");
        assert!(container.flush(Duration::from_millis(20)).is_err());
    }
    assert!(container.shutdown(Duration::from_millis(50)).is_err());
    assert_eq!(balanced(container.accounts()).sinks[0].lost.of(LossReason::ShutdownDeadline), 3);
}

#[test]
fn a_delivery_that_panics_and_whose_drop_panics_too_harms_no_other_sink() {
    let (other, other_events) = memory();
    let sink = PanickingSink("future and its drop", Arc::default());
    let container = thread_builder().sink("panicking", sink).sink("other", other).start().unwrap();
    let log = container.logger("survives");
    for _ in 0..2 {
        info!(log, "lost at one");
        let _ = container.flush(TIMEOUT);
    }
    assert_eq!(shut_down(&container).sinks[0].lost.of(LossReason::SinkFailed), 2);
    assert_eq!(other_events.lines().len(), 2);
}

#[test]
fn a_plugin_that_flushes_its_own_container_does_not_wait_for_itself() {
    struct Flushes(std::sync::Arc<std::sync::OnceLock<Logger>>);
    impl Enricher for Flushes {
        fn name(&self) -> &'static str {
            "flushes"
        }

        fn enrich(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
            if let Some(log) = self.0.get() {
                assert!(log.flush(std::time::Duration::from_secs(3600)).is_err());
            }
            Ok(())
        }
    }
    let own = std::sync::Arc::<std::sync::OnceLock<Logger>>::default();
    let for_plugin = std::sync::Arc::clone(&own);
    let (sink, events) = law::memory();
    let builder = law::thread_builder().enricher(move |_| Box::new(Flushes(std::sync::Arc::clone(&for_plugin))));
    let container = builder.sink("memory", sink).start().unwrap();
    let log = own.get_or_init(|| container.logger("flushes"));
    info!(log, "logged");
    law::shut_down(&container);
    assert_eq!(events.lines().len(), 1);
}

#[test]
fn a_flush_that_panics_and_whose_drop_panics_too_is_over() {
    let container = thread_builder().sink("panicking", PanickingSink("flush's future and its drop", Arc::default()));
    let container = container.start().unwrap();
    info!(container.logger("survives"), "delivered");
    let result = container.flush(TIMEOUT);
    assert!(matches!(result, Err(fapilog::error::FlushError::Failed { .. })), "{result:?}");
    assert_eq!(shut_down(&container).sinks[0].delivered, 1);
}

#[test]
fn a_flush_whose_drop_panics_can_be_given_up_for_another() {
    let (other, other_events) = memory();
    let is_over = Arc::<AtomicBool>::default();
    let sink = PanickingSink("flush's drop", Arc::clone(&is_over));
    let container = thread_builder().sink("panicking", sink).sink("other", other).start().unwrap();
    let log = container.logger("survives");
    info!(log, "flushed for ever");
    assert!(container.flush(Duration::from_millis(20)).is_err());
    // A sink on its way out is flushed anew.
    is_over.store(true, Ordering::Relaxed);
    container.remove_plugin("panicking").unwrap();
    info!(log, "behind it");
    shut_down(&container);
    assert_eq!(other_events.lines().len(), 2);
}

/// An error that panics when it is shown, and when it is dropped.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        panics(f)
    }
}

impl std::error::Error for Unspeakable {}

impl Drop for Unspeakable {
    fn drop(&mut self) {
        panic!("on purpose, in an error's drop");
    }
}

/// An error that is its own source.
#[derive(Debug)]
struct Circle;

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("round and round")
    }
}

impl std::error::Error for Circle {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self)
    }
}

/// Fails with an error of its own, also at its end.
struct Fails(MakesError);

type MakesError = fn() -> PluginError;

impl Enricher for Fails {
    fn name(&self) -> &'static str {
        "fails"
    }
    fn enrich(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        Err((self.0)())
    }
    fn stop(&mut self) -> Result<(), PluginError> {
        Err((self.0)())
    }
}

#[test]
fn errors_that_cannot_be_shown_or_have_no_end_are_counted_and_reported() {
    let errors: [(MakesError, &str); 3] = [
        (|| PluginError::failed(Unspeakable), "an error that cannot be shown"),
        (|| PluginError::failed(Circle), "round and round: round and round"),
        (|| PluginError::failed("x".repeat(100 << 20)), "the plugin failed: xxxx"),
    ];
    for (error, expected) in errors {
        let (sink, events) = memory();
        let container =
            thread_builder().enricher(move |_| Box::new(Fails(error))).sink("memory", sink).start().unwrap();
        info!(container.logger("survives"), "logged");
        shut_down(&container);
        assert_eq!((events.lines().len(), container.metrics().plugins[0].errors), (1, 2), "{expected}");
        let diagnostics = container.diagnostics();
        assert!(
            diagnostics.iter().all(|diagnostic| diagnostic.text.contains(expected) && diagnostic.text.len() < 8192),
            "{expected}"
        );
        assert_eq!(diagnostics.len(), 2, "{expected}");
    }
}

/// A sink that delivers nothing, and makes nothing stable.
struct Undelivered;

impl SinkFactory for Undelivered {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(Self))
    }
}

impl Sink for Undelivered {
    fn writer(&self) -> String {
        "none".to_owned()
    }
    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1024))
    }
    fn encode(&mut self, _: &Batch<'_>, _: &mut Payload) {}
    fn deliver(&mut self, _: Payload) -> Delivery {
        Delivery::done(Err(SinkError::Other(Box::new(Unspeakable))))
    }
    fn flush(&mut self) -> Delivery {
        Delivery::done(Err(SinkError::Other(Box::new(Unspeakable))))
    }
}

#[test]
fn a_delivery_whose_error_cannot_be_shown_is_lost_and_harms_no_other_sink() {
    let (other, other_events) = memory();
    let container = thread_builder().sink("undelivered", Undelivered).sink("other", other).start().unwrap();
    info!(container.logger("survives"), "lost at one");
    assert!(container.flush(TIMEOUT).is_err());
    let accounts = shut_down(&container);
    assert_eq!((accounts.sinks[0].lost.of(LossReason::SinkFailed), other_events.lines().len()), (1, 1));
    let expected = "the sink failed: an error that cannot be shown";
    assert!(
        container.diagnostics().iter().all(|diagnostic| diagnostic.text == expected),
        "{:?}",
        container.diagnostics()
    );
}
