//! Every event arrives, once, in its producer's order.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{sync::Barrier, thread, time::Duration};

use fapilog::{
    Container, Level, audit,
    container::{Executor, Overflow},
    critical, debug, error,
    error::FlushError,
    event, format, info,
    level::LevelFilter,
    metrics::LossReason,
    security,
    sink::{self, MemoryEvents},
    trace, warn,
};
use law::{TIMEOUT, executors, memory, only, parsed, shut_down, started, thread_builder};

/// Logs from several threads at once and checks that each one's events are there, once, in order.
fn producers_keep_their_order(executor: Executor, producers: u64) {
    const EVENTS: u64 = 5_000;
    let (sink, events) = memory();
    let patient = Overflow::Block { timeout: TIMEOUT };
    // A small ring, so that they wrap and wait many times.
    let builder = Container::builder().executor(executor).overflow(patient);
    let builder = builder.ring_capacity_bytes(16 * 1024).record_max_bytes(1024);
    let container = builder.sink("memory", sink).start().unwrap();
    let log = container.logger("delivery");
    let start = Barrier::new(producers as usize);
    thread::scope(|scope| {
        for producer in 0..producers {
            let (log, start) = (&log, &start);
            scope.spawn(move || {
                start.wait();
                for number in 0..EVENTS {
                    info!(log, "numbered", producer, number);
                }
            });
        }
    });
    let accounts = shut_down(&container);
    assert_eq!((accounts.submitted, accounts.lost_total()), (producers * EVENTS, 0));

    let mut next = vec![0; producers as usize];
    for event in parsed(&events) {
        let producer = event["context"]["producer"].as_u64().unwrap() as usize;
        assert_eq!(event["context"]["number"], next[producer]);
        next[producer] += 1;
    }
    assert!(next.iter().all(|&count| count == EVENTS), "{next:?}");
}

#[test]
fn one_producers_events_arrive_once_and_in_order() {
    executors().into_iter().for_each(|executor| producers_keep_their_order(executor, 1));
}

#[test]
fn two_producers_events_arrive_once_and_each_in_order() {
    executors().into_iter().for_each(|executor| producers_keep_their_order(executor, 2));
}

#[test]
fn eight_producers_events_arrive_once_and_each_in_order() {
    executors().into_iter().for_each(|executor| producers_keep_their_order(executor, 8));
}

#[test]
fn several_shards_deliver_everything_to_one_place() {
    let (sink, events) = memory();
    let patient = Overflow::Block { timeout: TIMEOUT };
    let container = thread_builder().shards(2).overflow(patient).sink("memory", sink).start().unwrap();
    let log = container.logger("delivery");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..1000).for_each(|number| info!(log, "numbered", number)));
        }
    });
    assert_eq!(shut_down(&container).submitted, 8000);
    assert_eq!(events.lines().len(), 8000);
}

#[test]
fn every_sink_gets_every_event() {
    let ((first, first_events), (second, second_events)) = (memory(), memory());
    let container = thread_builder().sink("first", first).sink("second", second).start().unwrap();
    let log = container.logger("delivery");
    (0..100).for_each(|number| info!(log, "numbered", number));
    shut_down(&container);
    assert_eq!(first_events.lines().len(), 100);
    assert_eq!(first_events.bytes(), second_events.bytes());
}

#[test]
fn times_of_events_of_one_thread_never_go_back() {
    let (container, events) = started();
    let log = container.logger("delivery");
    (0..10_000).for_each(|number| info!(log, "numbered", number));
    shut_down(&container);
    let times: Vec<String> =
        parsed(&events).iter().map(|event| event["timestamp"].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted());
}

#[test]
fn all_that_came_before_a_flush_is_there_after_it() {
    for executor in executors() {
        let (sink, events) = memory();
        let container = Container::builder().executor(executor).sink("memory", sink).start().unwrap();
        let log = container.logger("delivery");
        for round in 1..=50 {
            (0..20).for_each(|number| info!(log, "numbered", number));
            container.flush(TIMEOUT).unwrap();
            assert_eq!(events.lines().len(), round * 20, "{executor}");
        }
        shut_down(&container);
    }
}

#[test]
fn a_flush_takes_what_other_threads_logged_before_it() {
    let (container, events) = started();
    let log = container.logger("delivery");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| info!(log, "from another thread"));
        }
    });
    container.flush(TIMEOUT).unwrap();
    assert_eq!(events.lines().len(), 4);
    shut_down(&container);
}

#[test]
fn several_threads_can_flush_at_once() {
    let (container, events) = started();
    let log = container.logger("delivery");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for number in 0..50 {
                    info!(log, "numbered", number);
                    container.flush(TIMEOUT).unwrap();
                }
            });
        }
    });
    assert_eq!(events.lines().len(), 400);
    shut_down(&container);
}

#[test]
fn an_idle_container_is_flushed_at_once() {
    for executor in executors() {
        let (sink, _events) = memory();
        let container = Container::builder().executor(executor).sink("memory", sink).start().unwrap();
        container.flush(TIMEOUT).unwrap();
        container.flush(TIMEOUT).unwrap();
        shut_down(&container);
    }
}

#[test]
fn a_flush_after_the_shutdown_is_an_error() {
    let (container, _events) = started();
    shut_down(&container);
    assert_eq!(container.flush(TIMEOUT), Err(FlushError::ShutDown));
}

#[test]
fn shutdown_delivers_all_that_was_logged() {
    for executor in executors() {
        let (sink, events) = memory();
        // Nothing is due before the shutdown.
        let never = Duration::from_secs(3600);
        let builder = Container::builder().executor(executor).flush_interval(never);
        let container = builder.sink("memory", sink).start().unwrap();
        let log = container.logger("delivery");
        (0..1000).for_each(|number| info!(log, "numbered", number));
        let accounts = shut_down(&container);
        assert_eq!((accounts.submitted, accounts.delivered_total()), (1000, 1000));
        assert_eq!(events.lines().len(), 1000);
    }
}

#[test]
fn a_second_shutdown_returns_the_same_accounts() {
    let (container, _events) = started();
    info!(container.logger("delivery"), "once");
    let first = shut_down(&container);
    assert_eq!(shut_down(&container), first);
}

#[test]
fn two_threads_can_shut_down_at_once() {
    let (container, _events) = started();
    info!(container.logger("delivery"), "once");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(shut_down(&container).delivered_total(), 1));
        }
    });
}

#[test]
fn a_call_after_shutdown_is_submitted_and_counted_as_lost() {
    let (container, events) = started();
    let log = container.logger("delivery");
    info!(log, "before");
    shut_down(&container);
    info!(log, "after");
    let accounts = shut_down(&container);
    assert_eq!((accounts.submitted, accounts.lost.of(LossReason::ContainerClosed)), (2, 1));
    assert_eq!(only(&events)["message"], "before");
}

#[test]
fn a_call_after_shutdown_below_the_level_is_not_submitted() {
    let (container, _events) = started();
    let log = container.logger("delivery");
    shut_down(&container);
    debug!(log, "unwanted before as well");
    assert_eq!(shut_down(&container).submitted, 0);
}

#[test]
fn a_logger_outlives_its_container() {
    let (container, events) = started();
    let log = container.logger("delivery");
    drop(container);
    info!(log, "no sink");
    assert_eq!(events.lines().len(), 0);
}

#[test]
fn threads_that_log_through_a_shutdown_drop_nothing_uncounted() {
    for executor in executors() {
        let (sink, events) = memory();
        let container = Container::builder().executor(executor).sink("memory", sink).start().unwrap();
        let log = container.logger("delivery");
        let calls: u64 = thread::scope(|scope| {
            let producers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let mut calls = 0_u64;
                        // A while past the end.
                        while container.accounts().lost.of(LossReason::ContainerClosed) == 0 {
                            (0..100).for_each(|number| info!(log, "numbered", number));
                            calls += 100;
                        }
                        calls
                    })
                })
                .collect();
            law::until("something is delivered", || !events.bytes().is_empty());
            container.shutdown(TIMEOUT).unwrap();
            producers.into_iter().map(|producer| producer.join().unwrap()).sum()
        });
        let accounts = law::balanced(container.accounts());
        // The log's reports of losses are submitted too.
        let reports = parsed(&events).iter().filter(|event| event["source"] == "fapilog").count() as u64;
        assert_eq!(accounts.submitted, calls + reports, "{executor}");
        assert_eq!(accounts.delivered_total(), events.lines().len() as u64);
    }
}

#[test]
fn a_container_that_is_dropped_drains_first() {
    for executor in executors() {
        let (sink, events) = memory();
        let container = Container::builder().executor(executor).sink("memory", sink).start().unwrap();
        let log = container.logger("delivery");
        (0..1000).for_each(|number| info!(log, "numbered", number));
        drop(container);
        assert_eq!(events.lines().len(), 1000);
    }
}

fn log_at_every_level(log: &fapilog::Logger) {
    trace!(log, "trace");
    debug!(log, "debug");
    info!(log, "info");
    warn!(log, "warning");
    error!(log, "error");
    critical!(log, "critical");
    audit!(log, "audit");
    security!(log, "security");
}

fn levels_delivered(events: &MemoryEvents) -> Vec<String> {
    parsed(events).iter().map(|event| event["level"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_level_can_be_changed_while_the_program_runs() {
    let (container, events) = started();
    let log = container.logger("delivery");
    assert_eq!(container.level(), LevelFilter::AtLeast(Level::Info));
    debug!(log, "too low");
    container.set_level(Level::Debug);
    debug!(log, "wanted");
    container.set_level(Level::Error);
    warn!(log, "too low again");
    assert_eq!((container.level(), log.level()), (Level::Error.into(), Level::Error.into()));
    assert_eq!(shut_down(&container).submitted, 1);
    assert_eq!(only(&events)["message"], "wanted");
}

#[test]
fn an_event_at_the_level_or_above_it_is_logged_and_no_other() {
    for (least, expected) in [
        (Level::Trace, &["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "AUDIT", "SECURITY"][..]),
        (Level::Warning, &["WARNING", "ERROR", "CRITICAL", "AUDIT", "SECURITY"][..]),
        (Level::Critical, &["CRITICAL", "AUDIT", "SECURITY"][..]),
    ] {
        let (container, events) = started();
        container.set_level(least);
        log_at_every_level(&container.logger("delivery"));
        shut_down(&container);
        assert_eq!(levels_delivered(&events), expected);
    }
}

#[test]
fn audit_and_security_pass_every_level() {
    for least in Level::ALL {
        let (container, events) = started();
        container.set_level(least);
        assert_eq!(container.level(), least.into());
        log_at_every_level(&container.logger("delivery"));
        shut_down(&container);
        assert!(levels_delivered(&events).ends_with(&["AUDIT".to_owned(), "SECURITY".to_owned()]), "{least}");
    }
}

#[test]
fn nothing_passes_the_level_filter_off() {
    let (container, events) = started();
    container.set_level(LevelFilter::Off);
    let log = container.logger("delivery");
    log_at_every_level(&log);
    assert!(Level::ALL.into_iter().all(|level| !log.is_enabled(level)));
    assert_eq!(shut_down(&container).submitted, 0);
    assert_eq!(events.lines().len(), 0);
}

#[test]
fn arguments_are_not_looked_at_when_the_event_is_not_wanted() {
    let (container, _events) = started();
    let log = container.logger("delivery");
    let mut calls = 0;
    let mut costly = || {
        calls += 1;
        calls
    };
    debug!(log, "unwanted", number = costly());
    info!(log, "wanted", number = costly());
    assert_eq!(calls, 1);
    shut_down(&container);
}

#[test]
fn the_level_can_be_an_argument() {
    let (container, events) = started();
    event!(Level::Critical, container.logger("delivery"), "by argument", number = 1);
    shut_down(&container);
    assert_eq!(only(&events)["level"], "CRITICAL");
}

#[test]
fn a_value_may_have_any_name() {
    const LEVEL: u8 = 1;
    static SITE: &str = "site";
    const SITES: bool = true;
    let (container, events) = started();
    let (logger, level) = (container.logger("delivery"), Level::Info);
    event!(level, logger, "named", level = LEVEL, site = SITE, sites = SITES, logger = ?logger.source());
    info!(logger, "named", level = LEVEL, site = SITE, sites = SITES, other = %level);
    shut_down(&container);
    for event in parsed(&events) {
        assert_eq!((&event["context"]["level"], &event["context"]["site"]), (&1.into(), &"site".into()));
        assert_eq!(event["context"]["sites"], true);
    }
}

#[test]
fn the_level_can_be_known_only_at_run_time() {
    let (container, events) = started();
    let log = container.logger("delivery");
    let levels = [Level::Security, Level::Debug, Level::Info, Level::Critical, Level::Info];
    let mut evaluated = 0;
    for level in levels {
        event!(
            level,
            log,
            "by level",
            number = {
                evaluated += 1;
                evaluated
            }
        );
    }
    shut_down(&container);
    let logged: Vec<_> = parsed(&events).iter().map(|event| event["level"].clone()).collect();
    assert_eq!(logged, ["SECURITY", "INFO", "CRITICAL", "INFO"]);
    assert_eq!(evaluated, 4);
}

#[test]
fn a_source_names_the_logger_of_each_event() {
    let (container, events) = started();
    for source in ["orders", "quotes", "grüße \"x\""] {
        info!(container.logger(source), "named");
    }
    shut_down(&container);
    let sources: Vec<_> = parsed(&events).iter().map(|event| event["source"].clone()).collect();
    assert_eq!(sources, ["orders", "quotes", "grüße \"x\""]);
}

#[test]
fn two_containers_share_nothing() {
    let ((first, first_events), (second, second_events)) = (started(), started());
    let (first_log, second_log) = (first.logger("first"), second.logger("second"));
    for number in 0..100 {
        info!(first_log, "to the first", number);
        info!(second_log, "to the second", number);
    }
    assert_eq!((shut_down(&first).submitted, shut_down(&second).submitted), (100, 100));
    assert!(parsed(&first_events).iter().all(|event| event["source"] == "first"));
    assert!(parsed(&second_events).iter().all(|event| event["source"] == "second"));
}

#[test]
fn what_is_not_delivered_by_the_deadline_is_lost_and_counted() {
    let container = thread_builder().sink("full", law::sinks::Full::default()).start().unwrap();
    let log = container.logger("delivery");
    (0..10).for_each(|number| info!(log, "numbered", number));
    assert!(matches!(container.flush(Duration::from_millis(20)), Err(FlushError::Deadline { .. })));
    assert!(container.shutdown(Duration::from_millis(20)).is_err());
    let accounts = law::balanced(container.accounts());
    assert_eq!(accounts.lost.of(LossReason::ShutdownDeadline), 10);
}

#[test]
fn the_null_sink_delivers_and_keeps_nothing() {
    let container = thread_builder().sink("null", sink::Null::new(format::Json::new)).start().unwrap();
    let log = container.logger("delivery");
    (0..1000).for_each(|number| info!(log, "numbered", number));
    let accounts = shut_down(&container);
    assert_eq!(accounts.delivered_total(), 1000);
    assert!(accounts.sinks.iter().all(|sink| sink.bytes > 0));
}

#[test]
fn a_flush_reports_an_event_that_could_not_be_delivered_and_the_next_one_starts_afresh() {
    let (sink, _events) = sink::Memory::new(format::Json::new);
    let container = Container::builder().sink("full", sink.capacity_bytes(1)).start().unwrap();
    info!(container.logger("flush"), "too long for the sink");
    let Err(FlushError::Failed { sinks, .. }) = container.flush(TIMEOUT) else { panic!("the flush did not fail") };
    assert_eq!(sinks, ["full"]);
    let accounts = container.flush(TIMEOUT).unwrap();
    assert_eq!((accounts.submitted, accounts.lost_total()), (1, 1));
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.sinks[0].lost.of(LossReason::SinkFailed), 1);
}
