//! Spans of several threads, of futures, and of several subscribers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{sync::Barrier, thread};

use fapilog::Scope;
use fapilog_tracing::Bridge;
use law::{Way, assert_contexts, each_way, only, parsed, shut_down, started};
use serde_json::{Value, json};
use tracing::{Instrument, field, info, info_span, instrument::WithSubscriber};

#[test]
fn a_field_that_another_thread_records_is_in_the_next_event() {
    each_way(
        || {
            let span = info_span!("span", user = field::Empty);
            let _entered = span.enter();
            tracing::dispatcher::get_default(|dispatch| {
                thread::scope(|scope| {
                    scope.spawn(|| tracing::dispatcher::with_default(dispatch, || span.record("user", "ann")));
                });
            });
            info!("recorded");
        },
        |events| assert_eq!(only(events)["context"], json!({"user": "ann", "span": "span"})),
    );
}

#[test]
fn a_span_is_entered_on_two_threads_at_once() {
    each_way(
        || {
            let (span, both_are_in) = (info_span!("shared", a = 1), Barrier::new(2));
            tracing::dispatcher::get_default(|dispatch| {
                thread::scope(|scope| {
                    for _ in 0..2 {
                        scope.spawn(|| {
                            tracing::dispatcher::with_default(dispatch, || {
                                let _entered = span.enter();
                                both_are_in.wait();
                                info!("inside");
                            });
                            assert!(Scope::current().is_empty());
                        });
                    }
                });
            });
        },
        |events| {
            let inside = json!({"a": 1, "span": "shared"});
            assert_contexts(&events, &[("inside", inside.clone()), ("inside", inside)]);
        },
    );
}

#[test]
fn a_future_keeps_its_span_on_whatever_thread_it_is_polled() {
    async fn step(n: u64) {
        for _ in 0..4 {
            info!(n, "step");
            tokio::task::yield_now().await;
        }
        // A span of its own across an await.
        tokio::time::sleep(std::time::Duration::from_millis(1)).instrument(info_span!("sleeps")).await;
        info!(n, "slept");
    }

    for way in Way::ALL {
        let (container, events) = started();
        let dispatch = way.dispatch(Bridge::new(container.logger("async")).correlation_fields(["id"]));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
        runtime.block_on(async {
            let tasks: Vec<_> = tracing::dispatcher::with_default(&dispatch, || {
                let task = |n| step(n).instrument(info_span!("task", task = n, id = n));
                (0..50).map(|n| tokio::spawn(task(n).with_subscriber(dispatch.clone()))).collect()
            });
            for task in tasks {
                task.await.unwrap();
            }
        });
        drop(runtime);
        let accounts = shut_down(&container);
        assert_eq!((accounts.submitted, accounts.lost.total()), (250, 0));
        for event in parsed(&events) {
            let context = &event["context"];
            assert_eq!((&context["task"], &context["span"]), (&context["n"], &json!("task")), "{event}");
            assert_eq!(event["correlation_id"], json!(context["n"].to_string()));
        }
    }
}

#[test]
fn a_thread_has_the_subscriber_of_its_own() {
    let (one, one_events) = started();
    let (other, other_events) = started();
    let dispatch = |container: &fapilog::Container| Way::Subscriber.dispatch(Bridge::new(container.logger("t")));
    let (of_one, of_other) = (dispatch(&one), dispatch(&other));
    let log = one.logger("own");
    tracing::dispatcher::with_default(&of_one, || {
        let _span = info_span!("of one", a = 1).entered();
        tracing::dispatcher::with_default(&of_other, || {
            info!("not in the other subscriber's span");
            let _span = info_span!("of other", b = 1).entered();
            info!("in its own span");
        });
        fapilog::info!(log, "by fapilog, within the span again");
        info!("within the span again");
        thread::spawn(|| info!("of a thread without a subscriber")).join().unwrap();
    });
    shut_down(&one);
    shut_down(&other);
    let inside = json!({"a": 1, "span": "of one"});
    assert_contexts(
        &parsed(&one_events),
        &[("by fapilog, within the span again", inside.clone()), ("within the span again", inside)],
    );
    assert_contexts(
        &parsed(&other_events),
        &[
            ("not in the other subscriber's span", Value::Null),
            ("in its own span", json!({"b": 1, "span": "of other"})),
        ],
    );
}

/// Logs inside the span, on a thread without a scope.
fn log_on_another_thread(span: &tracing::Span) {
    tracing::dispatcher::get_default(|dispatch| {
        let log = || tracing::dispatcher::with_default(dispatch, || span.in_scope(|| info!("elsewhere")));
        thread::scope(|scope| scope.spawn(log).join()).unwrap();
    });
}

#[test]
fn a_span_takes_the_correlation_id_of_the_scope_it_is_made_in_to_another_thread() {
    each_way(
        || {
            let outside = info_span!("outside");
            let spans = {
                let _request = Scope::new().correlation_id("7f3a").enter();
                [info_span!("root"), info_span!(parent: &outside, "child"), info_span!("own", correlation_id = "mine")]
            };
            spans.iter().for_each(log_on_another_thread);
            log_on_another_thread(&info_span!("behind the scope"));
        },
        |events| {
            let ids: Vec<_> = events.iter().map(|event| event["correlation_id"].clone()).collect();
            assert_eq!(ids, [json!("7f3a"), json!("7f3a"), json!("mine"), Value::Null]);
        },
    );
}

#[test]
fn a_span_has_the_correlation_id_of_its_parent_before_that_of_the_scope_it_is_made_in() {
    each_way(
        || {
            let parent = info_span!("parent", correlation_id = "parent");
            let _other = Scope::new().correlation_id("another").enter();
            log_on_another_thread(&info_span!(parent: &parent, "child"));
        },
        |events| assert_eq!(only(events)["correlation_id"], json!("parent")),
    );
}
