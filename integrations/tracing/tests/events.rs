//! Events of tracing as events of fapilog: types, groups, places.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{error::Error, fmt, io};

use law::{contexts, each_way, each_way_with, messages, only, parsed, shut_down, started};
use serde_json::json;
use tracing::{debug, error, event, info, info_span, trace, warn};

#[test]
fn fields_have_their_types() {
    each_way(
        || {
            info!(
                small = -3_i8,
                unsigned = 7_u64,
                wide = i128::MIN,
                wide_unsigned = u128::MAX,
                ratio = 0.5,
                is_open = true,
                name = "ann",
                some = Some(4),
                none = Option::<u8>::None,
                "typed"
            );
        },
        |events| {
            let event = only(events);
            let expected: serde_json::Value = serde_json::from_str(
                r#"{"small":-3,"unsigned":7,"wide":-170141183460469231731687303715884105728,
                    "wide_unsigned":340282366920938463463374607431768211455,"ratio":0.5,"is_open":true,"name":"ann","some":4}"#,
            )
            .unwrap();
            assert_eq!(event["context"], expected);
        },
    );
}

#[test]
fn bytes_are_as_fapilogs_own_macros_log_them() {
    each_way(
        || info!(raw = &[0x66_u8, 0x61][..], "bytes"),
        |events| assert_eq!(only(events)["context"]["raw"], json!("fa")),
    );
}

#[test]
fn display_and_debug_are_texts() {
    each_way(
        || info!(address = %std::net::Ipv4Addr::LOCALHOST, list = ?[1, 2], "texts"),
        |events| assert_eq!(only(events)["context"], json!({"address": "127.0.0.1", "list": "[1, 2]"})),
    );
}

#[derive(Debug)]
struct Outer(io::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the query failed")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn an_error_has_its_sources() {
    each_way(
        || {
            let failed = Outer(io::Error::other("disk full"));
            error!(error = &failed as &(dyn Error + 'static), "failed");
        },
        |events| assert_eq!(only(events)["context"]["error"], json!("the query failed: disk full")),
    );
}

#[test]
fn a_message_is_formatted_with_its_arguments() {
    each_way(
        || info!(rows = 3, "{} rows of {:?} came in", 3, "orders"),
        |events| assert_eq!(only(events)["message"], json!("3 rows of \"orders\" came in")),
    );
}

#[test]
fn an_event_without_a_message_has_the_names_of_its_fields_for_one() {
    each_way(
        || {
            info!(rows = 3, tags.table = "orders", r#type = 1);
            info_span!("import").in_scope(|| info!(rows = 3));
            info!(parent: &info_span!("parent"), rows = 3);
            info!(parent: None, rows = 3);
            event!(name: "rows_came_in", tracing::Level::INFO, rows = 3);
            info!(a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9);
            info!(message = tracing::field::Empty, rows = 3);
        },
        |events| {
            let expected = [
                "rows, tags.table, type",
                "import: rows",
                "parent: rows",
                "rows",
                "rows_came_in",
                "a, b, c, d, e, f, g, h, ...",
                "rows",
            ];
            assert_eq!(messages(&events), expected);
            assert_eq!((&events[3]["context"], &events[3]["tags"]), (&json!({"rows": 3}), &serde_json::Value::Null));
        },
    );
}

#[test]
fn a_message_that_is_empty_is_flagged_as_fapilogs_own_is() {
    each_way(|| info!(rows = 3, ""), |events| assert_eq!(only(events)["tags"], json!({"empty_message": true})));
}

/// An error that is its own source.
#[derive(Debug)]
struct Endless;

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("endless")
    }
}

impl Error for Endless {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}

#[test]
fn an_error_that_is_its_own_source_comes_to_an_end() {
    each_way(
        || error!(error = &Endless as &(dyn Error + 'static), "failed"),
        |events| assert!(only(events)["context"]["error"].as_str().unwrap().starts_with("endless: endless: ")),
    );
}

#[test]
fn prefixes_name_groups() {
    each_way(
        || info!(tags.region = "eu", metrics.latency_ms = 1.5, context.user = 7, otel.kind = "server", "grouped"),
        |events| {
            let event = only(events);
            assert_eq!((&event["tags"], &event["metrics"]), (&json!({"region": "eu"}), &json!({"latency_ms": 1.5})));
            assert_eq!(event["context"], json!({"user": 7, "otel.kind": "server"}));
        },
    );
}

#[test]
fn levels_and_targets_are_those_of_the_call() {
    each_way(
        || {
            error!(target: "db::sql", "one");
            warn!("two");
            info!("three");
            debug!("four");
            trace!("five");
        },
        |events| {
            let levels: Vec<_> = events.iter().map(|event| event["level"].as_str().unwrap()).collect();
            assert_eq!(levels, ["ERROR", "WARNING", "INFO", "DEBUG", "TRACE"]);
            assert_eq!((&events[0]["target"], &events[1]["target"]), (&json!("db::sql"), &json!("events")));
            assert_eq!(events[0]["source"], json!("tracing"));
        },
    );
}

#[test]
fn an_event_has_its_file_and_line() {
    use fapilog::{Container, format, sink};
    let (sink, events) = sink::Memory::new(|| format::Json::new().call_site(true));
    let container = Container::builder().sink("memory", sink).start().unwrap();
    let subscriber = fapilog_tracing::Subscriber::new(container.logger("tracing"));
    let line = tracing::subscriber::with_default(subscriber, || {
        info!("located");
        line!() - 1
    });
    shut_down(&container);
    let text = only(parsed(&events)).to_string();
    assert!(text.contains(&format!("tests/events.rs:{line}")), "{text}");
}

#[test]
fn a_field_by_setting_is_the_correlation_id() {
    each_way_with(
        |bridge| bridge.correlation_fields(["request_id", "job"]),
        || {
            info!(request_id = "7f3a", user = 1, "text");
            info!(job = 42_u64, "number");
            info!(request_id = %"a b", "flagged");
            info!(correlation_id = "plain", "not among the names");
        },
        |events| {
            assert_eq!((&events[0]["correlation_id"], &events[0]["context"]), (&json!("7f3a"), &json!({"user": 1})));
            assert_eq!(events[1]["correlation_id"], json!("42"));
            assert_eq!(events[2]["tags"], json!({"invalid_correlation_id": "characters"}));
            assert_eq!(events[3]["context"], json!({"correlation_id": "plain"}));
        },
    );
}

#[test]
fn events_made_by_other_macros_are_the_same() {
    each_way(
        || {
            event!(name: "named", tracing::Level::INFO, rows = 1, "by name");
            let rows = 2;
            event!(tracing::Level::WARN, rows, "by variable");
            info!({ rows = 3 }, "in braces");
        },
        |events| {
            let expected = [
                ("by name", json!({"rows": 1})),
                ("by variable", json!({"rows": 2})),
                ("in braces", json!({"rows": 3})),
            ];
            let expected: Vec<_> = expected.iter().map(|(message, context)| (*message, context)).collect();
            assert_eq!(contexts(&events), expected);
        },
    );
}

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("on purpose");
    }
}

#[test]
fn a_panic_in_a_debug_does_not_reach_the_program() {
    each_way(
        || {
            info!(before = 1, bad = ?Panics, after = 2, "panics");
            info!("next");
        },
        |events| {
            assert_eq!(messages(&events), ["panics", "next"]);
            assert_eq!((&events[0]["context"]["before"], &events[0]["context"]["after"]), (&json!(1), &json!(2)));
            assert!(events[0]["context"]["bad"].as_str().unwrap().contains("panic"), "{}", events[0]);
        },
    );
}

/// A panic's payload that panics when it is dropped.
struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("on purpose, again");
    }
}

impl fmt::Debug for PanicsInDrop {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::panic::panic_any(PanicsInDrop);
    }
}

#[test]
fn a_panic_whose_payload_panics_does_not_reach_the_program() {
    let payload = std::mem::ManuallyDrop::new(PanicsInDrop);
    each_way_with(
        |bridge| bridge.correlation_fields(["id"]),
        || {
            let _span = info_span!("span", id = ?*payload).entered();
            info!(id = ?*payload, value = ?*payload, "panics");
        },
        |events| {
            let event = only(events);
            assert_eq!(event["message"], "panics");
            assert!(event["context"]["value"].as_str().unwrap().contains("panicked"), "{event}");
        },
    );
}

#[test]
fn a_long_field_is_cut_and_counted() {
    let (container, events) = started();
    let subscriber = fapilog_tracing::Subscriber::new(container.logger("tracing"));
    tracing::subscriber::with_default(subscriber, || info!(long = "x".repeat(2 << 20), short = 7, "long"));
    assert_eq!(shut_down(&container).cut, 1);
    assert_eq!(only(parsed(&events))["context"]["short"], json!(7));
}
