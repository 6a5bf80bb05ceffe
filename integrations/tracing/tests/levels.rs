//! Levels: the container's, targets, changes at run time, filters of other layers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use fapilog::{Container, Level, level::Directives, sink::MemoryEvents};
use fapilog_tracing::{Bridge, Levels};
use law::{Way, messages, parsed, shut_down, started};
use serde_json::json;
use tracing::{Dispatch, debug, debug_span, dispatcher::with_default, error, info, info_span, trace, warn};
use tracing_subscriber::{EnvFilter, filter::LevelFilter, layer::Context, prelude::*, reload};

/// Interests of call sites are the process's: `tracing` itself mixes up those of a dispatcher that another thread makes meanwhile.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn set_level(container: &Container, directives: &str) {
    container.set_level(directives.parse::<Directives>().unwrap());
}

#[track_caller]
fn assert_messages(container: &Container, events: &MemoryEvents, expected: &[&str]) {
    shut_down(container);
    assert_eq!(messages(&parsed(events)), expected);
}

#[test]
fn the_levels_of_the_container_count_by_target_and_as_they_are_changed() {
    let _alone = alone();
    for way in Way::ALL {
        let (container, events) = started();
        let log_all = || {
            debug!("debug");
            debug!(target: "db::sql", "debug of db");
            warn!("warn");
            warn!(target: "quiet", "quiet warn");
        };
        with_default(&way.dispatch(Bridge::new(container.logger("t"))), || {
            for directives in ["warn,db=debug,quiet=error", "debug,db=error", "off", "info"] {
                set_level(&container, directives);
                log_all();
            }
        });
        let expected = ["debug of db", "warn", "debug", "warn", "quiet warn", "warn", "quiet warn"];
        assert_messages(&container, &events, &expected);
    }
}

#[test]
fn a_disabled_call_does_not_evaluate_its_fields() {
    let _alone = alone();
    for way in [Way::FilteredLayer, Way::Subscriber] {
        let (container, events) = started();
        set_level(&container, "info");
        let evaluated = AtomicBool::new(false);
        with_default(&way.dispatch(Bridge::new(container.logger("t"))), || {
            debug!(value = evaluated.swap(true, Ordering::SeqCst), "disabled");
            assert!(!tracing::enabled!(tracing::Level::DEBUG) && tracing::enabled!(tracing::Level::INFO));
        });
        assert!(!evaluated.load(Ordering::SeqCst), "{way:?}");
        assert_messages(&container, &events, &[]);
    }
}

#[test]
fn the_levels_of_a_container_are_no_other_layers() {
    let _alone = alone();
    let (container, events) = started();
    set_level(&container, "error");
    let seen = Arc::new(AtomicUsize::new(0));
    let subscriber = tracing_subscriber::registry()
        .with(CountingLayer(Arc::clone(&seen)))
        .with(fapilog_tracing::layer(container.logger("t")));
    with_default(&Dispatch::new(subscriber), || {
        info!("for the other layer alone");
        error!("for both");
    });
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    assert_messages(&container, &events, &["for both"]);
}

struct CountingLayer(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for CountingLayer {
    fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn levels_as_a_layer_are_for_all_layers() {
    let _alone = alone();
    let (container, events) = started();
    set_level(&container, "error");
    let seen = Arc::new(AtomicUsize::new(0));
    let log = container.logger("t");
    let subscriber = tracing_subscriber::registry()
        .with(Levels::new(log.clone()))
        .with(CountingLayer(Arc::clone(&seen)))
        .with(Bridge::new(log).layer());
    with_default(&Dispatch::new(subscriber), || {
        info!("for none");
        error!("for both");
        set_level(&container, "info");
        info!("for both by now");
    });
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    assert_messages(&container, &events, &["for both", "for both by now"]);
}

#[test]
fn levels_are_a_filter_for_another_layer() {
    let _alone = alone();
    let (container, _events) = started();
    set_level(&container, "error");
    let seen = Arc::new(AtomicUsize::new(0));
    let counting = CountingLayer(Arc::clone(&seen)).with_filter(Levels::new(container.logger("t")));
    with_default(&Dispatch::new(tracing_subscriber::registry().with(counting)), || {
        info!("disabled");
        set_level(&container, "info");
        info!("enabled");
        std::thread::scope(|scope| {
            // Has no subscriber: the old levels count on.
            scope.spawn(|| set_level(&container, "error"));
        });
        error!("enabled");
    });
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    shut_down(&container);
}

#[test]
fn a_disabled_span_is_no_scope_unless_all_are_kept() {
    let _alone = alone();
    for way in [Way::FilteredLayer, Way::Subscriber] {
        for are_kept in [false, true] {
            let (container, events) = started();
            set_level(&container, "info");
            let bridge = Bridge::new(container.logger("t")).all_spans(are_kept);
            with_default(&way.dispatch(bridge), || {
                let _outer = info_span!("outer", a = 1).entered();
                debug_span!("inner", b = 2).in_scope(|| info!("inside"));
                debug!("disabled");
            });
            shut_down(&container);
            let expected =
                if are_kept { json!({"a": 1, "b": 2, "span": "inner"}) } else { json!({"a": 1, "span": "outer"}) };
            assert_eq!(law::only(parsed(&events))["context"], expected, "{way:?}");
        }
    }
}

#[test]
fn a_span_that_the_layers_own_filter_disables_is_no_scope_of_the_layer() {
    let _alone = alone();
    let (container, events) = started();
    let (other, other_events) = started();
    let filtered = Bridge::new(container.logger("t")).layer().with_filter(EnvFilter::new("trace,hidden=off"));
    let all = Bridge::new(other.logger("t")).layer();
    let program = || {
        let _outer = info_span!("outer", a = 1).entered();
        let hidden = info_span!(target: "hidden", "hidden", b = 2);
        hidden.in_scope(|| info!("inside"));
        info!(target: "hidden", "hidden itself");
        info_span!(parent: &hidden, "child", c = 3).in_scope(|| info!("in its child"));
    };
    with_default(&Dispatch::new(tracing_subscriber::registry().with(filtered).with(all)), program);
    shut_down(&container);
    shut_down(&other);
    let events = parsed(&events);
    let expected =
        [("inside", json!({"a": 1, "span": "outer"})), ("in its child", json!({"a": 1, "c": 3, "span": "child"}))];
    assert_eq!(law::contexts(&events), expected.iter().map(|(m, c)| (*m, c)).collect::<Vec<_>>());
    let events = parsed(&other_events);
    let expected = [
        ("inside", json!({"a": 1, "b": 2, "span": "hidden"})),
        ("hidden itself", json!({"a": 1, "span": "outer"})),
        ("in its child", json!({"a": 1, "b": 2, "c": 3, "span": "child"})),
    ];
    assert_eq!(law::contexts(&events), expected.iter().map(|(m, c)| (*m, c)).collect::<Vec<_>>());
}

#[test]
fn a_filter_that_is_reloaded_counts_at_once() {
    let _alone = alone();
    let (container, events) = started();
    let (filter, handle) = reload::Layer::new(LevelFilter::WARN);
    let subscriber =
        tracing_subscriber::registry().with(Bridge::new(container.logger("t")).layer().with_filter(filter));
    with_default(&Dispatch::new(subscriber), || {
        info!("before");
        handle.reload(LevelFilter::INFO).unwrap();
        info!("after");
        handle.modify(|filter| *filter = LevelFilter::ERROR).unwrap();
        info!("at last");
    });
    assert_messages(&container, &events, &["after"]);
}

#[test]
fn each_subscriber_has_its_own_levels_at_a_shared_call_site() {
    let _alone = alone();
    fn shared(n: u64) {
        debug!(n, "shared");
    }
    let ((verbose, verbose_events), (quiet, quiet_events)) = (started(), started());
    set_level(&verbose, "debug");
    set_level(&quiet, "error");
    let dispatch = |container: &Container| Way::Subscriber.dispatch(Bridge::new(container.logger("t")));
    let (of_verbose, of_quiet) = (dispatch(&verbose), dispatch(&quiet));
    with_default(&of_quiet, || shared(1));
    with_default(&of_verbose, || shared(2));
    with_default(&of_quiet, || shared(3));
    set_level(&quiet, "debug");
    set_level(&verbose, "error");
    with_default(&of_quiet, || shared(4));
    with_default(&of_verbose, || shared(5));
    shut_down(&verbose);
    shut_down(&quiet);
    let numbers =
        |events| parsed(events).iter().map(|event| event["context"]["n"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!((numbers(&verbose_events), numbers(&quiet_events)), (vec![2], vec![4]));
}

#[test]
fn a_container_that_is_closed_disables_all_and_a_later_event_is_lost_quietly() {
    let _alone = alone();
    for way in Way::ALL {
        let (container, events) = started();
        with_default(&way.dispatch(Bridge::new(container.logger("t"))), || {
            info!("before");
            container.shutdown(law::TIMEOUT).unwrap();
            info!("after");
            info_span!("span", a = 1).in_scope(|| error!("inside"));
        });
        container.accounts().check().unwrap();
        assert_eq!(messages(&parsed(&events)), ["before"]);
    }
}

#[test]
fn levels_that_change_under_load_drop_no_event_that_is_enabled_throughout() {
    let _alone = alone();
    const EVENTS: u64 = 2_000;
    for way in Way::ALL {
        let (container, events) = started();
        let (dispatch, is_done) = (way.dispatch(Bridge::new(container.logger("t"))), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let loggers: Vec<_> = (0..3_u64)
                .map(|thread| {
                    let dispatch = &dispatch;
                    scope.spawn(move || {
                        with_default(dispatch, || {
                            for n in 0..EVENTS {
                                let span = info_span!(target: "always", "span", thread, n).entered();
                                error!(target: "always", own = n, "kept");
                                trace!(target: "sometimes", "may be logged");
                                debug!(target: "sometimes::inner", "may be logged");
                                drop(span);
                            }
                        });
                    })
                })
                .collect();
            let changes = scope.spawn(|| {
                let levels = ["always=trace,sometimes=error,warn", "trace", "always=trace,sometimes=debug,error"];
                levels.iter().cycle().take_while(|_| !is_done.load(Ordering::SeqCst)).for_each(|level| {
                    set_level(&container, level);
                    std::thread::yield_now();
                });
            });
            loggers.into_iter().for_each(|logger| logger.join().unwrap());
            is_done.store(true, Ordering::SeqCst);
            changes.join().unwrap();
        });
        let accounts = shut_down(&container);
        assert_eq!(accounts.lost.total(), 0, "{accounts}");
        let mut kept = [0_u64; 3];
        for event in parsed(&events).iter().filter(|event| event["message"] == "kept") {
            let context = &event["context"];
            let thread = context["thread"].as_u64().unwrap() as usize;
            assert_eq!((&context["n"], &context["own"]), (&json!(kept[thread]), &json!(kept[thread])), "{way:?}");
            kept[thread] += 1;
        }
        assert_eq!(kept, [EVENTS; 3], "{way:?}");
    }
}

#[test]
fn levels_are_changed_on_a_thread_without_a_subscriber() {
    let _alone = alone();
    for way in Way::ALL {
        let (container, events) = started();
        set_level(&container, "error");
        with_default(&way.dispatch(Bridge::new(container.logger("t"))), || {
            info!("disabled");
            std::thread::scope(|scope| {
                scope.spawn(|| set_level(&container, "info"));
            });
            info!("enabled by another thread");
        });
        assert_messages(&container, &events, &["enabled by another thread"]);
    }
}

#[test]
fn the_levels_are_no_ones_once_the_subscriber_is_dropped() {
    let _alone = alone();
    let (container, events) = started();
    let dispatch = Way::Subscriber.dispatch(Bridge::new(container.logger("t")));
    with_default(&dispatch, || info!("logged"));
    drop(dispatch);
    container.set_level(Level::Error);
    info!("not logged");
    assert_messages(&container, &events, &["logged"]);
}
