//! Whole lines.

use fapilog_engine::producer::{DynamicEvent, Logger, Scope};
use fapilog_record::{
    arguments::{Arg, End},
    call_site::{CallSite, FieldName},
    field_group::FieldGroup,
    level::Level,
    value::ValueRef,
};
use serde_json::{Value as JsonLine, json};

use crate::{json::Json, staged_log::StagedLog};

/// Everything logged so far.
fn events(log: &mut StagedLog) -> Vec<JsonLine> {
    log.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn order(log: &Logger, number: u64, price: f64) {
    const FIELDS: &[FieldName] =
        &[FieldName::new(FieldGroup::Context, "order"), FieldName::new(FieldGroup::Metrics, "price")];
    static SITE: CallSite = CallSite::new(Level::Info, "order", "tests", "tests.rs", 1, FIELDS);
    log.log(Level::Info, &SITE, (Arg(&number), (Arg(&price), End)));
}

fn text(log: &Logger, text: &str) {
    static SITE: CallSite =
        CallSite::new(Level::Warning, "text", "tests", "tests.rs", 2, &[FieldName::new(FieldGroup::Tags, "text")]);
    log.log(Level::Warning, &SITE, (Arg(text), End));
}

/// Call sites, sources, scopes and events that describe themselves, in any order: each line is that of its event.
#[test]
fn lines_do_not_depend_on_what_comes_before_them() {
    for has_context in [false, true] {
        let mut log = StagedLog::new(has_context, Json::new);
        let loggers = ["first", "second"].map(|name| log.container.logger(name));
        let scope = Scope::new().field(FieldGroup::Context, "scoped", ValueRef::U64(7));
        for number in 0..300_u64 {
            // A pattern of runs of all lengths from one to four.
            let kind = number.wrapping_mul(number / 3) % 7;
            let logger = &loggers[(number / 5 % 2) as usize];
            match kind {
                0..3 => order(logger, number, number as f64 / 8.0),
                3..5 => text(logger, &number.to_string()),
                5 => {
                    let _entered = scope.enter();
                    order(logger, number, 0.5);
                }
                _ => logger.log_dynamic(&DynamicEvent::new(Level::Error, "else", &number.to_string())),
            }
        }
        let events = events(&mut log);
        assert_eq!(events.len(), 300);
        for (number, event) in events.iter().enumerate() {
            let kind = (number as u64).wrapping_mul(number as u64 / 3) % 7;
            assert_eq!(event["source"], ["first", "second"][number / 5 % 2]);
            assert_eq!(event["event_id"].as_str().unwrap().rsplit_once('-').unwrap().1, (number + 1).to_string());
            assert_eq!(event["context"]["process_id"].is_number(), has_context);
            assert_eq!(event["context"]["scoped"].is_number(), kind == 5);
            let expected = match kind {
                0..3 => json!(["order", "INFO", number, number as f64 / 8.0, null]),
                3..5 => json!(["text", "WARNING", null, null, number.to_string()]),
                5 => json!(["order", "INFO", number, 0.5, null]),
                _ => json!([number.to_string(), "ERROR", null, null, null]),
            };
            let fields = [
                &event["message"],
                &event["level"],
                &event["context"]["order"],
                &event["metrics"]["price"],
                &event["tags"]["text"],
            ];
            assert_eq!(json!(fields), expected);
        }
    }
}

#[test]
fn what_was_cut_is_marked_and_the_next_line_is_not() {
    let mut log = StagedLog::new(false, Json::new);
    let logger = log.container.logger("test");
    text(&logger, &"long ".repeat(1000));
    text(&logger, "short");
    let [cut, whole] = &events(&mut log)[..] else { panic!("two events") };
    assert_eq!((&cut["truncated"], &whole["truncated"]), (&json!(true), &json!(null)));
    assert!(cut["tags"]["text"].as_str().unwrap().starts_with("long long"));
    assert_eq!(whole["tags"]["text"], "short");
}

#[test]
fn not_utf_8_names_every_field_once_whatever_its_key() {
    let mut log = StagedLog::new(false, Json::new);
    let logger = log.container.logger("test");
    let bad = ValueRef::Bytes(b"\xff");
    let event = DynamicEvent::new(Level::Info, "tests", "")
        .field(FieldGroup::Message, "", bad)
        .field(FieldGroup::Context, "a \"key\"\\\n", bad)
        .field(FieldGroup::Context, "a \"key\"\\\n", bad)
        .field(FieldGroup::Tags, "good", ValueRef::Text("\\"))
        .field(FieldGroup::Metrics, "", bad);
    logger.log_dynamic(&event);
    text(&logger, "good");
    let [marked, good] = &events(&mut log)[..] else { panic!("two events") };
    assert_eq!(marked["not_utf8"], json!(["message", "context.a \"key\"\\\n", "metrics."]));
    assert_eq!(marked["context"], json!({"a \"key\"\\\n": "\\xff"}));
    assert_eq!(marked["tags"]["good"], "\\");
    assert_eq!(good["not_utf8"], json!(null));
}

#[test]
fn a_key_that_comes_twice_is_written_once() {
    let mut log = StagedLog::new(true, Json::new);
    const FIELDS: &[FieldName] = &[
        FieldName::new(FieldGroup::Context, "key"),
        FieldName::new(FieldGroup::Context, "key"),
        FieldName::new(FieldGroup::Tags, "key"),
    ];
    static SITE: CallSite = CallSite::new(Level::Info, "twice", "tests", "tests.rs", 3, FIELDS);
    let logger = log.container.logger("test");
    logger.log(Level::Info, &SITE, (Arg(&1), (Arg(&2), (Arg(&3), End))));
    let line = log.lines().concat();
    assert_eq!(line.matches("\"key\":").count(), 2, "{line}");
    assert!(line.contains("\"key\":1") && line.contains("\"key\":3"), "{line}");
}
