//! Every line is a document for a strict parser, with every value as it was logged.

use std::{fmt::Write as _, time::SystemTime};

use fapilog_engine::producer::{DynamicEvent, Logger, Scope};
use fapilog_plugin::{event::Batch, formatter::Formatter, testing::TestBatches};
use fapilog_record::{
    arguments::{Arg, End},
    call_site::{CallSite, FieldName},
    dynamic::put_field,
    field_group::FieldGroup,
    head::Head,
    level::Level,
    value::ValueRef,
};
use proptest::prelude::*;
use roxmltree::{Document, Node};

use crate::{
    Xml,
    any_value::{Owned, control_text, control_value},
    decode_marked_text,
    staged_log::StagedLog,
};

fn line(batch: &Batch<'_>) -> String {
    let mut out = Vec::new();
    Xml::new().format(batch, &mut out).unwrap();
    let line = String::from_utf8(out).unwrap();
    assert_eq!(line.find(fapilog_record::text::control::is_control), Some(line.len() - 1), "{line:?}");
    line
}

/// The bytes of an element's text, decoded where it is marked.
fn bytes_of(node: Node<'_, '_>) -> Vec<u8> {
    let text = node.text().unwrap_or_default();
    match node.attribute("escaped") {
        Some("true") => decode_marked_text(text).unwrap(),
        None => text.as_bytes().to_vec(),
        other => panic!("{other:?}"),
    }
}

fn attribute(node: Node<'_, '_>, name: &str) -> String {
    String::from_utf8(decode_marked_text(node.attribute(name).unwrap()).unwrap()).unwrap()
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    let mut named = node.children().filter(|child| child.has_tag_name(name));
    let found = named.next();
    assert!(named.next().is_none(), "two elements {name}");
    found
}

/// The text of XML Schema for values that are no text of the program.
fn lexical(value: ValueRef<'_>) -> (&'static str, String) {
    let float = |x: f64, text: String| match (x.is_nan(), x.is_finite(), x > 0.0) {
        (true, ..) => "NaN".to_owned(),
        (_, true, _) => text,
        (.., true) => "INF".to_owned(),
        (.., false) => "-INF".to_owned(),
    };
    match value {
        ValueRef::None => ("null", String::new()),
        ValueRef::Bool(is) => ("boolean", is.to_string()),
        ValueRef::I64(n) => ("integer", n.to_string()),
        ValueRef::U64(n) => ("integer", n.to_string()),
        ValueRef::I128(n) => ("integer", n.to_string()),
        ValueRef::U128(n) => ("integer", n.to_string()),
        ValueRef::F32(x) => ("double", float(x.into(), value.to_string())),
        ValueRef::F64(x) => ("double", float(x, value.to_string())),
        ValueRef::Duration(span) => {
            let mut text = format!("{}.{:09}", span.as_secs(), span.subsec_nanos());
            text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
            ("duration", text)
        }
        ValueRef::Time { .. } => ("time", value.to_string()),
        ValueRef::Ip(ip) => ("ip", ip.to_string()),
        ValueRef::Socket(socket) => ("socket", socket.to_string()),
        ValueRef::Uuid(uuid) => {
            let mut text = String::new();
            for (place, byte) in uuid.iter().enumerate() {
                text.push_str(if [4, 6, 8, 10].contains(&place) { "-" } else { "" });
                write!(text, "{byte:02x}").unwrap();
            }
            ("uuid", text)
        }
        other => panic!("{other:?} is text"),
    }
}

#[track_caller]
fn assert_is(node: Node<'_, '_>, value: &Owned) {
    let kind = node.attribute("type");
    match value {
        Owned::Text(text) => assert_eq!((kind, bytes_of(node)), (None, text.clone().into_bytes())),
        Owned::Bytes(bytes) => assert_eq!((kind, &bytes_of(node)), (None, bytes)),
        Owned::Plain(ValueRef::Char(c)) => assert_eq!((kind, bytes_of(node)), (None, c.to_string().into_bytes())),
        Owned::Sequence(elements) => {
            let found: Vec<_> = node.children().collect();
            assert_eq!((kind, found.len()), (Some("sequence"), elements.len()));
            found.into_iter().zip(elements).for_each(|(node, element)| {
                assert!(node.has_tag_name("item"));
                assert_is(node, element);
            });
        }
        Owned::Map(entries) => {
            let found: Vec<_> = node.children().collect();
            assert_eq!((kind, found.len()), (Some("map"), entries.len()));
            found.into_iter().zip(entries).for_each(|(node, (key, value))| {
                assert!(node.has_tag_name("field"));
                assert_eq!(attribute(node, "name"), *key);
                assert_is(node, value);
            });
        }
        Owned::Plain(value) => {
            let (expected_kind, text) = lexical(*value);
            assert_eq!((kind, node.text().unwrap_or_default()), (Some(expected_kind), &*text));
        }
    }
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
    ) {
        let mut record = Head { source: 0, is_cut, scope_bytes: 0 }.to_bytes().to_vec();
        record.extend_from_slice(&[Level::Warning as u8, 0]);
        put_field(&mut record, FieldGroup::Target, "", ValueRef::Text(&target));
        message.view(|message| put_field(&mut record, FieldGroup::Message, "", message));
        if let Some(id) = &id {
            put_field(&mut record, FieldGroup::CorrelationId, "", ValueRef::Text(id));
        }
        let groups = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];
        for (name, value) in &fields {
            groups.iter().for_each(|group| value.view(|value| put_field(&mut record, *group, name, value)));
        }
        let stage = TestBatches::new().source(&source);
        let line = stage.record::<End, _>(&record, |batch| line(batch)).unwrap();
        let document = Document::parse(&line).unwrap();
        let event = document.root_element();
        prop_assert_eq!(event.tag_name().name(), "event");
        prop_assert_eq!((event.attribute("level"), event.attribute("severity")), (Some("WARNING"), Some("5")));
        prop_assert_eq!((attribute(event, "target"), attribute(event, "source")), (target, source));
        assert_is(child(event, "message").unwrap(), &message);
        prop_assert_eq!(child(event, "correlation_id").map(bytes_of), id.map(String::into_bytes));
        prop_assert_eq!(child(event, "truncated").is_some(), is_cut);
        let mut not_utf8: Vec<String> = if message.is_utf8() { vec![] } else { vec!["message".to_owned()] };
        let found: Vec<_> = event.children().filter(|child| child.has_tag_name("fields")).collect();
        prop_assert_eq!(found.len(), if fields.is_empty() { 0 } else { 3 });
        for (node, group) in found.into_iter().zip(groups) {
            prop_assert_eq!((node.attribute("group"), node.children().count()), (Some(group.name()), fields.len()));
            for (node, (name, value)) in node.children().zip(&fields) {
                prop_assert_eq!(&attribute(node, "name"), name);
                assert_is(node, value);
                not_utf8.extend((!value.is_utf8()).then(|| format!("{}.{name}", group.name())));
            }
        }
        let marks = child(event, "not_utf8").map(|list| list.children().map(bytes_of).collect::<Vec<_>>());
        prop_assert_eq!(marks.unwrap_or_default(), not_utf8.into_iter().map(String::into_bytes).collect::<Vec<_>>());
    }

    #[test]
    fn a_broken_record_of_a_call_site_is_a_record_whatever_it_holds(body in prop::collection::vec(prop_oneof![6 => 0_u8..20, 1 => any::<u8>()], 0..120)) {
        let record = [&[0; 8][..], &body].concat();
        let is_read = TestBatches::new().record::<Typed<'_>, _>(&record, |batch| Document::parse(&line(batch)).is_ok());
        prop_assert!(is_read != Some(false));
    }

    #[test]
    fn a_broken_record_is_a_document_whatever_it_holds(body in prop::collection::vec(prop_oneof![6 => 0_u8..20, 1 => any::<u8>()], 1..120)) {
        let mut record = [&[0; 8][..], &body].concat();
        record[8] = 1 + record[8] % 8;
        let is_read = TestBatches::new().record::<End, _>(&record, |batch| Document::parse(&line(batch)).is_ok());
        prop_assert!(is_read != Some(false));
    }
}

fn order(log: &Logger, number: u64, note: &str) {
    const FIELDS: &[FieldName] =
        &[FieldName::new(FieldGroup::Context, "order"), FieldName::new(FieldGroup::Tags, "a <note>")];
    static SITE: CallSite = CallSite::new(Level::Info, "filled & sent", "tests", "src/orders.rs", 42, FIELDS);
    log.log(Level::Info, &SITE, (Arg(&number), (Arg(note), End)));
}

#[test]
fn a_line_is_an_element_with_its_parts_in_their_order() {
    let mut log = StagedLog::new(false, || Xml::new().call_site(true));
    let scope = Scope::new().correlation_id("c<1>").field(FieldGroup::Context, "scoped", ValueRef::F64(0.5));
    let logger = log.container.logger("engine");
    {
        let _entered = scope.enter();
        order(&logger, 7, "late");
    }
    logger.log_dynamic(&DynamicEvent::new(Level::Error, "adapter", "came in"));
    let [first, second] = &log.lines()[..] else { panic!("two events") };
    let (head, tail) = first.split_once("\" level=").unwrap();
    assert!(head.starts_with("<event timestamp=\"2") && head.ends_with('Z'), "{head}");
    let (middle, tail) = tail.split_once(" event_id=\"").unwrap();
    let expected =
        r#""INFO" severity="3" category="SYSTEM" target="tests" call_site="src/orders.rs:42" source="engine""#;
    assert_eq!(middle, expected);
    let expected = concat!(
        "-1\"><message>filled &amp; sent</message><correlation_id>c&lt;1&gt;</correlation_id>",
        r#"<fields group="context"><field name="order" type="integer">7</field>"#,
        r#"<field name="scoped" type="double">0.5</field></fields>"#,
        r#"<fields group="tags"><field name="a &lt;note&gt;">late</field></fields></event>"#,
    );
    assert!(tail.ends_with(expected), "{tail}");
    assert!(second.contains(r#" target="adapter" source="engine" event_id="#), "{second}");
    assert!(second.ends_with("<message>came in</message></event>"), "{second}");
}

#[test]
fn the_place_of_the_call_is_there_only_where_it_is_wanted() {
    let mut log = StagedLog::new(false, Xml::new);
    order(&log.container.logger("engine"), 7, "late");
    assert!(log.lines()[0].contains(r#" target="tests" source="engine" "#));
}

#[test]
fn fields_that_were_cut_are_named_and_the_next_event_is_whole() {
    let mut log = StagedLog::new(true, Xml::new);
    let logger = log.container.logger("test");
    order(&logger, 1, &"long ".repeat(1000));
    order(&logger, 2, "short");
    let [cut, whole] = &log.lines()[..] else { panic!("two events") };
    let marks = "<truncated/><truncated_fields><name>tags.a &lt;note&gt;</name></truncated_fields></event>";
    assert!(cut.ends_with(marks), "{cut}");
    assert!(whole.ends_with("</fields></event>"), "{whole}");
}
