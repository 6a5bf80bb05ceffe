//! Lines of events within scopes: those that are filled into templates are those that are written part by part.

use std::cell::Cell;

use fapilog_engine::producer::{Logger, Scope};
use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter, record_end::RecordEnd};
use fapilog_record::{
    arguments::{Arg, End},
    call_site::{CallSite, FieldName},
    field_group::FieldGroup,
    level::Level,
    value::ValueRef,
};
use proptest::prelude::*;

use crate::{
    Cef, Csv, Ecs, Gelf, OtelJson, Xml, json::Json, logfmt::Logfmt, minimal::Minimal, pretty::Pretty, simple::Simple,
    staged_log::StagedLog,
};

thread_local! {
    static IS_PART_BY_PART: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread writes all lines part by part.
pub(crate) fn is_part_by_part() -> bool {
    IS_PART_BY_PART.get()
}

/// Writes each batch twice: by templates, and behind it part by part, with a mark in front of each line.
#[derive(Debug)]
struct InBothWays<F> {
    by_template: F,
    by_part: F,
}

const MARK: &str = "by part: ";

impl<F: Formatter + Default> InBothWays<F> {
    fn new() -> Self {
        Self { by_template: F::default(), by_part: F::default() }
    }
}

impl<F: Formatter> Formatter for InBothWays<F> {
    fn name(&self) -> &'static str {
        "both"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        self.by_template.format(batch, out)?;
        let mut lines = Vec::new();
        IS_PART_BY_PART.set(true);
        self.by_part.format(batch, &mut lines).unwrap();
        IS_PART_BY_PART.set(false);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            out.extend_from_slice(MARK.as_bytes());
            out.extend_from_slice(line);
        }
        Ok(())
    }

    fn record_end(&self) -> RecordEnd {
        RecordEnd::LineFeed
    }
}

/// A log call in a scope.
#[derive(Debug, Clone)]
struct Call {
    site: usize,
    fields: Vec<(FieldGroup, &'static str, OwnValue)>,
    correlation_id: Option<&'static str>,
}

#[derive(Debug, Clone, Copy)]
enum OwnValue {
    Number(u64),
    Text(&'static str),
    NotUtf8,
    None,
}

impl OwnValue {
    fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Number(number) => ValueRef::U64(*number),
            Self::Text(text) => ValueRef::Text(text),
            Self::NotUtf8 => ValueRef::Bytes(b"\xff\\"),
            Self::None => ValueRef::None,
        }
    }
}

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Long enough to be cut in a record of 1024 bytes.
const LONG: &str = include_str!("mod.rs");

fn values() -> impl Strategy<Value = OwnValue> {
    prop_oneof![
        4 => (0..4_u64).prop_map(OwnValue::Number),
        4 => prop::sample::select(vec!["", "x", TRACE_ID, "two\nlines", "\"<é>\"\u{202e}"]).prop_map(OwnValue::Text),
        1 => Just(OwnValue::Text(LONG)),
        1 => Just(OwnValue::NotUtf8),
        1 => Just(OwnValue::None),
    ]
}

fn calls() -> impl Strategy<Value = Call> {
    let groups = vec![
        FieldGroup::Context,
        FieldGroup::Context,
        FieldGroup::Tags,
        FieldGroup::Tags,
        FieldGroup::Metrics,
        FieldGroup::Metrics,
        FieldGroup::Message,
        FieldGroup::Severity,
        FieldGroup::CorrelationId,
    ];
    let names =
        vec!["a", "b", "text", "user", "thread_id", "process_id", "backtrace", "error", "level", "pid", "trace_id"];
    let field_count = prop_oneof![9 => 0..4_usize, 1 => 0..40_usize];
    let field = (prop::sample::select(groups), prop::sample::select(names), values());
    let fields = (field_count, prop::collection::vec(field, 40)).prop_map(|(count, fields)| fields[..count].to_vec());
    let ids = prop::option::of(prop::sample::select(vec!["one", "two"]));
    (0..4_usize, fields, ids).prop_map(|(site, fields, correlation_id)| Call { site, fields, correlation_id })
}

impl Call {
    fn log(&self, log: &Logger) {
        let with_field = |scope: Scope, (group, name, value): &(FieldGroup, &str, OwnValue)| {
            scope.field(*group, name, value.as_ref())
        };
        let scope = self.fields.iter().fold(Scope::new(), with_field);
        let scope = self.correlation_id.map_or(scope.clone(), |id| scope.correlation_id(id));
        let _entered = scope.enter();
        match self.site {
            0 => no_fields(log),
            1 => number_and_metric(log, 7, 0.5),
            2 => text(log, "a\ttext"),
            _ => message(log, "its own"),
        }
    }
}

fn no_fields(log: &Logger) {
    static SITE: CallSite = CallSite::new(Level::Error, "no fields", "tests", "tests.rs", 1, &[]);
    log.log(Level::Error, &SITE, End);
}

fn number_and_metric(log: &Logger, number: u64, metric: f64) {
    const FIELDS: &[FieldName] = &[FieldName::new(FieldGroup::Context, "a"), FieldName::new(FieldGroup::Metrics, "b")];
    static SITE: CallSite = CallSite::new(Level::Info, "numbers", "tests", "tests.rs", 2, FIELDS);
    log.log(Level::Info, &SITE, (Arg(&number), (Arg(&metric), End)));
}

fn text(log: &Logger, text: &str) {
    const FIELDS: &[FieldName] = &[FieldName::new(FieldGroup::Tags, "text")];
    static SITE: CallSite = CallSite::new(Level::Warning, "text", "tests", "tests.rs", 3, FIELDS);
    log.log(Level::Warning, &SITE, (Arg(text), End));
}

fn message(log: &Logger, message: &str) {
    const FIELDS: &[FieldName] = &[FieldName::new(FieldGroup::Message, "")];
    static SITE: CallSite = CallSite::new(Level::Info, "", "tests", "tests.rs", 4, FIELDS);
    log.log(Level::Info, &SITE, (Arg(message), End));
}

fn lines_are_the_same<F: Formatter + Default + 'static>(calls: &[Call]) -> Result<(), TestCaseError> {
    for has_context in [false, true] {
        let mut log = StagedLog::new(has_context, InBothWays::<F>::new);
        let logger = log.container.logger("tests");
        calls.iter().for_each(|call| call.log(&logger));
        let lines = log.lines();
        let (by_part, by_template): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.starts_with(MARK));
        let by_part: Vec<_> = by_part.into_iter().filter_map(|line| line.strip_prefix(MARK)).collect();
        prop_assert_eq!(by_template, by_part);
    }
    Ok(())
}

proptest! {
    // Each case starts ten containers.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn lines_within_scopes_are_the_same_by_template_and_by_part(calls in prop::collection::vec(calls(), 1..20)) {
        // Some calls again: their scopes are known by then.
        let calls = [&calls[..], &calls[..]].concat();
        lines_are_the_same::<Json>(&calls)?;
        lines_are_the_same::<Logfmt>(&calls)?;
        lines_are_the_same::<Pretty>(&calls)?;
        lines_are_the_same::<Simple>(&calls)?;
        lines_are_the_same::<Minimal>(&calls)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn lines_for_programs_are_the_same_by_template_and_by_part(calls in prop::collection::vec(calls(), 1..20)) {
        let calls = [&calls[..], &calls[..]].concat();
        lines_are_the_same::<Ecs>(&calls)?;
        lines_are_the_same::<Gelf>(&calls)?;
        lines_are_the_same::<Cef>(&calls)?;
        lines_are_the_same::<OtelJson>(&calls)?;
        lines_are_the_same::<Xml>(&calls)?;
        lines_are_the_same::<Csv>(&calls)?;
    }
}

#[test]
fn the_fields_of_a_scope_stand_behind_the_calls_own() {
    let mut log = StagedLog::new(false, Json::new);
    let logger = log.container.logger("tests");
    let scope = Scope::new().field(FieldGroup::Context, "user", ValueRef::Text("ann")).correlation_id("one");
    let _entered = scope.enter();
    number_and_metric(&logger, 7, 0.5);
    no_fields(&logger);
    let lines = log.lines();
    let ends = [
        r#""correlation_id":"one","context":{"a":7,"user":"ann"},"metrics":{"b":0.5}}"#,
        r#""correlation_id":"one","context":{"user":"ann"}}"#,
    ];
    assert!(lines.iter().zip(ends).all(|(line, end)| line.ends_with(end)), "{lines:?}");
}

#[test]
fn scopes_that_take_each_others_place_among_the_kept_have_their_own_lines() {
    let mut log = StagedLog::new(false, Json::new);
    let logger = log.container.logger("tests");
    for number in (0..500_u64).chain(0..500) {
        let _entered = Scope::new().field(FieldGroup::Context, "number", ValueRef::U64(number)).enter();
        no_fields(&logger);
    }
    for (place, line) in log.lines().iter().enumerate() {
        assert!(line.ends_with(&format!(r#""context":{{"number":{}}}}}"#, place % 500)), "{line}");
    }
}

/// The kernel's id of this thread.
fn thread_id() -> u64 {
    let link = std::fs::read_link("/proc/thread-self").unwrap();
    link.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap()
}

#[test]
fn a_thread_id_in_a_scope_is_hidden_in_the_lines_of_its_own_thread_alone() {
    let mut log = StagedLog::new(false, Pretty::new);
    let logger = log.container.logger("tests");
    let scope = Scope::new().field(FieldGroup::Context, "thread_id", ValueRef::U64(thread_id()));
    let log_in_scope = || {
        let _entered = scope.enter();
        no_fields(&logger);
    };
    std::thread::scope(|threads| threads.spawn(log_in_scope).join()).unwrap();
    log_in_scope();
    let are_shown: Vec<_> = log.lines().iter().map(|line| line.contains("thread_id")).collect();
    assert_eq!(are_shown, [true, false]);
}
