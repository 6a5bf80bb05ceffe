//! Lines of the pretty format, as they stand on a terminal.

use std::{fmt, time::Duration};

use fapilog_engine::producer::{DynamicEvent, Logger};
use fapilog_record::{
    arguments::{Arg, End},
    call_site::{CallSite, FieldName},
    field_group::FieldGroup,
    level::Level,
    value::{ValueRef, debug, display, error_chain},
};

use crate::{LineTime, Pretty, staged_log::StagedLog};

#[derive(Debug)]
#[expect(dead_code, reason = "its Debug is looked at")]
struct Order {
    id: u32,
    note: &'static str,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot open the book")]
struct CannotOpen(#[source] NotAllowed);

#[derive(Debug, thiserror::Error)]
#[error("permission: denied\nby policy")]
struct NotAllowed;

const ORDER: Order = Order { id: 42, note: "late\nlevel=INFO" };

fn pretty() -> Pretty {
    Pretty::new().time(LineTime::None)
}

/// The lines of everything that `write` logs.
fn lines(formatter: fn() -> Pretty, write: impl FnOnce(&Logger)) -> Vec<String> {
    let mut log = StagedLog::new(true, formatter);
    write(&log.container.logger("engine"));
    log.lines()
}

macro_rules! log {
    ($log:expr, $($name:literal = $value:expr),+) => {{
        const FIELDS: &[FieldName] = &[$(FieldName::new(FieldGroup::Context, $name)),+];
        static SITE: CallSite = CallSite::new(Level::Error, "gave up", "orders", "tests.rs", 1, FIELDS);
        $log.log(Level::Error, &SITE, log!(@arguments $($value),+));
    }};
    (@arguments) => { End };
    (@arguments $value:expr $(, $tail:expr)*) => { (Arg($value), log!(@arguments $($tail),*)) };
}

const HEAD: &str = "ERROR    engine [orders] gave up";

/// The thread's name is that of the test.
fn thread_name() -> String {
    std::thread::current().name().unwrap().to_owned()
}

#[test]
fn an_error_with_sources_and_a_debug_of_several_lines_stand_below_the_line() {
    let (error, order) = (error_chain(&CannotOpen(NotAllowed)), debug(&format_args!("{ORDER:#?}")));
    let lines = lines(pretty, |log| log!(log, "error" = &error, "order" = &order, "attempt" = &3));
    let expected = [
        &format!("{HEAD} attempt=3 thread_name={}", thread_name()),
        "    error: cannot open the book",
        "      caused by: permission: denied",
        "        by policy",
        "    order:",
        "      Order {",
        "          id: 42,",
        r#"          note: "late\nlevel=INFO","#,
        "      }",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn the_lines_below_have_the_colors_of_keys_and_errors() {
    let (error, order) = (error_chain(&CannotOpen(NotAllowed)), debug(&format_args!("a\nb")));
    let write = |log: &Logger| log!(log, "failure" = &error, "order" = &order);
    let lines = lines(|| pretty().colors(true), write);
    let expected = [
        "    \x1b[2mfailure:\x1b[0m \x1b[31mcannot open the book\x1b[0m",
        "      \x1b[2mcaused by:\x1b[0m \x1b[31mpermission: denied\x1b[0m",
        "        \x1b[31mby policy\x1b[0m",
        "    \x1b[2morder:\x1b[0m",
        "      a",
        "      b",
    ];
    assert_eq!(lines[1..], expected);
}

#[test]
fn a_value_of_one_line_stands_in_the_line() {
    let (error, order) = (error_chain(&fmt::Error), debug(&ORDER));
    let lines = lines(pretty, |log| log!(log, "error" = &error, "order" = &order));
    let expected = format!(
        r#"{HEAD} error="an error occurred when formatting an argument" order="Order {{ id: 42, note: \"late\\nlevel=INFO\" }}" thread_name={}"#,
        thread_name()
    );
    assert_eq!(lines, [expected]);
}

#[test]
fn a_text_and_a_display_of_several_lines_stay_in_the_line() {
    let text = "a\nERROR    engine [orders] forged";
    let shown = display(&text);
    let lines = lines(pretty, |log| log!(log, "text" = text, "shown" = &shown, "error" = text, "backtrace" = text));
    let quoted = r#""a\nERROR    engine [orders] forged""#;
    let expected =
        format!("{HEAD} text={quoted} shown={quoted} error={quoted} backtrace={quoted} thread_name={}", thread_name());
    assert_eq!(lines, [expected]);
}

#[test]
fn a_backtrace_stands_below_the_line_of_a_call_and_of_an_event_without_a_call_site() {
    let backtrace = "   0: a::b\n             at ./src/main.rs:7:5\n   1: <unknown>\n";
    let dynamic =
        DynamicEvent::new(Level::Error, "orders", "gave up").field(FieldGroup::Context, "backtrace", backtrace.into());
    let write = |log: &Logger| {
        log!(log, "backtrace" = &display(&backtrace));
        log.log_dynamic(&dynamic);
    };
    let head = format!("{HEAD} thread_name={}", thread_name());
    let block =
        ["    backtrace:", "         0: a::b", "                   at ./src/main.rs:7:5", "         1: <unknown>"];
    let event = [&[head.as_str()][..], &block].concat();
    assert_eq!(lines(pretty, write), [event.clone(), event].concat());
}

#[test]
fn without_multi_line_each_event_is_one_line() {
    let (error, order) = (error_chain(&CannotOpen(NotAllowed)), debug(&format_args!("a\nb")));
    let lines = lines(|| pretty().multi_line(false), |log| log!(log, "error" = &error, "order" = &order));
    let expected = format!(
        r#"{HEAD} error="cannot open the book: permission: denied\nby policy" order="a\nb" thread_name={}"#,
        thread_name()
    );
    assert_eq!(lines, [expected]);
}

#[test]
fn thread_and_process_ids_are_there_only_where_they_are_wanted() {
    let own = std::process::id();
    let hidden = lines(pretty, |log| log!(log, "n" = &1));
    assert_eq!(hidden, [format!("{HEAD} n=1 thread_name={}", thread_name())]);
    let shown = lines(|| pretty().ids(true), |log| log!(log, "n" = &1));
    assert!(shown[0].contains(" thread_id=") && shown[0].ends_with(&format!(" process_id={own}")), "{shown:?}");
}

#[test]
fn an_id_that_the_program_logs_is_there() {
    let own = u64::from(std::process::id());
    let with_scope = |log: &Logger| {
        log!(log, "process_id" = &own);
        let scope = fapilog_engine::producer::Scope::new().field(FieldGroup::Context, "thread_id", ValueRef::U64(0));
        let _entered = scope.enter();
        log!(log, "process_id" = &own);
    };
    let lines = lines(pretty, with_scope);
    assert_eq!(lines[0], format!("{HEAD} process_id={own} thread_name={}", thread_name()));
    assert_eq!(lines[1], format!("{HEAD} process_id={own} thread_id=0 thread_name={}", thread_name()));
}

#[test]
fn a_duration_is_as_people_write_it_also_in_a_list() {
    let (span, list) = (Duration::from_micros(17), [Duration::from_millis(1500), Duration::from_secs(90)]);
    let lines = lines(pretty, |log| log!(log, "took" = &span, "all" = &list[..]));
    assert_eq!(lines, [format!("{HEAD} took=17µs all=[1.5s,1m30s] thread_name={}", thread_name())]);
}

#[test]
fn the_time_of_day_in_utc_has_a_z() {
    let lines = lines(Pretty::new, |log| log!(log, "n" = &1));
    let (time, line) = lines[0].split_once(' ').unwrap();
    assert_eq!((time.len(), &time[15..]), (16, "Z"), "{time}");
    assert!(line.starts_with(HEAD));
}
