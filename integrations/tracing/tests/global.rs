//! The subscriber of the whole process, set once: events inside of events, sinks that log, the global container.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use fapilog::{
    Container,
    adapter::SuppressedCalls,
    container::Executor,
    event::Batch,
    format,
    metrics::{Accounts, LossReason},
    plugin::PluginError,
    process,
    sink::{self, MemoryEvents},
};
use fapilog_tracing::Subscriber;
use law::{messages, parsed};
use serde_json::json;
use tracing::{info, info_span};

/// The subscriber logs to the global container, which each test starts for itself: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    static SUBSCRIBER: OnceLock<()> = OnceLock::new();
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    SUBSCRIBER.get_or_init(|| {
        // Ahead of any container: the logger follows the global one.
        tracing::subscriber::set_global_default(Subscriber::new(fapilog::logger("tracing"))).unwrap();
    });
    alone
}

fn suppressed() -> SuppressedCalls {
    tracing::dispatcher::get_default(|dispatch| dispatch.downcast_ref::<Subscriber>().unwrap().suppressed())
}

/// Runs the program with a global container of its own, checks the law, and returns the events.
fn logged(
    build: impl FnOnce(fapilog::container::ContainerBuilder) -> fapilog::container::ContainerBuilder,
    program: impl FnOnce(),
) -> MemoryEvents {
    let (events, accounts) = logged_with_accounts(build, program);
    let lost = accounts.lost.total() - accounts.lost.of(LossReason::NoContainer);
    assert_eq!(lost, 0, "{accounts}");
    events
}

/// As [`logged`], with what the container has counted.
fn logged_with_accounts(
    build: impl FnOnce(fapilog::container::ContainerBuilder) -> fapilog::container::ContainerBuilder,
    program: impl FnOnce(),
) -> (MemoryEvents, Accounts) {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let builder =
        build(Container::builder().executor(Executor::Thread).overflow_timeout(law::TIMEOUT)).sink("memory", sink);
    let global = fapilog::set_global(builder.start().unwrap()).unwrap();
    program();
    let accounts = global.shutdown(law::TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    (events, accounts)
}

#[test]
fn a_subscriber_set_ahead_of_the_global_container_logs_to_it_and_to_its_successors() {
    let _alone = alone();
    for name in ["first", "second"] {
        let events = logged(|builder| builder, || info_span!("span", a = 1).in_scope(|| info!(name, "logged")));
        let event = law::only(parsed(&events));
        assert_eq!(event["context"], json!({"a": 1, "span": "span", "name": name}));
    }
}

#[test]
fn events_between_two_global_containers_are_counted_by_the_second() {
    let _alone = alone();
    let known = || info!("of no container");
    logged(|builder| builder, known);
    known();
    info!("at a new call site");
    tracing::debug!("below the level");
    let (events, accounts) = logged_with_accounts(|builder| builder, || info!("of the second"));
    assert_eq!(accounts.lost.of(LossReason::NoContainer), 2, "{accounts}");
    assert!(messages(&parsed(&events)).contains(&"of the second"));
}

/// Logs an event when it is formatted.
struct Logs;

impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _span = info_span!("inner", b = 2).entered();
        info!(inner = 1, "inner");
        f.write_str("formatted")
    }
}

#[test]
fn an_event_that_is_logged_while_another_is_formatted_disturbs_it_not() {
    let _alone = alone();
    let events = logged(
        |builder| builder,
        || {
            let _span = info_span!("outer", a = 1).entered();
            info!(before = 1, value = %Logs, after = 2, "outer");
        },
    );
    let events = parsed(&events);
    assert_eq!(messages(&events), ["inner", "outer"]);
    assert_eq!(events[0]["context"], json!({"a": 1, "b": 2, "span": "inner", "inner": 1}));
    assert_eq!(events[1]["context"], json!({"a": 1, "span": "outer", "before": 1, "value": "formatted", "after": 2}));
}

/// Logs itself when it is formatted.
struct LogsItself;

impl fmt::Debug for LogsItself {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        info!(value = ?LogsItself, "itself");
        f.write_str("formatted")
    }
}

#[test]
fn a_debug_that_logs_itself_comes_to_an_end() {
    let _alone = alone();
    let before = suppressed();
    let events = parsed(&logged(|builder| builder, || info!(value = ?LogsItself, "itself")));
    // Four, and the one within them is suppressed.
    assert_eq!((messages(&events), suppressed().nested - before.nested), (vec!["itself"; 4], 1));
    assert!(events.iter().all(|event| event["context"]["value"] == "formatted"), "{events:#?}");
}

/// Logs each batch that it is given, and counts them.
struct LogsItsWork(Arc<AtomicUsize>);

impl process::Processor for LogsItsWork {
    fn name(&self) -> &'static str {
        "logs_its_work"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        self.0.fetch_add(batch.len(), Ordering::SeqCst);
        info!("of the drain's thread");
        tracing::trace!("below the level");
        Ok(())
    }
}

#[test]
fn events_of_a_plugins_own_work_are_not_logged_and_are_counted() {
    let _alone = alone();
    let before = suppressed();
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let make = move |_| -> Box<dyn process::Processor> { Box::new(LogsItsWork(Arc::clone(&counter))) };
    let events = logged(|builder| builder.processor(make), || info!("of the program"));
    assert_eq!(messages(&parsed(&events)), ["of the program"]);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    // The event below the level is none that was suppressed.
    assert_eq!(suppressed().on_drain_threads - before.on_drain_threads, 1);
}

#[test]
fn many_threads_log_within_spans_of_their_own() {
    const EVENTS: u64 = 2_000;
    let _alone = alone();
    let events = logged(
        |builder| builder,
        || {
            std::thread::scope(|scope| {
                for thread in 0..4_u64 {
                    scope.spawn(move || {
                        let outer = info_span!("outer", thread).entered();
                        for n in 0..EVENTS {
                            info_span!("inner", n).in_scope(|| info!(own = n, own_thread = thread, "event"));
                        }
                        drop(outer);
                    });
                }
            });
        },
    );
    let events = parsed(&events);
    assert_eq!(events.len() as u64, 4 * EVENTS);
    for event in events {
        let context = &event["context"];
        assert_eq!((&context["thread"], &context["n"]), (&context["own_thread"], &context["own"]), "{event}");
    }
}

#[test]
fn the_current_span_is_known() {
    let _alone = alone();
    let events = logged(
        |builder| builder,
        || {
            let span = info_span!("span", a = 1);
            assert!(tracing::Span::current().is_none());
            span.in_scope(|| assert_eq!(tracing::Span::current().id(), span.id()));
            let first = span.id();
            drop(span);
            // The slot is the same, the id is not.
            assert_ne!(info_span!("next").id(), first);
        },
    );
    assert!(events.bytes().is_empty());
}

/// Logs when the data of its thread are dropped.
struct LogsAtTheEnd(&'static str);

impl Drop for LogsAtTheEnd {
    fn drop(&mut self) {
        let name = self.0;
        let _span = info_span!("at the end", name).entered();
        info!(name, "at the end");
    }
}

thread_local! {
    static FIRST: LogsAtTheEnd = const { LogsAtTheEnd("first") };
    static LAST: LogsAtTheEnd = const { LogsAtTheEnd("last") };
}

#[test]
fn a_thread_that_ends_within_a_span_logs_until_its_last_data_are_dropped() {
    let _alone = alone();
    let events = logged(
        |builder| builder,
        || {
            let thread = std::thread::spawn(|| {
                FIRST.with(|_| {});
                let _never_exited = std::mem::ManuallyDrop::new(info_span!("span", a = 1).entered());
                info!("before the end");
                LAST.with(|_| {});
            });
            thread.join().unwrap();
        },
    );
    let events = parsed(&events);
    let mut names: Vec<_> = events.iter().filter_map(|event| event["context"]["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!((events.len(), names), (3, vec!["first", "last"]), "{events:#?}");
}
