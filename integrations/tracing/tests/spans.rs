//! Spans as scopes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{sync::Barrier, thread};

use fapilog::{Scope, event::FieldGroup};
use fapilog_tracing::{Bridge, SpanEvents, SpanNames};
use law::{Way, contexts, each_way, each_way_with, messages, only, parsed, shut_down, started};
use serde_json::{Value, json};
use tracing::{Instrument, Span, field, info, info_span, instrument, instrument::WithSubscriber};

#[track_caller]
fn assert_contexts(events: &[Value], expected: &[(&str, Value)]) {
    let expected: Vec<_> = expected.iter().map(|(message, context)| (*message, context)).collect();
    assert_eq!(contexts(events), expected);
}

#[test]
fn an_event_has_the_fields_of_the_spans_around_it_and_inner_ones_count() {
    each_way(
        || {
            let outer = info_span!("outer", user = "ann", depth = 1).entered();
            info!("in outer");
            info_span!("inner", depth = 2).in_scope(|| info!(rows = 3, "in inner"));
            info!(depth = 9, "own fields count first");
            drop(outer);
            info!("in none");
        },
        |events| {
            assert_contexts(
                &events,
                &[
                    ("in outer", json!({"user": "ann", "depth": 1, "span": "outer"})),
                    ("in inner", json!({"user": "ann", "depth": 2, "span": "inner", "rows": 3})),
                    ("own fields count first", json!({"user": "ann", "depth": 9, "span": "outer"})),
                    ("in none", Value::Null),
                ],
            );
        },
    );
}

#[test]
fn a_spans_fields_have_groups_and_a_correlation_id() {
    each_way(
        || {
            let _span =
                info_span!("request", correlation_id = "7f3a", tags.region = "eu", metrics.size = 4, message = "m")
                    .entered();
            info!("inside");
        },
        |events| {
            let event = only(events);
            assert_eq!((&event["correlation_id"], &event["tags"]), (&json!("7f3a"), &json!({"region": "eu"})));
            assert_eq!(
                (&event["metrics"], &event["context"]),
                (&json!({"size": 4}), &json!({"message": "m", "span": "request"}))
            );
        },
    );
}

#[test]
fn the_names_of_spans_are_fields_by_setting() {
    let names_of = |names: SpanNames, expected: Value| {
        each_way_with(
            |bridge| bridge.span_names(names),
            || {
                let _outer = info_span!("outer").entered();
                info_span!("inner").in_scope(|| info!("inside"));
            },
            |events| assert_eq!(only(events)["context"], expected),
        );
    };
    names_of(SpanNames::None, Value::Null);
    names_of(SpanNames::Innermost, json!({"span": "inner"}));
    names_of(SpanNames::Path, json!({"span": "inner", "spans": ["outer", "inner"]}));
}

#[test]
fn spans_that_are_exited_out_of_order_leave_the_others_entered() {
    each_way(
        || {
            let (first, second) = (info_span!("first", a = 1), info_span!(parent: None, "second", b = 2));
            let first_entered = first.enter();
            let second_entered = second.enter();
            info!("in both, the second is current");
            drop(first_entered);
            info!("in the second");
            drop(second_entered);
            info!("in none");
        },
        |events| {
            assert_contexts(
                &events,
                &[
                    ("in both, the second is current", json!({"b": 2, "span": "second"})),
                    ("in the second", json!({"b": 2, "span": "second"})),
                    ("in none", Value::Null),
                ],
            );
        },
    );
}

#[test]
fn a_span_that_is_entered_again_is_left_by_its_last_exit() {
    each_way(
        || {
            let span = info_span!("span", a = 1);
            let outer = span.enter();
            let inner = span.enter();
            info!("twice");
            drop(inner);
            info!("once");
            let other = info_span!("other", b = 2).entered();
            let again = span.enter();
            // As in the registry: a span that is entered already is not entered anew, so the other is current.
            info!("again within another");
            drop((again, other, outer));
            info!("not at all");
        },
        |events| {
            assert_contexts(
                &events,
                &[
                    ("twice", json!({"a": 1, "span": "span"})),
                    ("once", json!({"a": 1, "span": "span"})),
                    ("again within another", json!({"a": 1, "b": 2, "span": "other"})),
                    ("not at all", Value::Null),
                ],
            );
        },
    );
}

#[test]
fn an_explicit_parent_takes_the_place_of_the_current_span() {
    each_way(
        || {
            let (parent, current) = (info_span!("parent", p = 1), info_span!("current", c = 1).entered());
            info!(parent: &parent, "of the parent");
            info!(parent: None, "of none");
            info!("of the current span");
            info_span!(parent: &parent, "child").in_scope(|| info!("of the parent's child"));
            info_span!(parent: None, "root").in_scope(|| info!("of a root"));
            info!("of the current span again");
            drop(current);
        },
        |events| {
            let current = json!({"c": 1, "span": "current"});
            assert_contexts(
                &events,
                &[
                    ("of the parent", json!({"p": 1, "span": "parent"})),
                    ("of none", Value::Null),
                    ("of the current span", current.clone()),
                    ("of the parent's child", json!({"p": 1, "span": "child"})),
                    ("of a root", json!({"span": "root"})),
                    ("of the current span again", current),
                ],
            );
        },
    );
}

#[test]
fn fields_that_are_recorded_later_count_from_then_on() {
    each_way(
        || {
            let outer = info_span!("outer", user = field::Empty, size = 1);
            let _outer = outer.enter();
            let inner = info_span!("inner", rows = field::Empty);
            let _inner = inner.enter();
            info!("before");
            inner.record("rows", 3);
            info!("the inner span's");
            outer.record("user", "ann").record("size", 2);
            info!("the outer span's");
        },
        |events| {
            assert_contexts(
                &events,
                &[
                    ("before", json!({"size": 1, "span": "inner"})),
                    ("the inner span's", json!({"size": 1, "rows": 3, "span": "inner"})),
                    ("the outer span's", json!({"size": 2, "user": "ann", "rows": 3, "span": "inner"})),
                ],
            );
        },
    );
}

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
fn a_correlation_id_may_be_recorded_later() {
    each_way(
        || {
            let span = info_span!("span", correlation_id = field::Empty);
            let _entered = span.enter();
            span.record("correlation_id", "late");
            info!("recorded");
        },
        |events| assert_eq!(only(events)["correlation_id"], json!("late")),
    );
}

#[test]
fn spans_that_a_span_follows_are_a_field_by_setting() {
    let program = || {
        let (cause, other, effect) = (info_span!("cause"), info_span!("other"), info_span!("effect"));
        effect.follows_from(&cause);
        effect.follows_from(&other);
        effect.in_scope(|| info!("inside"));
    };
    each_way(program, |events| assert_eq!(only(events)["context"], json!({"span": "effect"})));
    each_way_with(
        |bridge| bridge.follows_from(true),
        program,
        |events| assert_eq!(only(events)["context"], json!({"follows_from": ["cause", "other"], "span": "effect"})),
    );
}

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
fn fapilogs_own_macros_are_within_the_span_and_tracings_events_within_the_scope() {
    for way in Way::ALL {
        let (container, events) = started();
        let log = container.logger("own");
        let dispatch = way.dispatch(Bridge::new(log.clone()));
        tracing::dispatcher::with_default(&dispatch, || {
            let _outer = Scope::new().correlation_id("7f3a").field(FieldGroup::Context, "outer", true.into()).enter();
            let span = info_span!("span", a = 1).entered();
            let inner = Scope::new().field(FieldGroup::Context, "inner", true.into()).enter();
            fapilog::info!(log, "by fapilog");
            info!("by tracing");
            drop((inner, span));
            fapilog::info!(log, "outside of the span");
        });
        shut_down(&container);
        let events = parsed(&events);
        let inside = json!({"outer": true, "a": 1, "span": "span", "inner": true});
        assert_contexts(
            &events,
            &[("by fapilog", inside.clone()), ("by tracing", inside), ("outside of the span", json!({"outer": true}))],
        );
        assert!(events.iter().all(|event| event["correlation_id"] == "7f3a"), "{events:#?}");
    }
}

#[instrument(skip(secret), fields(tags.kind = "fill"))]
fn fill(order: u64, secret: &str) -> usize {
    info!("filling");
    secret.len()
}

#[instrument(err, ret)]
fn checked(order: u64) -> Result<u64, std::num::ParseIntError> {
    "x".parse().map(|n: u64| n + order)
}

#[test]
fn an_instrumented_function_is_a_span_with_its_arguments() {
    each_way(
        || {
            fill(42, "secret");
            checked(7).unwrap_err();
        },
        |events| {
            assert_eq!(
                (&events[0]["context"], &events[0]["tags"]),
                (&json!({"order": 42, "span": "fill"}), &json!({"kind": "fill"}))
            );
            assert_eq!((&events[1]["level"], &events[1]["context"]["span"]), (&json!("ERROR"), &json!("checked")));
            assert_eq!(events[1]["context"]["error"], json!("invalid digit found in string"));
        },
    );
}

#[test]
fn or_current_is_the_span_or_the_one_around_it() {
    each_way(
        || {
            let _outer = info_span!("outer", a = 1).entered();
            Span::none().or_current().in_scope(|| info!("in the outer span"));
            info_span!("inner").or_current().in_scope(|| info!("in the inner span"));
            Span::current().record("a", 2);
            info!("recorded by the current span");
        },
        |events| {
            assert_contexts(
                &events,
                &[
                    ("in the outer span", json!({"a": 1, "span": "outer"})),
                    ("in the inner span", json!({"a": 1, "span": "inner"})),
                    ("recorded by the current span", json!({"a": 2, "span": "outer"})),
                ],
            );
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
