//! The bridge as the logger of the program, with levels that change at run time, under load from several threads.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../../fapilog/tests/law/mod.rs"]
mod law;

use std::{
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use fapilog::{
    Container, Level,
    level::{Directives, LevelFilter},
    sink::MemoryEvents,
};
use fapilog_log::{LogBridge, init};
use law::{TIMEOUT, parsed, started};

/// The tests have one container, as the program has one logger: they run one after the other.
struct Program {
    container: Container,
    events: MemoryEvents,
    bridge: LogBridge,
}

fn program() -> MutexGuard<'static, Program> {
    static PROGRAM: OnceLock<Mutex<Program>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let (container, events) = started();
        let bridge = init(container.logger("global")).unwrap();
        Mutex::new(Program { container, events, bridge })
    });
    let program = program.lock().unwrap_or_else(PoisonError::into_inner);
    program.container.set_level(Level::Info);
    program.container.flush(TIMEOUT).unwrap();
    program.events.clear();
    program
}

#[test]
fn the_level_of_log_follows_the_containers() {
    let program = program();
    assert_eq!(log::max_level(), log::LevelFilter::Info);
    let levels = [
        ("debug", log::LevelFilter::Debug),
        ("warn,sql=trace", log::LevelFilter::Trace),
        ("error", log::LevelFilter::Error),
    ];
    for (directives, expected) in levels {
        program.container.set_level(directives.parse::<Directives>().unwrap());
        assert_eq!((log::max_level(), program.bridge.max_level()), (expected, expected), "{directives}");
    }
    program.container.set_level(Level::Audit);
    assert_eq!(log::max_level(), log::LevelFilter::Off, "no record has a level above ERROR");
}

#[test]
fn a_second_init_is_an_error_that_names_the_reason_and_changes_nothing() {
    let program = program();
    let (other, _) = started();
    other.set_level(Level::Trace);
    let error = init(other.logger("second")).unwrap_err();
    assert!(error.to_string().contains("another one was set before"), "{error}");
    assert_eq!(log::max_level(), program.bridge.max_level());
}

#[test]
fn macros_without_a_logger_reach_the_container_and_flush_waits_for_it() {
    let program = program();
    log::info!(order = 42; "order filled");
    log::debug!("not enabled");
    log::logger().flush();
    let events = parsed(&program.events);
    assert_eq!((events.len(), &events[0]["context"]["order"]), (1, &42.into()));
    program.container.accounts().check().unwrap();
}

#[test]
fn threads_that_log_while_levels_change_drop_nothing_and_get_no_stale_answer() {
    const THREADS: usize = 4;
    const RECORDS: usize = 2_000;
    let program = program();
    let before = program.container.accounts();
    let (is_over, errors) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (errors, is_over) = (&errors, &is_over);
            scope.spawn(move || {
                for n in 0..RECORDS {
                    log::error!(target: "load", number, n; "always");
                    log::debug!(target: "load::sometimes", "sometimes");
                    errors.fetch_add(1, Ordering::Relaxed);
                }
                is_over.store(true, Ordering::Relaxed);
            });
        }
        let levels = ["error", "debug", "info,load=debug", "warn,load::sometimes=trace"];
        for directives in levels.iter().cycle() {
            program.container.set_level(directives.parse::<Directives>().unwrap());
            if is_over.load(Ordering::Relaxed) {
                break;
            }
        }
    });
    program.container.set_level(LevelFilter::AtLeast(Level::Error));
    log::debug!(target: "load::sometimes", "stale");
    let accounts = program.container.flush(TIMEOUT).unwrap();
    accounts.check().unwrap();
    let events = parsed(&program.events);
    let of = |message: &str| events.iter().filter(|event| event["message"] == message).count();
    assert_eq!((of("always"), errors.load(Ordering::Relaxed)), (THREADS * RECORDS, THREADS * RECORDS));
    assert_eq!(of("stale"), 0);
    assert_eq!(accounts.submitted - before.submitted, events.len() as u64);
    for number in 0..THREADS {
        let own: Vec<_> = events.iter().filter(|event| event["context"]["number"] == number).collect();
        assert!(own.iter().zip(0..).all(|(event, n)| event["context"]["n"] == n), "in order");
    }
}
