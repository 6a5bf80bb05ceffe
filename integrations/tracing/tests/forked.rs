//! Forked children: they inherit the subscriber, and not the threads that use it.
//!
//! A test program of its own: a child has the parent's threads only as memory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use fapilog::{Container, Logger, format, metrics::LossReason, sink};
use fapilog_tracing::{Bridge, SpanEvents};
use law::parsed;
use serde_json::json;
use tracing::{field, info, info_span};

const FORKS: usize = 40;

/// Forks, runs `child` in the child, and waits until it has ended.
#[track_caller]
fn forked(child: impl FnOnce() -> bool) {
    // SAFETY: the child runs `child` and then `_exit`: it unwinds into nothing of the parent's. The test is about locks that other threads
    // held.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(i32::from(!matches!(outcome, Ok(true)))) };
    }
    let start = Instant::now();
    let mut status = 0;
    // SAFETY: waits for the child made above.
    while unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } == 0 {
        if start.elapsed() > law::TIMEOUT {
            // SAFETY: the child made above, which has not been waited for.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            panic!("the child hangs");
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "the child's status is {status:#x}");
}

/// All that a program does with spans.
fn use_spans(n: u64) {
    let outer = info_span!("outer", n, user = field::Empty);
    let _outer = outer.enter();
    outer.record("user", "ann");
    let inner = info_span!("inner");
    inner.follows_from(&outer);
    inner.in_scope(|| info!(own = n, "inside"));
}

fn bridge(log: Logger) -> Bridge {
    Bridge::new(log).follows_from(true).span_events(SpanEvents::FULL)
}

/// Logs in the child: on what it inherits, and to a container of its own.
fn child(parent: &Container, shared: &tracing::Span) -> bool {
    use_spans(1);
    shared.record("by", 1);
    shared.in_scope(|| info!("in a span that threads of the parent use"));
    let is_counted = parent.accounts().lost.of(LossReason::Forked) > 0;

    let (sink, events) = sink::Memory::new(format::Json::new);
    let own = Container::builder().sink("memory", sink).start().unwrap();
    tracing::subscriber::with_default(bridge(own.logger("child")).subscriber(), || use_spans(2));
    own.shutdown(law::TIMEOUT).unwrap().check().unwrap();
    let events = parsed(&events);
    let inside = events.iter().filter(|event| event["message"] == "inside").collect::<Vec<_>>();
    let context = json!({"n": 2, "user": "ann", "follows_from": ["outer"], "span": "inner", "own": 2});
    is_counted && inside.len() == 1 && inside[0]["context"] == context
}

#[test]
fn a_child_counts_its_events_as_lost_and_logs_to_a_container_of_its_own() {
    let null = sink::Null::new(format::Json::new);
    let container = Container::builder().overflow_timeout(law::TIMEOUT).sink("null", null).start().unwrap();
    tracing::subscriber::set_global_default(bridge(container.logger("parent")).subscriber()).unwrap();
    let (shared, is_done, logged) =
        (info_span!("shared", by = field::Empty), AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_done.load(Ordering::SeqCst) {
                    let n = logged.fetch_add(1, Ordering::SeqCst);
                    use_spans(n);
                    shared.record("by", n);
                    shared.in_scope(|| info!("in a shared span"));
                }
            });
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..FORKS {
                let before = logged.load(Ordering::SeqCst);
                law::until("the threads log", || logged.load(Ordering::SeqCst) > before + 10);
                forked(|| child(&container, &shared));
            }
        }));
        is_done.store(true, Ordering::SeqCst);
        outcome.unwrap();
    });
    let accounts = container.shutdown(law::TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!((accounts.lost.total(), accounts.pending_total()), (0, 0), "{accounts}");
}
