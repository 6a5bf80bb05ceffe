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
    container::Executor,
    event::Batch,
    format,
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

/// Runs the program with a global container of its own, checks the law, and returns the events.
fn logged(
    build: impl FnOnce(fapilog::container::ContainerBuilder) -> fapilog::container::ContainerBuilder,
    program: impl FnOnce(),
) -> MemoryEvents {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let builder =
        build(Container::builder().executor(Executor::Thread).overflow_timeout(law::TIMEOUT)).sink("memory", sink);
    let global = fapilog::set_global(builder.start().unwrap()).unwrap();
    program();
    let accounts = global.shutdown(law::TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!((accounts.pending_total(), accounts.lost.total()), (0, 0), "{accounts}");
    events
}

#[test]
fn a_subscriber_set_ahead_of_the_global_container_logs_to_it_and_to_its_successors() {
    let _alone = alone();
    info!("into nothing");
    for name in ["first", "second"] {
        let events = logged(|builder| builder, || info_span!("span", a = 1).in_scope(|| info!(name, "logged")));
        let event = law::only(parsed(&events));
        assert_eq!(event["context"], json!({"a": 1, "span": "span", "name": name}));
    }
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
    let events = parsed(&logged(|builder| builder, || info!(value = ?LogsItself, "itself")));
    assert_eq!(events.len(), 9);
    assert_eq!(events[0]["context"]["value"], json!("<a Debug that logs, nested too deep>"));
    assert_eq!(events[8]["context"]["value"], json!("formatted"));
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
        Ok(())
    }
}

#[test]
fn events_of_a_plugins_own_work_are_not_logged() {
    let _alone = alone();
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let make = move |_| -> Box<dyn process::Processor> { Box::new(LogsItsWork(Arc::clone(&counter))) };
    let events = logged(|builder| builder.processor(make), || info!("of the program"));
    assert_eq!(messages(&parsed(&events)), ["of the program"]);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
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
