//! Every line is one line and reads back, whatever was logged.

use fapilog_plugin::{event::Batch, formatter::Formatter, testing::TestBatches};
use fapilog_record::{
    arguments::{Arg, End},
    dynamic::put_field,
    field_group::FieldGroup,
    head::Head,
    level::Level,
    value::{DebugText, ErrorText, ValueRef, debug, error_chain},
    writer::{record_bytes, write_record},
};
use proptest::prelude::*;

use crate::{
    Logfmt, Minimal, Pretty, Simple,
    any_value::{Owned, control_text, control_value},
    text::reader::{Pairs, Read, Reader, Sentence, assert_is, assert_text_is, logfmt, owner, percent_decoded},
};

const RESERVED: [&str; 13] = [
    "time",
    "level",
    "severity",
    "category",
    "source",
    "target",
    "call_site",
    "event_id",
    "msg",
    "correlation_id",
    "truncated",
    "truncated_fields",
    "not_utf8",
];

/// An event's own level, source, message and fields.
#[derive(Debug, Clone)]
struct Logged {
    level: Level,
    source: String,
    target: String,
    message: Owned,
    correlation_id: Option<String>,
    fields: Vec<(FieldGroup, String, Owned)>,
    is_cut: bool,
}

impl Logged {
    fn record(&self) -> Vec<u8> {
        let mut record = Head { source: 0, is_cut: self.is_cut, scope_bytes: 0 }.to_bytes().to_vec();
        record.extend_from_slice(&[self.level as u8, 0]);
        put_field(&mut record, FieldGroup::Target, "", ValueRef::Text(&self.target));
        self.message.view(|message| put_field(&mut record, FieldGroup::Message, "", message));
        if let Some(id) = &self.correlation_id {
            put_field(&mut record, FieldGroup::CorrelationId, "", ValueRef::Text(id));
        }
        for (group, name, value) in &self.fields {
            value.view(|value| put_field(&mut record, *group, name, value));
        }
        record
    }

    /// The line of it, without its end.
    fn line(&self, mut formatter: impl Formatter) -> String {
        let stage = TestBatches::new().source(&self.source);
        let line = stage.record::<End, _>(&self.record(), |batch| line(&mut formatter, batch)).unwrap();
        let line = String::from_utf8(line).unwrap();
        assert_eq!(line.find('\n'), Some(line.len() - 1));
        line.trim_end_matches('\n').to_owned()
    }

    /// Each field as it is to be written: once, with the first of its values, by parts.
    fn expected(&self) -> Vec<(FieldGroup, &str, &Owned)> {
        let mut expected: Vec<(FieldGroup, &str, &Owned)> = Vec::new();
        for group in [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics] {
            for (of, name, value) in &self.fields {
                if *of == group && !expected.iter().any(|(b, n, _)| (*b, *n) == (group, name)) {
                    expected.push((group, name, value));
                }
            }
        }
        expected
    }
}

fn line(formatter: &mut dyn Formatter, batch: &Batch<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    formatter.format(batch, &mut out).unwrap();
    out
}

fn logged() -> impl Strategy<Value = Logged> {
    let name = prop_oneof![
        2 => "[a-z.]{1,5}",
        2 => control_text(),
        1 => proptest::sample::select(&RESERVED[..]).prop_map(str::to_owned),
        1 => prop_oneof![Just(""), Just("%"), Just("field.level"), Just("tags.a"), Just("metrics."), Just("field.")]
            .prop_map(str::to_owned),
    ];
    let group =
        prop_oneof![2 => Just(FieldGroup::Context), 1 => Just(FieldGroup::Tags), 1 => Just(FieldGroup::Metrics)];
    let message =
        prop_oneof!["[a-z ,:]{0,40}".prop_map(Owned::Text), control_text().prop_map(Owned::Text), control_value()];
    let id = proptest::option::of(control_text());
    let parts = (proptest::sample::select(&Level::ALL[..]), control_text(), control_text(), message, id);
    (parts, proptest::collection::vec((group, name, control_value()), 0..6), any::<bool>()).prop_map(
        |((level, source, target, message, correlation_id), fields, is_cut)| Logged {
            level,
            source,
            target,
            message,
            correlation_id,
            fields,
            is_cut,
        },
    )
}

/// Nothing that moves a cursor, ends a line or reverses text.
fn is_harmless(line: &str) -> bool {
    !line.chars().any(|c| {
        c.is_control()
            || ['\u{61c}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}'].contains(&c)
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    })
}

fn bare_or_quoted(read: &Read) -> String {
    match read {
        Read::Bare(text) => text.clone(),
        Read::Quoted(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        Read::List(_) | Read::Map(_) => panic!("{read:?} is no text"),
    }
}

/// Removes the formats' own keys from the end of a line.
#[track_caller]
fn check_end(pairs: &mut Pairs, logged: &Logged) {
    if logged.is_cut {
        assert_eq!(pairs.pop(), Some(("truncated".to_owned(), Read::Bare("true".to_owned()))));
    }
}

#[track_caller]
fn check_message(message: &Read, logged: &Owned) {
    match (message, logged) {
        // A list with quotes in it is quoted as a whole.
        (Read::Bare(text), Owned::Sequence(_) | Owned::Map(_) | Owned::Plain(_)) => assert_text_is(text, false, logged),
        (Read::Quoted(text), Owned::Sequence(_) | Owned::Map(_)) => {
            assert_text_is(std::str::from_utf8(text).unwrap(), false, logged);
        }
        (Read::Bare(text), Owned::Text(_) | Owned::Bytes(_)) => {
            assert!(!text.starts_with(' ') && !text.ends_with(' '));
            assert_text_is(text, false, logged);
        }
        _ => assert_is(message, logged),
    }
}

/// Message and everything behind it, as in the formats that are for people.
#[track_caller]
fn check_sentence(sentence: Sentence, logged: &Logged) {
    let Sentence { message, mut pairs } = sentence;
    check_message(&message, &logged.message);
    check_end(&mut pairs, logged);
    if let Some(id) = &logged.correlation_id {
        let (key, value) = pairs.pop().unwrap();
        assert_eq!((key.as_str(), bare_or_quoted(&value)), ("correlation_id", id.clone()));
    }
    let expected = logged.expected();
    assert_eq!(pairs.len(), expected.len());
    for ((key, read), (group, name, value)) in pairs.iter().zip(expected) {
        assert!(!RESERVED.contains(&key.as_str()));
        assert_eq!(owner(key), (group, name));
        assert_is(read, value);
    }
}

#[track_caller]
fn check_simple(line: &str, logged: &Logged) {
    let mut reader = Reader::new(line);
    assert_eq!(reader.until(&[' ']), "1970-01-01T00:00:00.000000001Z");
    reader.expect(" ");
    assert_eq!(reader.until(&[' ']), logged.level.name());
    check_names_and_sentence(reader, logged);
}

#[track_caller]
fn check_names_and_sentence(mut reader: Reader<'_>, logged: &Logged) {
    reader.expect(" ");
    assert_eq!(bare_or_quoted(&reader.value()), logged.source);
    reader.expect(" [");
    assert_eq!(bare_or_quoted(&reader.value()), logged.target);
    reader.expect("] ");
    check_sentence(reader.sentence(), logged);
}

#[track_caller]
fn check_pretty(line: &str, logged: &Logged) {
    let mut reader = Reader::new(line);
    reader.expect("00:00:00.000000Z ");
    reader.expect(&format!("{:8}", logged.level.name()));
    check_names_and_sentence(reader, logged);
}

#[track_caller]
fn check_minimal(line: &str, logged: &Logged) {
    let mut reader = Reader::new(line);
    reader.expect(logged.level.name());
    reader.expect(" ");
    let Sentence { message, mut pairs } = reader.sentence();
    check_message(&message, &logged.message);
    check_end(&mut pairs, logged);
    assert_eq!(pairs, []);
}

#[track_caller]
fn check_logfmt(line: &str, logged: &Logged) {
    let mut pairs = logfmt(line);
    let marked = pairs.pop_if(|(key, _)| key == "not_utf8").map(|(_, list)| list).unwrap_or_default();
    let marked: Vec<&str> = marked.trim_start_matches('[').trim_end_matches(']').split(',').collect();
    if logged.is_cut {
        assert_eq!(pairs.pop(), Some(("truncated".to_owned(), "true".to_owned())));
    }
    let mut keys: Vec<&String> = pairs.iter().map(|(key, _)| key).collect();
    keys.sort();
    assert!(keys.is_sorted_by(|a, b| a < b), "a key twice: {line}");

    let mut pairs = pairs.into_iter();
    let mut next = |key: &str| {
        let (next, value) = pairs.next().unwrap();
        assert_eq!(next, key);
        value
    };
    assert_eq!(next("time"), "1970-01-01T00:00:00.000000001Z");
    assert_eq!(next("level"), logged.level.name());
    assert_eq!(next("severity"), logged.level.severity().to_string());
    assert_eq!(next("category"), logged.level.category().name());
    assert_eq!(next("source"), logged.source);
    assert_eq!(next("target"), logged.target);
    assert_eq!(next("event_id"), "000000000000-1-1");
    assert_text_is(&next("msg"), marked.contains(&"msg"), &logged.message);
    if let Some(id) = &logged.correlation_id {
        assert_eq!(next("correlation_id"), *id);
    }
    let fields: Vec<_> = pairs.collect();
    let expected = logged.expected();
    assert_eq!(fields.len(), expected.len());
    for ((key, text), (group, name, value)) in fields.iter().zip(expected) {
        let is_marked = marked.contains(&key.as_str());
        assert_eq!(owner(&percent_decoded(key)), (group, name));
        assert_text_is(text, is_marked, value);
        assert_eq!(is_marked, matches!(value, Owned::Bytes(_)) && !value.is_utf8());
    }
}

/// Takes out the colours that `Pretty` writes, and nothing else.
fn without_colors(line: &str) -> String {
    let sequences = [
        "\x1b[0m",
        "\x1b[1m",
        "\x1b[2m",
        "\x1b[0;31m",
        "\x1b[31m",
        "\x1b[32m",
        "\x1b[33m",
        "\x1b[34m",
        "\x1b[36m",
        "\x1b[1;37;41m",
        "\x1b[1;35m",
    ];
    sequences.into_iter().fold(line.to_owned(), |line, sequence| line.replace(sequence, ""))
}

/// Bytes as a broken record may have them: small numbers, so that spans point somewhere now and then.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let small = prop_oneof![6 => 0_u8..20, 1 => any::<u8>()];
    (1_u8..=8, prop::collection::vec(small, 0..120), 0_u8..9).prop_map(|(level, body, scope)| {
        let head = [0, 0, 0, 0, 0, 0, scope, 0, level];
        head.into_iter().chain(body).collect()
    })
}

fn is_one_harmless_line(line: &[u8]) -> bool {
    let line = std::str::from_utf8(line).unwrap();
    line.strip_suffix('\n').is_some_and(is_harmless)
}

fn all_formatters() -> [Box<dyn Formatter>; 4] {
    [Box::new(Simple::new()), Box::new(Logfmt::new()), Box::new(Minimal::new()), Box::new(Pretty::new())]
}

/// An error with a source, both of any text.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Outer {
    text: String,
    source: std::io::Error,
}

type Typed<'a> = (
    Arg<'a, Option<&'a str>>,
    (Arg<'a, [Vec<u8>]>, (Arg<'a, f32>, (Arg<'a, std::time::SystemTime>, (Arg<'a, std::net::IpAddr>, End)))),
);

/// Texts of a `Debug` and of an error, which come over lines in pretty.
type Rendered<'a> = (Arg<'a, DebugText>, (Arg<'a, ErrorText>, (Arg<'a, ErrorText>, End)));

/// An event's line, and its lines behind that, which begin with four spaces.
fn is_a_line_and_its_block(lines: &[u8]) -> bool {
    let lines = std::str::from_utf8(lines).unwrap();
    let mut lines = lines.strip_suffix('\n').unwrap().split('\n');
    let first = lines.next().unwrap();
    is_harmless(first) && !first.starts_with(' ') && lines.all(|line| line.starts_with("    ") && is_harmless(line))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 512 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_simple_line_reads_back_as_what_was_logged(logged in logged()) {
        let line = logged.line(Simple::new());
        prop_assert!(is_harmless(&line));
        check_simple(&line, &logged);
    }

    #[test]
    fn a_line_of_logfmt_reads_back_as_what_was_logged(logged in logged()) {
        let line = logged.line(Logfmt::new());
        prop_assert!(is_harmless(&line));
        check_logfmt(&line, &logged);
    }

    #[test]
    fn a_minimal_line_reads_back_as_level_and_message(logged in logged()) {
        let line = logged.line(Minimal::new());
        prop_assert!(is_harmless(&line));
        check_minimal(&line, &logged);
    }

    #[test]
    fn a_pretty_line_reads_back_as_what_was_logged(logged in logged()) {
        let line = logged.line(Pretty::new());
        prop_assert!(is_harmless(&line));
        check_pretty(&line, &logged);
    }

    #[test]
    fn colors_add_their_own_sequences_and_no_others(logged in logged()) {
        let colored = logged.line(Pretty::new().colors(true));
        prop_assert_eq!(without_colors(&colored), logged.line(Pretty::new()));
    }

    #[test]
    fn a_record_that_describes_itself_is_a_line_whatever_it_holds(bytes in broken()) {
        for mut formatter in all_formatters() {
            let is_line = TestBatches::new().record::<End, _>(&bytes, |batch| {
                is_one_harmless_line(&line(&mut *formatter, batch))
            });
            prop_assert!(is_line != Some(false));
        }
    }

    #[test]
    fn every_line_behind_an_events_own_is_indented_and_harmless(text in control_text(), source in control_text(), cut in 40..200_usize) {
        let outer = Outer { text: text.clone(), source: std::io::Error::other(source) };
        let (state, error, again) = (debug(&format_args!("{text}\n{text}")), error_chain(&outer), error_chain(&outer));
        let arguments: Rendered<'_> = (Arg(&state), (Arg(&error), (Arg(&again), End)));
        let mut record = vec![0; record_bytes(&arguments, 0).min(cut.max(58))];
        write_record(&mut record, 0, &arguments, &[]).unwrap();
        let is_block = TestBatches::new().record::<Rendered<'_>, _>(&record, |batch| {
            is_a_line_and_its_block(&line(&mut Pretty::new(), batch))
        });
        prop_assert_eq!(is_block, Some(true));
        for mut formatter in all_formatters().into_iter().take(3).chain([Box::new(Pretty::new().multi_line(false)) as Box<dyn Formatter>]) {
            let is_line = TestBatches::new().record::<Rendered<'_>, _>(&record, |batch| {
                is_one_harmless_line(&line(&mut *formatter, batch))
            });
            prop_assert_eq!(is_line, Some(true));
        }
    }

    #[test]
    fn a_typed_record_is_a_line_whatever_it_holds(bytes in broken()) {
        for mut formatter in all_formatters() {
            let is_line = TestBatches::new().record::<Typed<'_>, _>(&bytes, |batch| {
                is_one_harmless_line(&line(&mut *formatter, batch))
            });
            prop_assert!(is_line != Some(false));
        }
    }
}
