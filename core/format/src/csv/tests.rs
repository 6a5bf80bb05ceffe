//! Every row reads back by the crate `csv`, with every value as it was logged.

use std::time::SystemTime;

use fapilog_engine::producer::{DynamicEvent, Logger, Scope};
use fapilog_plugin::{
    event::Batch,
    factory::{Factory, ShardInfo},
    formatter::Formatter,
    record_end::RecordEnd,
    registry::{Entry, PluginSettings, Registry},
    settings::{PluginConfig, PluginValue},
    testing::TestBatches,
};
use fapilog_record::{
    arguments::{Arg, End},
    call_site::{CallSite, FieldName},
    dynamic::put_field,
    field_group::FieldGroup,
    head::Head,
    level::Level,
    text::control::is_control,
    value::ValueRef,
};
use proptest::prelude::*;
use serde_json::{Value as JsonObject, json};

use crate::{
    Csv, CsvDelimiter,
    any_value::{Owned, control_text, control_value},
    decode_marked_text,
    staged_log::StagedLog,
};

const GROUPS: [FieldGroup; 3] = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];

fn row(csv: &mut Csv, batch: &Batch<'_>) -> String {
    let mut out = b"before".to_vec();
    csv.format(batch, &mut out).unwrap();
    String::from_utf8(out.strip_prefix(b"before").unwrap().to_vec()).unwrap()
}

/// The cells of the rows.
fn cells(rows: &str, delimiter: u8) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(rows.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// The JSON of a part of a value that is text, decoded where the field is marked.
fn text_in(json: &JsonObject, is_marked: bool) -> Vec<u8> {
    let text = json.as_str().unwrap();
    if is_marked { decode_marked_text(text).unwrap() } else { text.as_bytes().to_vec() }
}

/// Texts and bytes of a value are in its JSON; numbers are the JSON formatter's own tests' matter.
#[track_caller]
fn assert_json_is(json: &JsonObject, value: &Owned, is_marked: bool) {
    match value {
        Owned::Text(text) => assert_eq!(text_in(json, is_marked), text.as_bytes()),
        Owned::Bytes(bytes) => assert_eq!(text_in(json, is_marked), *bytes),
        Owned::Sequence(elements) => {
            assert_eq!(json.as_array().unwrap().len(), elements.len());
            elements
                .iter()
                .zip(json.as_array().unwrap())
                .for_each(|(value, json)| assert_json_is(json, value, is_marked));
        }
        Owned::Map(entries) => assert!(json.as_object().unwrap().len() <= entries.len()),
        Owned::Plain(ValueRef::U64(n)) => assert_eq!(json.to_string(), n.to_string()),
        Owned::Plain(ValueRef::None) => assert!(json.is_null()),
        Owned::Plain(_) => {}
    }
}

#[track_caller]
fn assert_cell_is(csv: &Csv, cell: &str, value: &Owned) {
    let decoded = || csv.decode_cell(cell).unwrap();
    match value {
        Owned::Text(text) => assert_eq!(decoded(), text.as_bytes(), "{cell}"),
        Owned::Bytes(bytes) => assert_eq!(decoded(), *bytes, "{cell}"),
        Owned::Plain(ValueRef::Char(c)) => assert_eq!(decoded(), c.to_string().as_bytes()),
        Owned::Plain(ValueRef::None) => assert_eq!(cell, ""),
        Owned::Plain(ValueRef::Duration(span)) => {
            let mut text = format!("{}.{:09}", span.as_secs(), span.subsec_nanos());
            text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
            assert_eq!(cell, text);
        }
        Owned::Plain(other) => assert_eq!(cell, other.to_string()),
        composite => assert_json_is(&serde_json::from_str(cell).unwrap(), composite, !composite.is_utf8()),
    }
}

fn is_text(value: &Owned) -> bool {
    matches!(value, Owned::Text(_) | Owned::Bytes(_) | Owned::Plain(ValueRef::Char(_)))
}

type Typed<'a> = (Arg<'a, Option<&'a str>>, (Arg<'a, [Vec<u8>]>, (Arg<'a, f32>, (Arg<'a, SystemTime>, End))));

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_value_reads_back_as_it_was(
        message in control_value(),
        fields in prop::collection::btree_map(control_text(), control_value(), 0..5),
        target in control_text(),
        source in control_text(),
        id in proptest::option::of(control_text()),
        is_cut in any::<bool>(),
        delimiter in proptest::sample::select(CsvDelimiter::ALL),
    ) {
        let mut record = Head { source: 0, is_cut, scope_bytes: 0 }.to_bytes().to_vec();
        record.extend_from_slice(&[Level::Warning as u8, 0]);
        put_field(&mut record, FieldGroup::Target, "", ValueRef::Text(&target));
        message.view(|message| put_field(&mut record, FieldGroup::Message, "", message));
        if let Some(id) = &id {
            put_field(&mut record, FieldGroup::CorrelationId, "", ValueRef::Text(id));
        }
        for (name, value) in &fields {
            GROUPS.iter().for_each(|group| value.view(|value| put_field(&mut record, *group, name, value)));
        }
        // Context has columns, and other groups have none. The list of marks stands before others.
        let own: Vec<String> = fields.keys().map(|name| format!("context.{name}")).collect();
        let mut columns = vec!["not_utf8", "message", "target", "source", "correlation_id", "truncated", "fields"];
        columns.extend(own.iter().map(String::as_str));
        let mut csv = Csv::with_columns(columns).unwrap().delimiter(delimiter);
        let stage = TestBatches::new().source(&source);
        let row = stage.record::<End, _>(&record, |batch| row(&mut csv, batch)).unwrap();
        prop_assert_eq!(row.find(|c| is_control(c) && c != '\t'), Some(row.len() - 1));
        prop_assert_eq!(row.contains('\t'), delimiter == CsvDelimiter::Tab);
        let rows = cells(&row, delimiter.byte());
        prop_assert_eq!(rows.len(), 1);
        let [marks, found_message, found_target, found_source, found_id, cut, others, own @ ..] = &rows[0][..] else {
            panic!("{rows:?}")
        };
        assert_cell_is(&csv, found_message, &message);
        assert_cell_is(&csv, found_target, &Owned::Text(target));
        assert_cell_is(&csv, found_source, &Owned::Text(source));
        prop_assert_eq!(csv.decode_cell(found_id).unwrap(), id.unwrap_or_default().into_bytes());
        prop_assert_eq!(&**cut, if is_cut { "true" } else { "" });
        let mut marked = if message.is_utf8() { vec![] } else { vec!["message".to_owned()] };
        let others: JsonObject = if others.is_empty() { json!({}) } else { serde_json::from_str(others).unwrap() };
        prop_assert_eq!(others.as_object().unwrap().len(), 2 * fields.len());
        for group in ["tags", "metrics"] {
            for (name, value) in &fields {
                let path = format!("{group}.{name}");
                assert_json_is(&others[&path], value, !value.is_utf8());
                marked.extend((!value.is_utf8()).then_some(path));
            }
        }
        for (cell, (name, value)) in own.iter().zip(&fields) {
            assert_cell_is(&csv, cell, value);
            prop_assert!(!is_text(value) || !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "{}", cell);
            marked.extend((!value.is_utf8()).then(|| format!("context.{name}")));
        }
        let marks: Vec<String> = if marks.is_empty() { vec![] } else { serde_json::from_str(marks).unwrap() };
        prop_assert_eq!(marks, marked);
    }

    #[test]
    fn a_broken_record_of_a_call_site_is_a_record_whatever_it_holds(body in prop::collection::vec(prop_oneof![6 => 0_u8..20, 1 => any::<u8>()], 0..120)) {
        let record = [&[0; 8][..], &body].concat();
        let is_read = TestBatches::new().record::<Typed<'_>, _>(&record, |batch| cells(&row(&mut Csv::new(), batch), b',').len() == 1);
        prop_assert!(is_read != Some(false));
    }

    #[test]
    fn a_broken_record_is_a_row_whatever_it_holds(body in prop::collection::vec(prop_oneof![6 => 0_u8..20, 1 => any::<u8>()], 1..120)) {
        let mut record = [&[0; 8][..], &body].concat();
        record[8] = 1 + record[8] % 8;
        let rows = TestBatches::new().record::<End, _>(&record, |batch| cells(&row(&mut Csv::new(), batch), b','));
        prop_assert!(rows.is_none_or(|rows| rows.len() == 1 && rows[0].len() == 10));
    }
}

fn order(log: &Logger, number: u64, note: &str) {
    const FIELDS: &[FieldName] = &[
        FieldName::new(FieldGroup::Tags, "note"),
        FieldName::new(FieldGroup::Context, "order"),
        FieldName::new(FieldGroup::Metrics, "price"),
        FieldName::new(FieldGroup::Context, "order"),
    ];
    static SITE: CallSite = CallSite::new(Level::Info, "filled, sent", "tests", "src/orders.rs", 42, FIELDS);
    log.log(Level::Info, &SITE, (Arg(note), (Arg(&number), (Arg(&1.5), (Arg(&0), End)))));
}

/// Fields of a group without context.
fn tagged(log: &Logger, number: u64) {
    const FIELDS: &[FieldName] = &[FieldName::new(FieldGroup::Message, ""), FieldName::new(FieldGroup::Tags, "number")];
    static SITE: CallSite = CallSite::new(Level::Warning, "", "tests", "src/tags.rs", 7, FIELDS);
    log.log(Level::Warning, &SITE, (Arg("=tagged"), (Arg(&number), End)));
}

fn with_bytes(log: &Logger, bytes: &[u8]) {
    const FIELDS: &[FieldName] =
        &[FieldName::new(FieldGroup::Context, "bytes"), FieldName::new(FieldGroup::Tags, "bytes")];
    static SITE: CallSite = CallSite::new(Level::Info, "bytes", "tests", "src/bytes.rs", 9, FIELDS);
    log.log(Level::Info, &SITE, (Arg(bytes), (Arg(bytes), End)));
}

fn bare(log: &Logger) {
    static SITE: CallSite = CallSite::new(Level::Error, "bare", "tests", "src/bare.rs", 8, &[]);
    log.log(Level::Error, &SITE, End);
}

fn rows(formatter: fn() -> Csv, has_context: bool, write: impl Fn(&Logger)) -> Vec<String> {
    let mut log = StagedLog::new(has_context, formatter);
    write(&log.container.logger("engine"));
    log.lines()
}

#[test]
fn a_row_has_the_default_columns() {
    let [row] = &rows(Csv::new, false, |log| order(log, 7, "late"))[..] else { panic!("one row") };
    let cells = &cells(row, b',')[0];
    assert_eq!(
        Csv::new().header(),
        "timestamp,level,source,target,event_id,correlation_id,message,fields,truncated,not_utf8\n"
    );
    assert!(cells[0].starts_with('2') && cells[0].ends_with('Z') && cells[0].len() == 30, "{row}");
    assert!(cells[4].ends_with("-1"), "{row}");
    let (head, tail) = row.split_once(&cells[4]).unwrap();
    assert!(head.ends_with(",INFO,engine,tests,"), "{row}");
    let fields = r#""{""context.order"":7,""tags.note"":""late"",""metrics.price"":1.5}""#;
    assert_eq!(tail, format!(",,\"filled, sent\",{fields},,"));
}

#[test]
fn columns_are_those_that_are_chosen_in_their_order() {
    let formatter = || {
        Csv::with_columns(["tags.note", "call_site", "severity", "category", "context.order", "tags.none", "fields"])
            .unwrap()
    };
    let expected = "late,src/orders.rs:42,3,SYSTEM,7,,\"{\"\"metrics.price\"\":1.5}\"";
    assert_eq!(rows(formatter, false, |log| order(log, 7, "late")), [expected]);
    let formatter = || Csv::with_columns(["message", "call_site", "target"]).unwrap();
    let event = DynamicEvent::new(Level::Info, "adapter", "came in");
    assert_eq!(rows(formatter, false, |log| log.log_dynamic(&event)), ["came in,,adapter"]);
}

#[test]
fn a_row_of_one_empty_cell_is_no_empty_line() {
    let formatter = || Csv::with_columns(["tags.none"]).unwrap();
    assert_eq!(rows(formatter, false, bare), ["\"\""]);
    assert_eq!(rows(|| Csv::with_columns(["fields", "message"]).unwrap(), false, bare), [",bare"]);
}

#[test]
fn formulas_and_the_delimiter_are_as_they_are_chosen() {
    let formatter = || Csv::with_columns(["level", "message"]).unwrap();
    assert_eq!(rows(formatter, false, |log| tagged(log, 1)), ["WARNING,\"'=tagged\""]);
    fn semicolons() -> Csv {
        Csv::with_columns(["level", "message"]).unwrap().delimiter(CsvDelimiter::Semicolon).escape_formulas(false)
    }
    assert_eq!(rows(semicolons, false, |log| tagged(log, 1)), ["WARNING;\"=tagged\""]);
    assert_eq!(semicolons().header(), "level;message\n");
}

/// Each event once without a scope and once within, with and without shared context.
#[test]
fn a_scope_without_fields_changes_no_row_without_its_id() {
    fn formatter() -> Csv {
        let columns = ["source", "severity", "message", "context.order", "context.process_id", "fields", "not_utf8"];
        Csv::with_columns(columns).unwrap()
    }
    fn without_process_id() -> Csv {
        Csv::with_columns(["level", "fields", "message", "truncated_fields"]).unwrap()
    }
    for has_context in [false, true] {
        for formatter in [formatter, without_process_id] {
            let write = |log: &Logger| {
                (0..3).for_each(|number| order(log, number, "=\"x\", \\y"));
                (0..3).for_each(|number| tagged(log, number));
                bare(log);
            };
            let by_template = rows(formatter, has_context, write);
            let in_a_scope = rows(formatter, has_context, |log| {
                // No column has it.
                let _entered = Scope::new().correlation_id("c-1").enter();
                write(log);
            });
            assert_eq!(by_template.len(), 7);
            assert_eq!(by_template, in_a_scope);
            assert_eq!(by_template[0].contains("context.thread_id"), has_context, "{}", by_template[0]);
            let fields = |row: &str| cells(row, b',')[0].iter().find(|cell| cell.starts_with('{')).cloned();
            for row in &by_template {
                assert!(fields(row).is_none_or(|fields| serde_json::from_str::<JsonObject>(&fields).is_ok()), "{row}");
            }
        }
    }
}

#[test]
fn fields_of_a_scope_have_their_columns_and_the_call_s_own_count_before_them() {
    let formatter = || Csv::with_columns(["correlation_id", "context.user", "context.order", "fields"]).unwrap();
    let scope = Scope::new().correlation_id("c,1").field(FieldGroup::Context, "user", ValueRef::Text("ann")).field(
        FieldGroup::Tags,
        "region",
        ValueRef::Text("eu"),
    );
    let written = rows(formatter, false, |log| {
        let _entered = scope.enter();
        order(log, 7, "late");
        bare(log);
        let _inner = Scope::new().field(FieldGroup::Context, "order", ValueRef::U64(8)).enter();
        order(log, 9, "late");
        bare(log);
    });
    let all = r#""{""tags.note"":""late"",""tags.region"":""eu"",""metrics.price"":1.5}""#;
    let region = r#""{""tags.region"":""eu""}""#;
    let expected = [
        format!("\"c,1\",ann,7,{all}"),
        format!("\"c,1\",ann,,{region}"),
        format!("\"c,1\",ann,9,{all}"),
        format!("\"c,1\",ann,8,{region}"),
    ];
    assert_eq!(written, expected);
}

#[test]
fn shared_context_whose_fields_all_have_columns_leaves_the_object_whole() {
    let mut log = StagedLog::new(true, Csv::new);
    bare(&log.container.logger("engine"));
    let fields = cells(&log.lines()[0], b',')[0][7].clone();
    let names: Vec<String> =
        serde_json::from_str::<JsonObject>(&fields).unwrap().as_object().unwrap().keys().cloned().collect();
    let columns: &'static [&'static str] =
        Box::leak(names.into_iter().map(|name| &*String::leak(name)).chain(["fields"]).collect::<Box<[_]>>());
    static COLUMNS: std::sync::Mutex<&[&str]> = std::sync::Mutex::new(&[]);
    *COLUMNS.lock().unwrap() = columns;
    let formatter = || Csv::with_columns(COLUMNS.lock().unwrap().iter().copied()).unwrap();
    let all = rows(formatter, true, |log| {
        bare(log);
        tagged(log, 7);
    });
    let last = |row: &str| cells(row, b',')[0].last().unwrap().clone();
    assert_eq!((last(&all[0]), last(&all[1])), (String::new(), r#"{"tags.number":7}"#.to_owned()));
}

#[test]
fn fields_that_were_cut_are_named_and_the_next_event_is_whole() {
    let formatter = || Csv::with_columns(["truncated", "truncated_fields", "context.order"]).unwrap();
    let rows = rows(formatter, false, |log| {
        order(log, 1, &"long ".repeat(1000));
        order(log, 2, "short");
    });
    assert_eq!(rows, [r#"true,"[""tags.note""]",1"#, ",,2"]);
}

#[test]
fn bytes_that_are_not_utf_8_are_named_in_their_own_row() {
    let formatter = || Csv::with_columns(["not_utf8", "message", "context.bytes", "fields"]).unwrap();
    let rows = rows(formatter, false, |log| {
        with_bytes(log, b"\\ \xff");
        with_bytes(log, b"=text");
    });
    let marked = r#""[""context.bytes"",""tags.bytes""]",bytes,"\\ \xff","{""tags.bytes"":""\\\\ \\xff""}""#;
    assert_eq!(rows, [marked, r#",bytes,"'=text","{""tags.bytes"":""=text""}""#]);
}

#[test]
fn a_row_is_a_line() {
    assert!(Csv::new().writes_lines());
    assert_eq!(Csv::new().record_end(), RecordEnd::LineFeed);
}

/// The row that the formatter `csv` of the registry writes with these settings.
fn by_settings(config: &PluginConfig) -> Result<String, String> {
    let mut registry = Registry::empty();
    crate::register(&mut registry).unwrap();
    let Some((_, Entry::Formatter(constructor))) = registry.entry("csv") else { panic!("no formatter") };
    let factory: Factory<dyn Formatter> = constructor(&PluginSettings::new("csv", config))
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let mut formatter = factory.make(ShardInfo::new(0, 1));
    Ok(TestBatches::new().message("=a;b").batch(&[1_000_000_000], |batch| {
        let mut out = Vec::new();
        formatter.format(batch, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }))
}

fn list(names: &[&str]) -> PluginValue {
    PluginValue::from(names.iter().map(|name| PluginValue::from(*name)).collect::<Vec<_>>())
}

#[test]
fn settings_choose_columns_delimiter_and_formulas() {
    let columns = PluginConfig::new().with("columns", list(&["message", "context.n"]));
    assert_eq!(by_settings(&columns).unwrap(), "\"'=a;b\",1000000000\n");
    let others = columns.with("delimiter", "pipe").with("escape_formulas", false);
    assert_eq!(by_settings(&others).unwrap(), "\"=a;b\"|1000000000\n");
    assert!(
        by_settings(&PluginConfig::new()).unwrap().starts_with("1970-01-01T00:00:01.000000000Z,INFO,source-0,stage,")
    );
}

#[test]
fn a_setting_that_is_invalid_is_named_with_what_is_allowed() {
    let with = |name: &str, value: PluginValue| by_settings(&PluginConfig::new().with(name, value)).unwrap_err();
    let error = with("columns", list(&["level", "mesage"]));
    assert!(error.starts_with("columns[1] is \"mesage\"; allowed are timestamp, level, "), "{error}");
    assert!(error.ends_with("; did you mean message?"), "{error}");
    assert_eq!(with("columns", list(&["level", "level"])), "columns[1] is \"level\"; each column comes once");
    assert_eq!(with("columns", list(&[])), "columns is []; allowed is a list of at least one column");
    let error = with("delimiter", ";".into());
    assert_eq!(error, "delimiter is \";\"; allowed are comma, semicolon, tab, pipe");
    assert!(with("header", true.into()).starts_with("header is true; there is no such setting"));
}
