//! Levels: the container's, targets, changes at run time, the close of the container.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use fapilog::{Container, Level, metrics::LossReason};
use fapilog_tracing::{Bridge, Levels};
use law::{
    Way,
    levels::{alone, assert_messages, set_level},
    messages, parsed, shut_down, started,
};
use serde_json::json;
use tracing::{Dispatch, debug, debug_span, dispatcher::with_default, error, info, info_span, trace, warn};
use tracing_subscriber::prelude::*;

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
fn events_behind_the_close_of_the_container_are_lost_and_counted_whatever_levels_change() {
    let _alone = alone();
    let (other, _) = started();
    for way in Way::ALL {
        let (container, events) = started();
        let known = |n: u64| info!(n, "at a known call site");
        with_default(&way.dispatch(Bridge::new(container.logger("t"))), || {
            known(1);
            container.shutdown(law::TIMEOUT).unwrap();
            known(2);
            info!("at a new one");
            // All call sites ask anew.
            other.set_level(Level::Debug);
            known(3);
            info_span!("span", a = 1).in_scope(|| error!("inside"));
            // The levels of a closed container change, too.
            set_level(&container, "warn");
            known(4);
            error!("above the level");
        });
        let accounts = container.accounts();
        accounts.check().unwrap();
        assert_eq!(accounts.lost.of(LossReason::ContainerClosed), 5, "{way:?}: {accounts}");
        assert_eq!(messages(&parsed(&events)), ["at a known call site"]);
    }
    shut_down(&other);
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

/// Sets a level when it sees an event: within the call of the subscriber.
struct SetsLevel(Arc<Container>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for SetsLevel {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::ERROR {
            self.0.set_level(Level::Debug);
        }
    }
}

#[test]
fn a_layer_may_set_the_level_when_it_sees_an_event() {
    let _alone = alone();
    let (container, events) = started();
    let container = Arc::new(container);
    set_level(&container, "error");
    let log = container.logger("t");
    let subscriber = tracing_subscriber::registry()
        .with(Levels::new(log.clone()))
        .with(Bridge::new(log).layer())
        .with(SetsLevel(Arc::clone(&container)));
    let known = || debug!("enabled by now");
    with_default(&Dispatch::new(subscriber), || {
        known();
        error!("raises the level");
        known();
    });
    assert_messages(&container, &events, &["raises the level", "enabled by now"]);
}

#[test]
fn a_layer_on_two_registries_follows_its_levels_when_one_of_them_is_gone() {
    let _alone = alone();
    let (container, events) = started();
    set_level(&container, "error");
    let layer = fapilog_tracing::layer::<tracing_subscriber::Registry>(container.logger("t"));
    let levels = Levels::new(container.logger("t"));
    let dispatch = || {
        let registry = tracing_subscriber::registry().with(levels.clone());
        Dispatch::new(registry.with(layer.inner().clone()))
    };
    let (one, other) = (dispatch(), dispatch());
    drop(other);
    with_default(&one, || info!("disabled"));
    // On a thread without a subscriber.
    set_level(&container, "info");
    with_default(&one, || info!("enabled"));
    assert_messages(&container, &events, &["enabled"]);
}

#[test]
fn a_layer_in_an_option_or_a_list_follows_the_levels() {
    let _alone = alone();
    let (container, events) = started();
    let layer = || fapilog_tracing::layer(container.logger("t"));
    // A single subscriber at a time: another one would have all call sites ask.
    let dispatches: [&dyn Fn() -> Dispatch; 3] = [
        &|| Dispatch::new(tracing_subscriber::registry().with(Some(layer()))),
        &|| Dispatch::new(tracing_subscriber::registry().with(vec![layer()])),
        &|| Dispatch::new(tracing_subscriber::registry().with(layer().boxed())),
    ];
    let known = || info!("enabled by now");
    for dispatch in dispatches {
        with_default(&dispatch(), || {
            set_level(&container, "error");
            known();
            set_level(&container, "info");
            known();
        });
    }
    assert_messages(&container, &events, &["enabled by now"; 3]);
}
