//! Panics in the log. The hook is the process's, so the tests run one after the other.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    fmt, panic,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container, Level, assert_logged, assert_logged_times, assert_not_logged,
    container::Overflow,
    enrich::Enricher,
    event::Batch,
    info,
    panic_hook::{self, Options},
    plugin::PluginError,
    sink::Delivery,
    testing::{LoggedValue, TestLog},
};
use law::{TIMEOUT, balanced, end, executors, messages, shut_down, sinks::StubSink, started, started_manual, until};

/// The turn of one test, with a hook from before that counts.
struct Turn {
    calls: Arc<AtomicUsize>,
    _turn: MutexGuard<'static, ()>,
}

fn take_turn() -> Turn {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let calls = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&calls);
    panic::set_hook(Box::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    }));
    Turn { calls, _turn: turn }
}

impl Turn {
    fn calls_of_the_hook_before(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !thread::panicking() {
            drop(panic::take_hook());
        }
    }
}

/// Panics on a thread of its own.
fn panic_in_a_thread(name: &str, message: &'static str) {
    let thread = thread::Builder::new().name(name.to_owned());
    assert!(thread.spawn(move || panic!("{message}")).unwrap().join().is_err());
}

#[test]
fn a_panic_is_logged_once_and_the_hook_from_before_is_called() {
    let turn = take_turn();
    let test = TestLog::new();
    let _hook = panic_hook::install(test.log(), Options::new());
    panic_in_a_thread("matcher", "out of orders");
    let event = assert_logged!(test, level: Critical, message: "panicked: out of orders", thread_name = "matcher");
    assert!(event.context["location"].as_text().unwrap().starts_with(file!()), "{event}");
    assert_logged_times!(test, 1);
    assert_eq!(turn.calls_of_the_hook_before(), 1);
}

#[test]
fn everything_is_delivered_before_the_hook_from_before_is_called() {
    let _turn = take_turn();
    let (sink, events) = law::memory();
    let builder = law::thread_builder().flush_interval(TIMEOUT);
    let container = builder.sink("memory", sink).start().unwrap();
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let (kept, delivered) = (Arc::clone(&seen), events.clone());
    panic::set_hook(Box::new(move |_| *kept.lock().unwrap() = delivered.lines()));
    let log = container.logger("service");
    let hook = panic_hook::install(&log, Options::new().flush_timeout(TIMEOUT));
    info!(log, "the last word");
    panic_in_a_thread("matcher", "on purpose");
    drop(hook);
    assert_eq!(seen.lock().unwrap().len(), 2);
    shut_down(&container);
    // The order of two threads is the order of time.
    assert_eq!(messages(&events), ["the last word", "panicked: on purpose"]);
}

#[test]
fn a_sink_that_hangs_delays_a_panic_for_the_flush_timeout_only() {
    let turn = take_turn();
    let hangs = StubSink::new(|| Delivery::in_flight(std::future::pending()));
    let container = law::thread_builder().sink("hangs", hangs).start().unwrap();
    let options = Options::new().flush_timeout(Duration::from_millis(50));
    let hook = panic_hook::install(&container.logger("service"), options);
    let start = Instant::now();
    panic_in_a_thread("matcher", "on purpose");
    assert!(start.elapsed() < TIMEOUT / 2, "{:?}", start.elapsed());
    drop(hook);
    assert_eq!(turn.calls_of_the_hook_before(), 1);
    assert!(container.shutdown(Duration::ZERO).is_err(), "the event is delivered, so the sink has not hung");
}

#[test]
fn panics_of_several_threads_at_once_are_each_logged() {
    const THREADS: usize = 16;
    let turn = take_turn();
    let test = TestLog::new();
    let _hook = panic_hook::install(test.log(), Options::new());
    let barrier = std::sync::Barrier::new(THREADS);
    thread::scope(|scope| {
        let panicking = |number: usize| {
            barrier.wait();
            panic!("number {number}");
        };
        let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || panicking(number))).collect();
        threads.into_iter().for_each(|thread| assert!(thread.join().is_err()));
    });
    for number in 0..THREADS {
        assert_logged_times!(test, 1, message: format!("panicked: number {number}"));
    }
    assert_eq!(turn.calls_of_the_hook_before(), THREADS);
}

#[test]
fn uninstalling_puts_the_hook_from_before_back() {
    let turn = take_turn();
    let test = TestLog::new();
    drop(panic_hook::install(test.log(), Options::new()));
    panic_in_a_thread("matcher", "unheard");
    assert_not_logged!(test);
    assert_eq!(turn.calls_of_the_hook_before(), 1);
}

#[test]
fn the_second_one_installed_logs_alone() {
    let turn = take_turn();
    let (first, second) = (TestLog::new(), TestLog::new());
    let first_hook = panic_hook::install(first.log(), Options::new());
    let second_hook = panic_hook::install(second.log(), Options::new());
    panic_in_a_thread("matcher", "heard by the second");
    assert_not_logged!(first);
    assert_logged_times!(second, 1);
    // The first hook's drop has no effect any more.
    drop(first_hook);
    panic_in_a_thread("matcher", "heard by the second, again");
    assert_logged_times!(second, 2);
    drop(second_hook);
    panic_in_a_thread("matcher", "unheard");
    assert_logged_times!(second, 2);
    assert_eq!(turn.calls_of_the_hook_before(), 3);
}

#[test]
fn a_hook_that_the_program_set_on_top_stays() {
    let turn = take_turn();
    let test = TestLog::new();
    let hook = panic_hook::install(test.log(), Options::new());
    let ours = panic::take_hook();
    let on_top = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&on_top);
    panic::set_hook(Box::new(move |info| {
        counted.fetch_add(1, Ordering::SeqCst);
        ours(info);
    }));
    panic_in_a_thread("matcher", "heard by all");
    drop(hook);
    panic_in_a_thread("matcher", "heard by two");
    assert_logged_times!(test, 1);
    assert_eq!((on_top.load(Ordering::SeqCst), turn.calls_of_the_hook_before()), (2, 2));
}

#[test]
fn one_installed_above_the_programs_own_is_not_doubled_by_the_one_below() {
    let turn = take_turn();
    let (below, above) = (TestLog::new(), TestLog::new());
    let below_hook = panic_hook::install(below.log(), Options::new());
    let ours = panic::take_hook();
    panic::set_hook(Box::new(move |info| ours(info)));
    let above_hook = panic_hook::install(above.log(), Options::new());
    panic_in_a_thread("matcher", "heard once");
    assert_not_logged!(below);
    assert_logged_times!(above, 1);
    assert_eq!(turn.calls_of_the_hook_before(), 1);
    drop((above_hook, below_hook));
}

#[test]
fn a_hook_that_is_dropped_by_a_panic_ends_the_logging() {
    let turn = take_turn();
    let test = TestLog::new();
    let log = test.log().clone();
    let worker = thread::spawn(move || {
        let _hook = panic_hook::install(&log, Options::new());
        panic!("the last one that is heard");
    });
    assert!(worker.join().is_err());
    panic_in_a_thread("matcher", "unheard");
    assert_logged_times!(test, 1);
    assert_eq!(turn.calls_of_the_hook_before(), 2);
    // And it can be installed again.
    let _hook = panic_hook::install(test.log(), Options::new());
    panic_in_a_thread("matcher", "heard again");
    assert_logged_times!(test, 2);
    assert_eq!(turn.calls_of_the_hook_before(), 3);
}

#[test]
fn a_payload_that_is_not_text_and_one_that_is_too_long_are_logged() {
    let _turn = take_turn();
    let test = TestLog::new();
    let _hook = panic_hook::install(test.log(), Options::new());
    assert!(thread::spawn(|| panic::panic_any(7)).join().is_err());
    assert!(thread::spawn(|| panic!("{}", "ü".repeat(1 << 20))).join().is_err());
    assert_logged!(test, message: "panicked: a payload that is not text");
    let long = assert_logged!(test, message_contains: "üü");
    assert!(long.message.len() < 5000 && long.context.contains_key("location"), "{}", long.message.len());
}

#[test]
fn a_backtrace_is_logged_only_if_the_environment_asks_for_it_and_the_program_does_not_refuse() {
    let _turn = take_turn();
    let test = TestLog::new();
    // The standard library's reading of the environment, which it reads once.
    let is_asked_for = std::backtrace::Backtrace::capture().status() == std::backtrace::BacktraceStatus::Captured;
    let hook = panic_hook::install(test.log(), Options::new());
    panic_in_a_thread("matcher", "with");
    drop(hook);
    let _hook = panic_hook::install(test.log(), Options::new().backtrace(false));
    panic_in_a_thread("matcher", "without");
    let has_backtrace = |message: &str| assert_logged!(test, message: message).context.contains_key("backtrace");
    assert_eq!((has_backtrace("panicked: with"), has_backtrace("panicked: without")), (is_asked_for, false));
}

/// An enricher that panics at events of a given message.
struct Picky;

impl Enricher for Picky {
    fn name(&self) -> &'static str {
        "picky"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        assert!(batch.events().iter().all(|event| event.level() != Level::Audit), "picky");
        Ok(())
    }
}

#[test]
fn a_plugin_that_panics_is_logged_and_its_drain_does_not_wait_for_itself() {
    for executor in executors() {
        let _turn = take_turn();
        let test = TestLog::with(|builder| builder.executor(executor).enricher(|_| Box::new(Picky)));
        let _hook = panic_hook::install(test.log(), Options::new().flush_timeout(2 * TIMEOUT));
        let start = Instant::now();
        fapilog::audit!(test.log(), "who did what");
        // A flush of the drain by itself would take all of its time, and these assertions give up sooner.
        until("the panic is logged", || test.events().len() == 2);
        assert_logged!(test, level: Critical, message: "panicked: picky");
        assert!(start.elapsed() < TIMEOUT);
    }
}

#[test]
fn a_drain_that_the_program_runs_does_not_wait_for_itself() {
    let turn = take_turn();
    let (container, mut drain, events) = started_manual(Container::builder().enricher(|_| Box::new(Picky)));
    let log = container.logger("service");
    let hook = panic_hook::install(&log, Options::new().flush_timeout(10 * TIMEOUT));
    let start = Instant::now();
    fapilog::audit!(log, "who did what");
    drain.run_until_idle();
    end(&container, &mut drain);
    assert!(start.elapsed() < TIMEOUT);
    assert_eq!((messages(&events).len(), turn.calls_of_the_hook_before()), (2, 1));
    drop(hook);
}

#[test]
fn a_sink_that_panics_at_each_event_does_not_feed_on_its_own_panics() {
    let turn = take_turn();
    let panics = StubSink::new(|| panic!("a sink, on purpose"));
    let container = law::thread_builder().sink("panics", panics).start().unwrap();
    let log = container.logger("service");
    let _hook = panic_hook::install(&log, Options::new());
    info!(log, "the only one");
    // The event's own panic is logged, and panics in its turn: that one is not.
    until("both have panicked", || turn.calls_of_the_hook_before() == 2);
    // Were it logged, it would be there by the time that whatever came before is flushed.
    assert!(container.flush(TIMEOUT).is_err());
    assert_eq!(turn.calls_of_the_hook_before(), 2);
    let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
    // At the shutdown there is an attempt to report the two.
    assert_eq!((accounts.submitted, accounts.lost_total()), (3, 2), "{accounts}");
}

#[test]
fn a_panic_while_an_argument_is_formatted_is_logged_beside_its_event() {
    struct Bad;
    impl fmt::Display for Bad {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("a Display, on purpose")
        }
    }
    let turn = take_turn();
    let test = TestLog::new();
    let _hook = panic_hook::install(test.log(), Options::new());
    info!(test.log(), "half done", bad = %Bad);
    assert_logged!(test, message: "panicked: a Display, on purpose");
    let event = assert_logged!(test, message: "half done");
    assert_eq!(event.context["bad"], LoggedValue::of("<panicked while it was formatted>"));
    assert_eq!(turn.calls_of_the_hook_before(), 1);
}

#[test]
fn a_panic_after_the_shutdown_is_counted_and_holds_nothing_up() {
    let turn = take_turn();
    let (container, _events) = started();
    let _hook = panic_hook::install(&container.logger("service"), Options::new().flush_timeout(10 * TIMEOUT));
    shut_down(&container);
    let start = Instant::now();
    panic_in_a_thread("matcher", "too late");
    assert!(start.elapsed() < TIMEOUT);
    assert_eq!((turn.calls_of_the_hook_before(), container.accounts().submitted), (1, 1));
}

/// An enricher that logs more than a ring holds, into its own container.
struct Talkative {
    log: Arc<Mutex<Option<fapilog::Logger>>>,
}

impl Enricher for Talkative {
    fn name(&self) -> &'static str {
        "talkative"
    }

    fn enrich(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        if let Some(log) = self.log.lock().unwrap().take() {
            (0..2000).for_each(|n| info!(log, "more than fits", n));
        }
        Ok(())
    }
}

#[test]
fn a_drain_does_not_wait_for_space_that_only_it_can_make() {
    let shared = Arc::<Mutex<Option<fapilog::Logger>>>::default();
    let log = Arc::clone(&shared);
    let (sink, _events) = law::memory();
    let container = law::thread_builder()
        .ring_capacity_bytes(16 * 1024)
        .record_max_bytes(1024)
        .overflow(Overflow::Block { timeout: 10 * TIMEOUT })
        .enricher(move |_| Box::new(Talkative { log: Arc::clone(&log) }))
        .sink("memory", sink)
        .start()
        .unwrap();
    *shared.lock().unwrap() = Some(container.logger("talkative"));
    let start = Instant::now();
    info!(container.logger("service"), "logged");
    assert!(matches!(container.flush(TIMEOUT), Err(fapilog::error::FlushError::Lost { .. })));
    let accounts = shut_down(&container);
    assert!(start.elapsed() < TIMEOUT);
    assert!(accounts.lost.of(fapilog::metrics::LossReason::RingFull) > 0, "{accounts}");
}
