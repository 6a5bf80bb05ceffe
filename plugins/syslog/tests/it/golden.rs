//! The bytes of messages.

use std::{process, time::Instant};

use fapilog_format::{Json, Minimal};
use fapilog_plugin::{
    event::Batch,
    field_group::FieldGroup,
    formatter::Formatter,
    level::Level,
    record_end::RecordEnd,
    testing::{TestBatches, TestEvent, test_event},
    timestamp::Timestamp,
    value::ValueRef,
};
use fapilog_syslog::{Facility, MessageIdSource, PrioritySource, StructuredData, SyslogFormat, SyslogTime};

use crate::message::parse;

/// 2026-11-24T10:00:00.123456789Z.
const NOW: u64 = 1_795_514_400_123_456_789;

pub(crate) fn lines(format: &SyslogFormat, events: &[TestEvent<'_>]) -> String {
    format_batch(events, |batch| {
        let mut out = Vec::new();
        format.formatter().format(batch, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    })
}

fn format_batch<R>(events: &[TestEvent<'_>], test: impl FnOnce(&mut Batch<'_>) -> R) -> R {
    TestBatches::new().taken(Timestamp::from_unix_nanos(NOW), Instant::now()).source("orders").events(events, test)
}

/// The line of an event, with `PID` in the place of the process id.
fn line(format: &SyslogFormat, event: TestEvent<'_>) -> String {
    let line = lines(format, &[event]);
    let pid = process::id().to_string();
    line.strip_suffix('\n').unwrap().replacen(&format!(" {pid} "), " PID ", 1).replacen(&format!("[{pid}]"), "[PID]", 1)
}

fn rfc5424() -> SyslogFormat {
    SyslogFormat::rfc5424().hostname("host.example.com").app_name("shop").structured_data(StructuredData::Fields)
}

fn rfc3164() -> SyslogFormat {
    SyslogFormat::rfc3164().hostname("host").app_name("shop").time(SyslogTime::Utc)
}

fn filled() -> TestEvent<'static> {
    test_event("order filled")
        .target("shop::orders")
        .field(FieldGroup::Context, "order", ValueRef::U64(42))
        .field(FieldGroup::Tags, "region", ValueRef::Text("eu"))
        .field(FieldGroup::Metrics, "cost", ValueRef::F64(0.5))
}

#[test]
fn a_message_by_rfc_5424_has_header_structured_data_and_text() {
    let line = line(&rfc5424(), filled());
    let expected = "<14>1 2026-11-24T10:00:00.123456Z host.example.com shop PID SYSTEM \
                    [fapilog@32473 order=\"42\" tags.region=\"eu\" metrics.cost=\"0.5\"] order filled";
    assert_eq!(line, expected);
}

#[test]
fn all_structured_data_names_the_parts_of_the_event() {
    let event = filled().level(Level::Error).field(FieldGroup::CorrelationId, "", ValueRef::Text("7f3a"));
    let line = line(&rfc5424().structured_data(StructuredData::All), event);
    let expected = "<11>1 2026-11-24T10:00:00.123456Z host.example.com shop PID ERROR \
                    [fapilog@32473 level=\"ERROR\" category=\"ERROR\" source=\"orders\" target=\"shop::orders\" \
                    event_id=\"000000000000-1-1\" correlation_id=\"7f3a\" \
                    order=\"42\" tags.region=\"eu\" metrics.cost=\"0.5\"] order filled";
    assert_eq!(line, expected);
}

#[test]
fn a_message_without_structured_data_has_a_hyphen() {
    let line = line(&rfc5424().structured_data(StructuredData::None), filled());
    assert!(line.ends_with(" SYSTEM - order filled"), "{line}");
}

#[test]
fn a_message_without_text_ends_behind_the_structured_data() {
    let line = line(&rfc5424(), test_event(""));
    assert!(line.ends_with(" SYSTEM -"), "{line}");
    assert_eq!(parse(line.as_bytes()).text, None);
}

#[test]
fn all_elements_stand_one_behind_the_other() {
    let format = rfc5424()
        .sd_id("shop@32473.7")
        .time_quality(true)
        .origin(true)
        .software_version("1.2.0")
        .sequence_id(true)
        .byte_order_mark(true);
    let expected = "[timeQuality tzKnown=\"1\"][origin enterpriseId=\"32473.7\" software=\"shop\" swVersion=\"1.2.0\"]\
                    [meta sequenceId=\"1\"][shop@32473.7 order=\"42\" tags.region=\"eu\" metrics.cost=\"0.5\"] \
                    \u{feff}order filled";
    let line = line(&format, filled());
    assert!(line.ends_with(expected), "{line}");
}

#[test]
fn messages_are_numbered_across_the_formatters_of_a_format() {
    let format = rfc5424().sequence_id(true);
    let numbers: Vec<String> = (0..2)
        .flat_map(|_| {
            let lines = lines(&format, &[test_event("a"), test_event("b")]);
            lines
                .lines()
                .map(|line| parse(line.as_bytes()).param("meta", "sequenceId").unwrap().to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(numbers, ["1", "2", "3", "4"]);
}

#[test]
fn each_level_has_its_severity() {
    for (level, severity) in [
        (Level::Trace, 7),
        (Level::Debug, 7),
        (Level::Info, 6),
        (Level::Audit, 5),
        (Level::Warning, 4),
        (Level::Error, 3),
        (Level::Critical, 2),
        (Level::Security, 1),
    ] {
        let message = parse(line(&rfc5424().facility(Facility::Local7), test_event("a").level(level)).as_bytes());
        assert_eq!((message.facility(), message.severity()), (23, severity), "{level}");
    }
}

#[test]
fn the_severity_of_an_event_is_that_of_the_message_where_it_is_asked_for() {
    let format = rfc5424().priority_from(PrioritySource::Severity);
    let event = test_event("a").field(FieldGroup::Severity, "", ValueRef::U64(9));
    assert_eq!(parse(line(&rfc5424(), event.clone()).as_bytes()).severity(), 6);
    // The engine applies an event's own severity; without it, the severity is that of the level.
    assert_eq!(parse(line(&format, test_event("a").level(Level::Critical)).as_bytes()).severity(), 1);
    assert_eq!(parse(line(&format, test_event("a").level(Level::Audit)).as_bytes()).severity(), 2);
}

#[test]
fn the_message_id_is_the_part_of_the_event_that_is_asked_for() {
    let id = |format: SyslogFormat| parse(line(&format, filled()).as_bytes()).message_id;
    assert_eq!(id(rfc5424().message_id(MessageIdSource::Target)).unwrap(), "shop::orders");
    assert_eq!(id(rfc5424().message_id(MessageIdSource::Source)).unwrap(), "orders");
    assert_eq!(id(rfc5424().message_id_text("ORDERS")).unwrap(), "ORDERS");
    assert_eq!(id(rfc5424().message_id(MessageIdSource::None)), None);
    let long = test_event("a").target("a::target with spaces that is longer than it may be");
    let line = line(&rfc5424().message_id(MessageIdSource::Target), long);
    assert_eq!(parse(line.as_bytes()).message_id.unwrap(), "a::target_with_spaces_that_is_lo");
}

#[test]
fn values_of_parameters_are_escaped_and_have_no_control_characters() {
    let event = test_event("a").field(FieldGroup::Context, "text", ValueRef::Text("a\"b\\c]d\ne\u{1b}ü"));
    let line = line(&rfc5424(), event);
    assert!(line.contains(r#"text="a\"b\\c\]d\\ne\\u001bü""#), "{line}");
    assert_eq!(parse(line.as_bytes()).param("fapilog@32473", "text").unwrap(), "a\"b\\c]d\\ne\\u001bü");
}

#[test]
fn names_of_parameters_are_printable_ascii_of_32_bytes() {
    let event = test_event("a")
        .field(FieldGroup::Context, "a name=with]\"things\" that is long", ValueRef::Bool(true))
        .field(FieldGroup::Context, "level", ValueRef::Text("7"));
    let message = parse(line(&rfc5424(), event).as_bytes());
    let names: Vec<&str> = message.elements[0].params.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a%20name%3Dwith%5D%22things%22%2", "field.level"]);
}

#[test]
fn control_characters_of_a_message_are_escaped() {
    let line = line(&rfc5424(), test_event("two\nlines \u{1b}[31m \u{202e}"));
    assert!(line.ends_with(r"- two\nlines \u001b[31m \u202e"), "{line}");
}

#[test]
fn the_text_of_another_formatter_is_the_message() {
    let format = rfc5424().structured_data(StructuredData::None).content(Json::new);
    let line = line(&format, filled());
    let text = parse(line.as_bytes()).text.unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["context"]["order"], 42, "{text}");
}

#[test]
fn a_message_by_rfc_3164_has_time_host_tag_and_text() {
    let format = rfc3164().facility(Facility::Authpriv);
    assert_eq!(line(&format, filled()), "<86>Nov 24 10:00:00 host shop[PID]: order filled");
    let format = rfc3164().app_name("a:long[tag]-that-is-longer-than-32-bytes").content(Minimal::new);
    let line = line(&format, filled());
    assert!(line.starts_with("<14>Nov 24 10:00:00 host a_long_tag_-that-is-longer-than-[PID]: INFO"), "{line}");
}

#[test]
fn a_message_that_is_too_long_is_cut_and_marked() {
    let text = "ü".repeat(500);
    let event = test_event(&text)
        .field(FieldGroup::Context, "first", ValueRef::U64(1))
        .field(FieldGroup::Context, "long", ValueRef::Text(&text))
        .field(FieldGroup::Context, "last", ValueRef::U64(2));
    let line = line(&rfc5424().max_message_bytes(600), event);
    let message = parse(line.as_bytes());
    let params: Vec<&str> = message.elements[0].params.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(params, ["truncated", "first", "last"]);
    assert!(text.starts_with(&message.text.unwrap()));
    let pid_bytes = process::id().to_string().len();
    assert!((598..=600).contains(&(line.len() - 3 + pid_bytes)), "{}", line.len());
}

#[test]
fn the_text_of_a_message_has_half_of_its_room_where_both_are_long() {
    let text = "x".repeat(2000);
    let names: Vec<String> = (0..100).map(|n| format!("field{n}")).collect();
    let event = names
        .iter()
        .fold(test_event(&text), |event, name| event.field(FieldGroup::Context, name, ValueRef::Text("some text")));
    let line = line(&rfc5424().max_message_bytes(1000), event);
    let message = parse(line.as_bytes());
    assert!(message.text.unwrap().len() > 400 && message.elements[0].params.len() > 10, "{line}");
}

#[test]
fn a_message_by_rfc_3164_is_cut_at_a_character() {
    let text = "ü".repeat(2000);
    let line = line(&rfc3164(), test_event(&text));
    assert!((1010..=1024).contains(&line.len()), "{}", line.len());
    assert!(line.ends_with('ü'));
}

#[test]
fn a_sink_finds_the_ends_of_messages_by_their_line_feeds() {
    assert_eq!(rfc5424().formatter().record_end(), RecordEnd::LineFeed);
    let lines = lines(&rfc5424(), &[test_event("a\nb"), test_event("c")]);
    assert_eq!(lines.lines().count(), 2);
}
