//! Log calls, scopes and child loggers as the macros write them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::collections::HashMap;

use fapilog::{
    Container, Level, Logger, child, event,
    event::{Batch, Category, FieldGroup, Value, ValueRef},
    info,
    level::{Directives, LevelFilter},
    plugin::PluginError,
    process::Processor,
    scope, warn,
};
use law::{delivered, delivered_by, end, parsed, started_manual};
use serde_json::{Value as Json, json};

#[test]
fn a_placeholder_takes_the_field_of_that_name() {
    let event = delivered(|log| info!(log, "order {order_id} of {tags.region}", order_id = 7, tags.region = "eu"));
    assert_eq!(event["message"], "order 7 of eu");
    assert_eq!((&event["context"], &event["tags"]), (&json!({"order_id": 7}), &json!({"region": "eu"})));
}

#[test]
fn a_placeholder_takes_a_variable_and_makes_it_a_field() {
    let (took, who) = (1.5, Some("ada"));
    let event = delivered(|log| info!(log, "took {took} by {who:?}"));
    assert_eq!(event["message"], r#"took 1.5 by Some("ada")"#);
    assert_eq!(event["context"], json!({"took": 1.5, "who": "Some(\"ada\")"}));
}

#[test]
fn a_placeholder_of_the_context_may_be_of_a_scope_or_a_child() {
    let event = delivered(|log| info!(log, "{context.a}", a = 1));
    assert_eq!(event["message"], "1");
    let event = delivered(|log| info!(child!(log, a = 2, tags.a = 3), "{context.a} {tags.a}"));
    assert_eq!(event["message"], "2 3");
    let event = delivered(|log| {
        let _entered = scope!(a = 4, tags.a = 5).enter();
        info!(log, "{context.a} {tags.a}");
    });
    assert_eq!(event["message"], "4 5");
}

#[test]
fn doubled_braces_are_single_ones() {
    let x = 1;
    assert_eq!(delivered(|log| info!(log, "{{x}} is {x}"))["message"], "{x} is 1");
    assert_eq!(delivered(|log| info!(log, "{{x}}"))["message"], "{x}");
    assert_eq!(delivered(|log| info!(log, r"\{{x}}", x))["message"], r"\{x}");
}

#[test]
fn a_placeholder_works_at_every_kind_of_call() {
    let x = 7;
    assert_eq!(delivered(|log| event!(Level::Info, log, "x is {x}"))["message"], "x is 7");
    let level = [Level::Info, Level::Error][x - 6];
    assert_eq!(delivered(|log| event!(level, log, "x is {x}"))["message"], "x is 7");
    assert_eq!(delivered(|log| info!(child!(log, y = 2), "x is {x}"))["message"], "x is 7");
    macro_rules! logged {
        ($log:expr, $message:literal) => {
            info!($log, $message, x = 8)
        };
    }
    assert_eq!(delivered(|log| logged!(log, "x is {x}"))["message"], "x is 8");
}

/// Replaces the field `card`.
struct HidesCards;

impl Processor for HidesCards {
    fn name(&self) -> &'static str {
        "hides_cards"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        for event in batch.events_mut() {
            event.set_field(FieldGroup::Context, "card", ValueRef::Text("***"));
        }
        Ok(())
    }
}

#[test]
fn a_message_shows_what_a_redactor_makes_of_a_field() {
    let card = "4111111111111111";
    let builder = Container::builder().redactor(|_| Box::new(HidesCards));
    let event = delivered_by(builder, |log| info!(log, "paid by {card}"));
    assert_eq!((&event["message"], &event["context"]), (&json!("paid by ***"), &json!({"card": "***"})));
}

#[test]
fn a_message_without_placeholders_may_hold_what_a_value_holds() {
    let text = "{x}";
    assert_eq!(delivered(|log| info!(log, text))["message"], "{x}");
    assert_eq!(delivered(|log| info!(log, "read {text}"))["message"], "read {x}");
}

#[test]
fn only_a_literal_has_placeholders() {
    const M: &str = "const {y}";
    let y = 1;
    let event = delivered(|log| info!(log, M, y));
    assert_eq!((&event["message"], &event["context"]), (&json!("const {y}"), &json!({"y": 1})));
}

#[test]
fn a_variable_may_stand_in_a_message_twice() {
    let x = Some(1);
    let event = delivered(|log| info!(log, "{x:?} and {x:?}"));
    assert_eq!((&event["message"], &event["context"]), (&json!("Some(1) and Some(1)"), &json!({"x": "Some(1)"})));
}

#[test]
fn a_severity_out_of_range_that_no_literal_has_is_clamped() {
    const TOO_HIGH: u8 = 11;
    let low = 0;
    assert_eq!(delivered(|log| info!(log, "m", severity: TOO_HIGH))["severity"], 10);
    assert_eq!(delivered(|log| info!(log, "m", severity: 5 + 7))["severity"], 10);
    assert_eq!(delivered(|log| info!(log, "m", severity: low))["severity"], 1);
}

#[test]
fn a_long_message_of_placeholders_is_cut_and_named() {
    let long = "x".repeat(30_000);
    let event = delivered(|log| info!(log, "{long}{long}{long}"));
    assert_eq!(event["message"].as_str().unwrap().len(), 64 * 1024);
    assert_eq!((&event["truncated"], &event["truncated_fields"]), (&json!(true), &json!(["message"])));
}

#[test]
fn a_target_may_be_given_and_decides_about_the_level() {
    let builder = || {
        Container::builder().level(Directives::new(LevelFilter::Off).target("db", LevelFilter::AtLeast(Level::Info)))
    };
    let targets = ["web", "db::pool"];
    let event = delivered_by(builder(), |log| {
        info!(log, "fixed", target: "web");
        info!(log, "run time", target: targets[0]);
        info!(log, "run time", target: targets[1], pool = 3);
    });
    assert_eq!((&event["target"], &event["context"]), (&json!("db::pool"), &json!({"pool": 3})));
    let event = delivered_by(builder(), |log| warn!(log, "fixed", target: "db"));
    assert_eq!(event["target"], "db");
}

#[test]
fn a_target_may_be_any_expression_that_is_text() {
    struct Owner {
        t: String,
    }
    fn same(text: &str) -> &str {
        text
    }
    let (t, o, b) = (String::from("x"), Owner { t: String::from("x") }, true);
    let shared: std::sync::Mutex<Owner> = std::sync::Mutex::new(Owner { t: String::from("x") });
    let (container, mut drain, events) = started_manual(Container::builder());
    let log = container.logger("calls");
    let level = Level::Info;
    macro_rules! at_every_kind_of_call {
        ($($target:expr),* $(,)?) => {$(
            info!(log, "m", target: $target);
            event!(Level::Info, log, "m", target: $target, b);
            event!(level, log, "m {b}", target: $target);
            // There is no global container.
            info!("m", target: $target);
            event!(level, "m", target: $target, b);
        )*};
    }
    at_every_kind_of_call!(&t, o.t, t.replace('y', "z"));
    info!(log, "m", target: t);
    info!(log, "m", target: &t);
    info!(log, "m", target: &&t);
    info!(log, "m", target: t.as_str());
    info!(log, "m", target: &*t);
    info!(log, "m", target: &o.t);
    info!(log, "m", target: same(&t));
    info!(log, "m", target: same(&String::from("x")));
    info!(log, "m", target: format!("{}", 'x'));
    info!(log, "m", target: if b { "x" } else { "y" });
    info!(log, "m", target: o.t.strip_suffix("y").unwrap_or("x"));
    info!(log, "m", target: shared.lock().unwrap().t, b = shared.is_poisoned());
    info!("m", target: &t);
    info!("m", target: t.replace('y', "z"), b);
    event!(Level::Info, log, "m", target: same(&t.replace('y', "z")));
    event!(level, log, "m", target: if b { "x" } else { "y" });
    end(&container, &mut drain);
    let targets: Vec<Json> = parsed(&events).iter().map(|event| event["target"].clone()).collect();
    assert_eq!(targets, ["x"; 3 * 3 + 14]);
}

#[test]
fn a_target_is_evaluated_once() {
    let count = std::cell::Cell::new(0);
    let next = || {
        count.set(count.get() + 1);
        format!("x{}", count.get())
    };
    assert_eq!(delivered(|log| info!(log, "m", target: next()))["target"], "x1");
    info!("m", target: next());
    assert_eq!(count.get(), 2);
}

#[test]
fn a_logger_may_be_borrowed_from_what_a_function_returns() {
    struct Server(Logger);
    impl Server {
        fn log(&self) -> &Logger {
            &self.0
        }
    }
    let event = delivered(|log| {
        let server = std::sync::Mutex::new(Server(log.clone()));
        info!(server.lock().unwrap().log(), "m", target: String::from("x"), a = 1)
    });
    assert_eq!((&event["target"], &event["context"]), (&json!("x"), &json!({"a": 1})));
}

#[test]
fn a_message_by_its_text_needs_no_logger() {
    let name = String::from("orders");
    // There is no global container: nothing is evaluated.
    info!(%{ assert!(name.is_empty()); &name }, key = 1);
}

#[test]
fn a_value_over_lines_keeps_its_lines() {
    let event = delivered(|log| info!(log, "m", value = #?Some(1)));
    assert_eq!(event["context"]["value"], "Some(\n    1,\n)");
}

#[test]
fn a_raw_identifier_is_a_key_without_its_mark() {
    let r#type = "limit";
    assert_eq!(delivered(|log| info!(log, "m", r#type))["context"], json!({"type": "limit"}));
    assert_eq!(delivered(|log| info!(log, "a {type}", r#type))["message"], "a limit");
    assert_eq!(delivered(|log| info!(log, "m", r#fn = 1, tags.r#match = 2))["tags"], json!({"match": 2}));
}

#[test]
fn a_child_and_a_scope_take_fields_as_a_call_does() {
    let (order_id, address) = (7, std::net::Ipv4Addr::LOCALHOST);
    let fields = json!({"order_id": 7, "address": "127.0.0.1", "peers": ["a", "b"], "shown": "7"});
    let of_child = delivered(|log| {
        let log = child!(log, order_id, %address, peers = ["a", "b"], shown = %order_id, tags.region = "eu");
        info!(log, "m");
    });
    assert_eq!((&of_child["context"], &of_child["tags"]), (&fields, &json!({"region": "eu"})));
    let of_scope = delivered(|log| {
        let _entered = scope!(
            correlation_id: String::from("7f3a"), order_id, %address, peers = ["a", "b"], shown = %order_id
        )
        .enter();
        info!(log, "m");
    });
    assert_eq!((&of_scope["context"], &of_scope["correlation_id"]), (&fields, &json!("7f3a")));
    let named = delivered(|log| scope!(task: "settlement").wrap(|| info!(log, "m"))());
    assert_eq!(named["context"], json!({"task": "settlement"}));
}

#[test]
fn generic_arguments_and_comparisons_stand_in_values() {
    fn first<A: Copy, B>(a: A, _: B) -> A {
        a
    }
    let (x, y) = (1, 2);
    let event = delivered(|log| {
        info!(
            log,
            "m",
            a = first::<u8, HashMap<u8, u8>>(3, HashMap::new()),
            b = x < y,
            c = x as u64,
            d = y > x,
            e = 1 << y
        );
    });
    assert_eq!(event["context"], json!({"a": 3, "b": true, "c": 1, "d": true, "e": 4}));
}

#[test]
fn an_operator_in_a_value_needs_no_parentheses() {
    let (x, pair) = (2, (1, "a"));
    let event =
        delivered(|log| info!(log, "m", a = ?0..x, b = ?..=x, c = x + 1, d = -x, e = pair.1, f = !pair.1.is_empty()));
    let expected = json!({"a": "0..2", "b": "..=2", "c": 3, "d": -2, "e": "a", "f": true});
    assert_eq!(event["context"], expected);
}

#[test]
fn options_stand_in_a_call_with_placeholders() {
    let id = 3;
    let event = delivered(|log| info!(log, "order {id}", category: Category::Business, severity: 6, target: "orders"));
    assert_eq!(
        (&event["message"], &event["category"], &event["severity"], &event["target"]),
        (&json!("order 3"), &json!("BUSINESS"), &json!(6), &json!("orders"))
    );
}

#[test]
fn a_generic_function_may_log_a_message_with_a_placeholder() {
    fn log_one<T: Value>(log: &Logger, value: T) {
        info!(log, "value {value}");
    }
    let (container, mut drain, events) = started_manual(Container::builder());
    let log = container.logger("calls");
    log_one(&log, 1_u8);
    log_one(&log, "text");
    end(&container, &mut drain);
    let messages: Vec<Json> = parsed(&events).iter().map(|event| event["message"].clone()).collect();
    assert_eq!(messages, ["value 1", "value text"]);
}
