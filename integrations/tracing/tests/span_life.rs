//! The life of spans: made, entered, exited, closed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::thread;

use fapilog_tracing::{Bridge, SpanEvents, SpanNames};
use law::{Way, each_way, each_way_with, messages, shut_down, started};
use serde_json::{Value, json};
use tracing::{info, info_span};

#[test]
fn the_life_of_a_span_is_events_by_setting() {
    each_way_with(
        |bridge| bridge.span_events(SpanEvents::FULL),
        || {
            let span = info_span!(target: "lives", "span", a = 1);
            span.in_scope(|| info!("inside"));
            span.in_scope(|| thread::sleep(std::time::Duration::from_millis(2)));
        },
        |events| {
            assert_eq!(messages(&events), ["new", "enter", "inside", "exit", "enter", "exit", "close"]);
            for event in events.iter().filter(|event| event["message"] != "inside") {
                assert_eq!((&event["context"], &event["target"]), (&json!({"a": 1, "span": "span"}), &json!("lives")));
            }
            let metrics = &events[6]["metrics"];
            assert!(
                metrics["busy_ms"].as_f64().unwrap() >= 2.0 && metrics["idle_ms"].as_f64().unwrap() >= 0.0,
                "{metrics}"
            );
        },
    );
}

#[test]
fn a_span_closes_with_its_last_handle_and_behind_its_children() {
    each_way_with(
        |bridge| bridge.span_events(SpanEvents::CLOSE).span_names(SpanNames::Innermost),
        || {
            let parent = info_span!("parent");
            let (child, clone) = (info_span!(parent: &parent, "child"), parent.clone());
            drop((parent, clone));
            info!("the parent has a child");
            let other = child.clone();
            drop(child);
            info!("the child has a handle");
            drop(other);
            info!("all are closed");
        },
        |events| {
            let names: Vec<_> = events
                .iter()
                .map(|event| {
                    (event["message"].as_str().unwrap(), event["context"]["span"].as_str().unwrap_or_default())
                })
                .collect();
            let expected = [
                ("the parent has a child", ""),
                ("the child has a handle", ""),
                ("close", "child"),
                ("close", "parent"),
                ("all are closed", ""),
            ];
            assert_eq!(names, expected);
        },
    );
}

#[test]
fn a_span_whose_handle_is_dropped_while_it_is_entered_closes_at_its_exit() {
    each_way_with(
        |bridge| bridge.span_events(SpanEvents::CLOSE),
        || {
            let entered = info_span!("span", a = 1).entered();
            info!("inside");
            drop(entered);
            info!("outside");
        },
        |events| {
            assert_eq!(messages(&events), ["inside", "close", "outside"]);
            assert_eq!(
                (&events[0]["context"], &events[2]["context"]),
                (&json!({"a": 1, "span": "span"}), &Value::Null)
            );
        },
    );
}

#[test]
fn a_chain_of_many_spans_closes_without_a_deep_stack() {
    let (container, _events) = started();
    let dispatch = Way::Subscriber.dispatch(Bridge::new(container.logger("t")).span_names(SpanNames::None));
    let program = move || {
        tracing::dispatcher::with_default(&dispatch, || {
            let mut span = info_span!("root");
            for _ in 0..3_000 {
                span = info_span!(parent: &span, "child");
            }
            drop(span);
        });
    };
    thread::Builder::new().stack_size(128 * 1024).spawn(program).unwrap().join().unwrap();
    shut_down(&container);
}

#[test]
fn a_span_that_is_closed_while_a_thread_is_in_it_is_no_parent() {
    each_way(
        || {
            let program = || {
                let span = info_span!("span", a = 1);
                let _never_exited = std::mem::ManuallyDrop::new(span.enter());
                drop(span);
                info_span!("inner", b = 2).in_scope(|| info!("inside"));
            };
            tracing::dispatcher::get_default(|dispatch| {
                thread::scope(|scope| {
                    scope.spawn(|| tracing::dispatcher::with_default(dispatch, program));
                });
            });
        },
        |events| assert_eq!(law::only(events)["context"], json!({"b": 2, "span": "inner"})),
    );
}
