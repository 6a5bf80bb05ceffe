//! Whole lines, of call sites and of events that describe themselves.

use fapilog_engine::producer::{DynamicEvent, Logger, Scope};
use fapilog_plugin::{formatter::Formatter, testing::TestBatches};
use fapilog_record::{
    arguments::{Arg, End},
    call_site::{CallSite, FieldName},
    field_group::FieldGroup,
    level::Level,
    value::ValueRef,
};

use crate::{Logfmt, Minimal, Pretty, Simple, staged_log::StagedLog, text::reader::logfmt};

/// A call site with a field in each part of the event.
fn order(log: &Logger, number: u64, price: f64) {
    const FIELDS: &[FieldName] = &[
        FieldName::new(FieldGroup::Metrics, "price"),
        FieldName::new(FieldGroup::Context, "order"),
        FieldName::new(FieldGroup::Tags, "region"),
    ];
    static SITE: CallSite = CallSite::new(Level::Info, "order filled", "engine::orders", "tests.rs", 1, FIELDS);
    log.log(Level::Info, &SITE, (Arg(&price), (Arg(&number), (Arg("eu"), End))));
}

/// A call site whose message is an argument.
fn text(log: &Logger, text: &str) {
    const FIELDS: &[FieldName] =
        &[FieldName::new(FieldGroup::Message, ""), FieldName::new(FieldGroup::Context, "error")];
    static SITE: CallSite = CallSite::new(Level::Error, "", "engine::orders", "tests.rs", 2, FIELDS);
    log.log(Level::Error, &SITE, (Arg(text), (Arg("connect: connection refused"), End)));
}

/// The events of `write`, in one line of each; without the timestamp.
fn line<F: Formatter + 'static>(formatter: fn() -> F, write: impl FnOnce(&Logger)) -> String {
    let mut log = StagedLog::new(false, formatter);
    write(&log.container.logger("matching-engine"));
    let [line] = &log.lines()[..] else { panic!("one event") };
    line.clone()
}

/// Whatever stands in front of the first space is the time.
fn untimed(line: &str) -> &str {
    line.split_once(' ').unwrap().1
}

#[test]
fn a_simple_line_is_as_documented() {
    let line = line(Simple::new, |log| order(log, 42, 101.25));
    let expected = "INFO matching-engine [engine::orders] order filled order=42 tags.region=eu metrics.price=101.25";
    assert_eq!(untimed(&line), expected);
}

#[test]
fn a_line_of_logfmt_is_as_documented() {
    let line = line(Logfmt::new, |log| order(log, 42, 101.25));
    let (front, end) = untimed(&line).split_once(" event_id=").unwrap();
    assert!(line.starts_with("time="));
    assert_eq!(front, "level=INFO severity=3 category=SYSTEM source=matching-engine target=engine::orders");
    let (id, end) = end.split_once(' ').unwrap();
    assert!(id.ends_with("-1"));
    assert_eq!(end, "msg=\"order filled\" order=42 tags.region=eu metrics.price=101.25");
}

#[test]
fn a_minimal_line_is_level_and_message() {
    assert_eq!(line(Minimal::new, |log| order(log, 42, 101.25)), "INFO order filled");
    assert_eq!(line(Minimal::new, |log| text(log, "gave up")), "ERROR gave up");
}

#[test]
fn a_pretty_line_is_as_documented() {
    let line = line(Pretty::new, |log| text(log, "gave up"));
    let expected = "ERROR    matching-engine [engine::orders] gave up error=\"connect: connection refused\"";
    assert_eq!(untimed(&line), expected);
}

#[test]
fn a_pretty_line_has_its_colors_where_they_are_wanted() {
    let line = line(|| Pretty::new().colors(true), |log| text(log, "gave up"));
    let expected = "\x1b[31mERROR\x1b[0m    \x1b[2mmatching-engine\x1b[0m \x1b[2m[engine::orders]\x1b[0m \
        \x1b[1mgave up\x1b[0m \x1b[2merror=\x1b[0;31m\"connect: connection refused\"\x1b[0m";
    assert_eq!(untimed(&line), expected);
}

#[test]
fn what_was_cut_is_marked_and_the_next_line_is_not() {
    fn check<F: Formatter + 'static>(formatter: fn() -> F) {
        let mut log = StagedLog::new(false, formatter);
        let logger = log.container.logger("test");
        text(&logger, &"long ".repeat(1000));
        text(&logger, "short");
        let [cut, whole] = &log.lines()[..] else { panic!("two events") };
        assert!(cut.ends_with(" truncated=true truncated_fields=[msg]"), "{cut}");
        assert!(!whole.contains("truncated"), "{whole}");
    }
    check(Simple::new);
    check(Logfmt::new);
    check(Minimal::new);
    check(Pretty::new);
}

#[test]
fn logfmt_names_every_key_whose_bytes_were_marked() {
    let bad = ValueRef::Bytes(b"caf\xe9 \\");
    let event = DynamicEvent::new(Level::Info, "tests", "")
        .field(FieldGroup::Message, "", bad)
        .field(FieldGroup::Context, "a b", bad)
        .field(FieldGroup::Tags, "good", ValueRef::Text("\\"));
    let line = line(Logfmt::new, |log| log.log_dynamic(&event));
    assert!(
        line.ends_with(r#"msg="caf\\xe9 \\\\" a%20b="caf\\xe9 \\\\" tags.good="\\" not_utf8=[msg,a%20b]"#),
        "{line}"
    );
}

#[test]
fn for_people_a_byte_that_is_not_utf_8_is_an_escape() {
    let event =
        DynamicEvent::new(Level::Info, "tests", "").field(FieldGroup::Message, "", ValueRef::Bytes(b"caf\xe9 \\"));
    assert_eq!(line(Minimal::new, |log| log.log_dynamic(&event)), r#"INFO "caf\xe9 \\""#);
}

/// Call sites, sources, scopes and events that describe themselves, in any order: each line is that of its event.
#[test]
fn lines_do_not_depend_on_what_comes_before_them() {
    for has_context in [false, true] {
        let mut log = StagedLog::new(has_context, Logfmt::new);
        let loggers = ["first", "second"].map(|name| log.container.logger(name));
        let scope = Scope::new().correlation_id("7f3a").field(FieldGroup::Context, "scoped", ValueRef::U64(7));
        let kind_of = |number: u64| number.wrapping_mul(number / 3) % 7;
        for number in 0..300_u64 {
            let logger = &loggers[(number / 5 % 2) as usize];
            match kind_of(number) {
                0..3 => order(logger, number, number as f64 / 8.0),
                3..5 => text(logger, &number.to_string()),
                5 => {
                    let _entered = scope.enter();
                    order(logger, number, 0.5);
                }
                _ => logger.log_dynamic(&DynamicEvent::new(Level::Error, "else", &number.to_string())),
            }
        }
        let lines = log.lines();
        assert_eq!(lines.len(), 300);
        for (number, line) in (0_u64..).zip(&lines) {
            let pairs = logfmt(line);
            let of = |key: &str| pairs.iter().find(|(of, _)| of == key).map(|(_, value)| value.as_str());
            let kind = kind_of(number);
            let text = number.to_string();
            assert_eq!(of("source"), Some(["first", "second"][(number / 5 % 2) as usize]));
            assert_eq!(of("event_id").unwrap().rsplit_once('-').unwrap().1, (number + 1).to_string());
            assert_eq!(of("msg"), Some(if matches!(kind, 0..3 | 5) { "order filled" } else { &text }));
            assert_eq!(of("order"), matches!(kind, 0..3 | 5).then_some(text.as_str()));
            assert_eq!(of("error").is_some(), matches!(kind, 3..5));
            assert_eq!(
                (of("scoped"), of("correlation_id")),
                if kind == 5 { (Some("7"), Some("7f3a")) } else { (None, None) }
            );
            assert_eq!(of("process_id").is_some(), has_context);
        }
    }
}

#[test]
fn a_call_sites_clashing_field_comes_behind_field_and_a_key_that_comes_twice_once() {
    const FIELDS: &[FieldName] = &[
        FieldName::new(FieldGroup::Context, "level"),
        FieldName::new(FieldGroup::Context, "key"),
        FieldName::new(FieldGroup::Context, "key"),
        FieldName::new(FieldGroup::Tags, "key"),
        FieldName::new(FieldGroup::Context, "tags.key"),
    ];
    static SITE: CallSite = CallSite::new(Level::Info, "twice", "tests", "tests.rs", 3, FIELDS);
    let write = |log: &Logger| {
        log.log(Level::Info, &SITE, (Arg("mine"), (Arg(&1), (Arg(&2), (Arg(&3), (Arg(&4), End))))));
    };
    let end = "field.level=mine key=1 field.tags.key=4 tags.key=3";
    assert_eq!(line(Logfmt::new, write).split_once("msg=twice ").unwrap().1, end);
    assert_eq!(line(Simple::new, write).split_once(" twice ").unwrap().1, end);
}

#[test]
fn of_two_scopes_the_inner_ones_value_counts() {
    let scope = |value| Scope::new().field(FieldGroup::Context, "key", ValueRef::U64(value));
    let write = |log: &Logger| {
        let (outer, inner) = (scope(1), scope(2));
        let _outer = outer.enter();
        let _inner = inner.enter();
        order(log, 42, 101.25);
    };
    let line = line(Simple::new, write);
    assert!(line.ends_with("order filled order=42 key=2 tags.region=eu metrics.price=101.25"), "{line}");
}

#[test]
fn a_text_of_a_mebibyte_reads_back() {
    let text = "\x1b\u{202e} \"=\\\n".repeat((1 << 20) / 9);
    let mut record = fapilog_record::head::Head { source: 0, is_cut: false, scope_bytes: 0 }.to_bytes().to_vec();
    record.extend_from_slice(&[Level::Info as u8, 0]);
    fapilog_record::dynamic::put_field(&mut record, FieldGroup::Context, "long", ValueRef::Text(&text));
    let line = TestBatches::new().record::<End, _>(&record, |batch| {
        let mut out = Vec::new();
        Logfmt::new().format(batch, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    });
    let pairs = logfmt(line.unwrap().trim_end_matches('\n'));
    assert_eq!(pairs.last().unwrap(), &("long".to_owned(), text));
}
