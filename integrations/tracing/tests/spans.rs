//! Spans as scopes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use fapilog::{Scope, event::FieldGroup};
use fapilog_tracing::{Bridge, SpanNames};
use law::{Way, assert_contexts, each_way, each_way_with, only, parsed, shut_down, started};
use serde_json::{Value, json};
use tracing::{Span, field, info, info_span};

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
fn a_field_that_is_recorded_again_and_again_takes_no_more_room() {
    // As often as the earlier values would fill an event's scope three times.
    const TIMES: u64 = 10_000;
    each_way(
        || {
            let span = info_span!("span", done = 0_u64, user = field::Empty, correlation_id = field::Empty);
            let _entered = span.enter();
            for n in 0..=TIMES {
                span.record("done", n);
                span.record("correlation_id", n);
            }
            span.record("user", "ann");
            info!("done");
        },
        |events| {
            let event = only(events);
            assert_eq!(event["context"], json!({"done": TIMES, "user": "ann", "span": "span"}));
            assert_eq!((&event["correlation_id"], &event["tags"]), (&json!(TIMES.to_string()), &Value::Null));
        },
    );
}

#[test]
fn a_span_that_follows_itself_or_in_a_circle_is_an_ordinary_one() {
    each_way_with(
        |bridge| bridge.follows_from(true),
        || {
            let (one, other) = (info_span!("one"), info_span!("other"));
            one.follows_from(&one);
            one.follows_from(&other);
            other.follows_from(&one);
            one.in_scope(|| info!("inside"));
        },
        |events| assert_eq!(only(events)["context"], json!({"follows_from": ["one", "other"], "span": "one"})),
    );
}

#[test]
fn a_field_that_the_span_does_not_have_is_not_recorded() {
    each_way(
        || {
            let span = info_span!("span", a = 1);
            let _entered = span.enter();
            span.record("b", 2).record("a", field::Empty);
            info!("inside");
        },
        |events| assert_eq!(only(events)["context"], json!({"a": 1, "span": "span"})),
    );
}

/// Makes a span of itself, and enters it.
struct MakesASpan;

impl std::fmt::Debug for MakesASpan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let _span = info_span!("inner", value = ?MakesASpan).entered();
        f.write_str("formatted")
    }
}

#[test]
fn a_debug_that_makes_a_span_of_itself_comes_to_an_end() {
    each_way(
        || {
            let _span = info_span!("outer", value = ?MakesASpan).entered();
            info!("inside");
        },
        |events| assert_eq!(only(events)["context"], json!({"value": "formatted", "span": "outer"})),
    );
}
