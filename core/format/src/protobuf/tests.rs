//! Every event reads back by prost, with every value as it was logged.

mod schema;

use std::{
    net::{IpAddr, SocketAddr, SocketAddrV6},
    time::{Duration, SystemTime},
};

use fapilog_builtin::enrich::Context;
use fapilog_engine::producer::{DynamicEvent, Logger, Scope};
use fapilog_plugin::{event::Batch, formatter::Formatter, record_end::RecordEnd, testing::TestBatches};
use fapilog_record::{
    arguments::{Arg, End},
    call_site::{CallSite, FieldName},
    dynamic::put_field,
    field_group::FieldGroup,
    head::Head,
    level::{Category, Level},
    value::ValueRef,
};
use proptest::prelude::*;
use prost::Message;

use self::schema::{Event, Field, Kind, Value};
use crate::{
    Protobuf,
    any_value::{Owned, control_text, control_value},
};

/// The messages in the bytes.
fn events(mut bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while !bytes.is_empty() {
        events.push(Event::decode_length_delimited(&mut bytes).unwrap());
    }
    events
}

fn format(formatter: &mut Protobuf, batch: &Batch<'_>) -> Vec<u8> {
    let mut out = b"before".to_vec();
    formatter.format(batch, &mut out).unwrap();
    out.strip_prefix(b"before").unwrap().to_vec()
}

/// The value that a reader makes of a message.
fn owned(value: &Value) -> Owned {
    let address = |bytes: &[u8]| match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).unwrap()),
        _ => IpAddr::from(<[u8; 16]>::try_from(bytes).unwrap()),
    };
    Owned::Plain(match value.kind.as_ref().unwrap() {
        Kind::Null(zero) => {
            assert_eq!(*zero, 0);
            ValueRef::None
        }
        Kind::Bool(is) => ValueRef::Bool(*is),
        Kind::Int(n) => ValueRef::I64(*n),
        Kind::Uint(n) => ValueRef::U64(*n),
        Kind::Float(x) => ValueRef::F32(*x),
        Kind::Double(x) => ValueRef::F64(*x),
        Kind::Text(text) => return Owned::Text(text.clone()),
        Kind::Bytes(bytes) => return Owned::Bytes(bytes.clone()),
        Kind::Duration(span) => ValueRef::Duration(Duration::new(span.seconds, span.nanos)),
        Kind::Time(time) => ValueRef::Time { seconds: time.seconds, nanos: time.nanos },
        Kind::List(list) => return Owned::Sequence(list.values.iter().map(owned).collect()),
        Kind::Map(map) => return Owned::Map(map.entries.iter().map(key_and_value).collect()),
        Kind::Ip(bytes) => ValueRef::Ip(address(bytes)),
        Kind::Socket(socket) => ValueRef::Socket(match address(&socket.ip) {
            IpAddr::V4(ip) => SocketAddr::from((ip, u16::try_from(socket.port).unwrap())),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, socket.port.try_into().unwrap(), 0, socket.scope_id).into(),
        }),
        Kind::Uuid(bytes) => ValueRef::Uuid(bytes.as_slice().try_into().unwrap()),
        Kind::Char(c) => ValueRef::Char(char::from_u32(*c).unwrap()),
        Kind::Int128(bytes) => ValueRef::I128(i128::from_be_bytes(bytes.as_slice().try_into().unwrap())),
        Kind::Uint128(bytes) => ValueRef::U128(u128::from_be_bytes(bytes.as_slice().try_into().unwrap())),
    })
}

fn key_and_value(field: &Field) -> (String, Owned) {
    (field.key.clone(), owned(field.value.as_ref().unwrap()))
}

/// The same to the last bit: also of floats that are no numbers. Bytes that are UTF-8 may have been text.
#[track_caller]
fn assert_is(found: &Owned, logged: &Owned) {
    match (found, logged) {
        (Owned::Plain(ValueRef::F64(a)), Owned::Plain(ValueRef::F64(b))) => assert_eq!(a.to_bits(), b.to_bits()),
        (Owned::Plain(ValueRef::F32(a)), Owned::Plain(ValueRef::F32(b))) => assert_eq!(a.to_bits(), b.to_bits()),
        (Owned::Plain(a), Owned::Plain(b)) => assert_eq!(a, b),
        (Owned::Text(a), Owned::Text(b)) => assert_eq!(a, b),
        (Owned::Bytes(a), Owned::Bytes(b)) => assert_eq!(a, b),
        (Owned::Sequence(a), Owned::Sequence(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(a, b)| assert_is(a, b));
        }
        (Owned::Map(a), Owned::Map(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|((a_key, a), (b_key, b))| {
                assert_eq!(a_key, b_key);
                assert_is(a, b);
            });
        }
        _ => panic!("{found:?} is not {logged:?}"),
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
        level in proptest::sample::select(&Level::ALL[..]),
        is_cut in any::<bool>(),
    ) {
        let mut record = Head { source: 0, is_cut, scope_bytes: 0 }.to_bytes().to_vec();
        record.extend_from_slice(&[level as u8, 0]);
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
        let bytes = stage.record::<End, _>(&record, |batch| format(&mut Protobuf::new(), batch)).unwrap();
        let [event] = &events(&bytes)[..] else { panic!("one event") };
        prop_assert_eq!((&event.target, &event.source, &event.correlation_id), (&target, &source, &id));
        prop_assert_eq!((event.level, event.severity), (level as i32, u32::from(level.severity())));
        prop_assert_eq!((event.category, event.truncated), (level.category() as i32, is_cut));
        assert_is(&owned(event.message.as_ref().unwrap()), &message);
        for group in [&event.context, &event.tags, &event.metrics] {
            prop_assert_eq!(group.len(), fields.len());
            for (found, (name, value)) in group.iter().zip(&fields) {
                prop_assert_eq!(&found.key, name);
                assert_is(&owned(found.value.as_ref().unwrap()), value);
            }
        }
    }

    #[test]
    fn a_broken_record_of_a_call_site_is_a_record_whatever_it_holds(body in prop::collection::vec(prop_oneof![6 => 0_u8..20, 1 => any::<u8>()], 0..120)) {
        let record = [&[0; 8][..], &body].concat();
        let is_read = TestBatches::new().record::<Typed<'_>, _>(&record, |batch| events(&format(&mut Protobuf::new(), batch)).len() == 1);
        prop_assert!(is_read != Some(false));
    }

    #[test]
    fn a_broken_record_is_a_message_whatever_it_holds(body in prop::collection::vec(prop_oneof![6 => 0_u8..20, 1 => any::<u8>()], 1..120)) {
        let mut record = [&[0; 8][..], &body].concat();
        record[8] = 1 + record[8] % 8;
        let read = TestBatches::new().record::<End, _>(&record, |batch| events(&format(&mut Protobuf::new(), batch)).len());
        prop_assert!(read.is_none_or(|events| events == 1));
    }
}

#[test]
fn the_bytes_of_an_event_are_those_of_the_schema() {
    let bytes = TestBatches::new().source("s").batch(&[5], |batch| format(&mut Protobuf::new().call_site(true), batch));
    let expected: &[&[u8]] = &[
        &[77],                           // length
        &[0x09, 5, 0, 0, 0, 0, 0, 0, 0], // time_unix_nano
        &[0x32, 1, b's'],                // source
        &[0x3a, 16],                     // event_id
        b"000000000000-1-1",
        &[0x10, 3], // level
        &[0x18, 3], // severity
        &[0x20, 5], // category
        &[0x2a, 5], // target
        b"stage",
        &[0x7a, 13, 0x0a, 9], // call_site
        b"staged.rs",
        &[0x10, 1],
        &[0x42, 8, 0x3a, 6], // message
        b"staged",
        &[0x52, 7, 0x0a, 1, b'n', 0x12, 2, 0x20, 5], // context
    ];
    assert_eq!(bytes, expected.concat());
}

fn order(log: &Logger, number: u64, note: &str) {
    const FIELDS: &[FieldName] = &[
        FieldName::new(FieldGroup::Context, "order"),
        FieldName::new(FieldGroup::Tags, "note"),
        FieldName::new(FieldGroup::Context, "order"),
    ];
    static SITE: CallSite = CallSite::new(Level::Info, "filled", "tests", "tests.rs", 1, FIELDS);
    log.log(Level::Info, &SITE, (Arg(&number), (Arg(note), (Arg(&0), End))));
}

fn with_own_severity(log: &Logger) {
    const FIELDS: &[FieldName] =
        &[FieldName::new(FieldGroup::Severity, "severity"), FieldName::new(FieldGroup::Category, "category")];
    static SITE: CallSite = CallSite::new(Level::Info, "severe", "tests", "tests.rs", 2, FIELDS);
    log.log(Level::Info, &SITE, (Arg(&9_u8), (Arg(&(Category::Business as u8)), End)));
}

mod log {
    //! A log whose messages are kept.

    use std::sync::{Arc, Mutex};

    use fapilog_engine::{container::Container, host::ManualDrain};
    use fapilog_plugin::{
        error::PluginError,
        event::Batch,
        formatter::Formatter,
        sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
    };

    use super::{Context, Event, Protobuf, events};

    #[derive(Clone, Default)]
    struct KeptBytes(Arc<Mutex<Vec<u8>>>);

    struct KeepMessages(Protobuf, KeptBytes);

    impl Sink for KeepMessages {
        fn writer(&self) -> String {
            "memory".to_owned()
        }

        fn payload(&mut self) -> Option<Payload> {
            Some(Payload::new(4096))
        }

        fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
            self.0.format(batch, payload.buffer())
        }

        fn deliver(&mut self, payload: Payload) -> Delivery {
            self.1.0.lock().unwrap().extend_from_slice(payload.records());
            Delivery::done(Ok(()))
        }
    }

    impl SinkFactory for KeptBytes {
        fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
            Ok(Box::new(KeepMessages(Protobuf::new().call_site(true), self.clone())))
        }
    }

    pub(super) struct MessageLog {
        pub(super) container: Container,
        drain: ManualDrain,
        bytes: KeptBytes,
    }

    impl MessageLog {
        pub(super) fn new(has_context: bool) -> Self {
            let bytes = KeptBytes::default();
            let builder = Container::builder().sink("messages", bytes.clone()).record_max_bytes(1024);
            let builder = if has_context { builder.enricher(|_| Box::new(Context::new())) } else { builder };
            let (container, drain) = builder.start_manual().unwrap();
            Self { container, drain, bytes }
        }

        pub(super) fn events(&mut self) -> Vec<Event> {
            self.container.request_flush();
            self.drain.run_until_idle();
            events(&std::mem::take(&mut *self.bytes.0.lock().unwrap()))
        }
    }
}

fn pairs(fields: &[Field]) -> Vec<(String, String)> {
    let text = |value: &Owned| value.view(|value| value.to_string());
    fields.iter().map(key_and_value).map(|(key, value)| (key, text(&value))).collect()
}

fn expected(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Call sites, scopes and events that describe themselves, in any order.
#[test]
fn messages_do_not_depend_on_what_comes_before_them() {
    for has_context in [false, true] {
        let mut log = log::MessageLog::new(has_context);
        let loggers = ["first", "second"].map(|name| log.container.logger(name));
        let scope = Scope::new().field(FieldGroup::Context, "scoped", ValueRef::U64(7)).correlation_id("c-1");
        for number in 0..60_u64 {
            let logger = &loggers[(number / 5 % 2) as usize];
            let note = "n".repeat(number as usize * 3);
            match number % 4 {
                0 | 1 => order(logger, number, &note),
                2 => {
                    let _entered = scope.enter();
                    order(logger, number, &note);
                }
                _ => logger.log_dynamic(&DynamicEvent::new(Level::Error, "else", &number.to_string())),
            }
        }
        let events = log.events();
        assert_eq!(events.len(), 60);
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event.source, ["first", "second"][number / 5 % 2]);
            assert!(event.event_id.ends_with(&format!("-{}", number + 1)), "{}", event.event_id);
            let context = pairs(&event.context);
            assert_eq!(context.iter().any(|(key, _)| key == "process_id"), has_context, "{context:?}");
            let is_scoped = number % 4 == 2;
            assert_eq!(event.correlation_id.as_deref(), is_scoped.then_some("c-1"));
            assert_eq!(context.contains(&("scoped".to_owned(), "7".to_owned())), is_scoped, "{context:?}");
            if number % 4 == 3 {
                assert_eq!((&*event.target, &event.call_site), ("else", &None));
                continue;
            }
            assert_eq!(context.iter().filter(|(key, value)| key == "order" && *value == number.to_string()).count(), 1);
            assert_eq!(pairs(&event.tags), expected(&[("note", &"n".repeat(number * 3))]));
            let place = event.call_site.as_ref().unwrap();
            assert_eq!((&*place.file, place.line, &*event.target), ("tests.rs", 1, "tests"));
        }
    }
}

#[test]
fn the_call_s_own_fields_count_before_those_of_its_scope() {
    let mut log = log::MessageLog::new(false);
    let logger = log.container.logger("test");
    let scope = Scope::new()
        .field(FieldGroup::Context, "order", ValueRef::U64(8))
        .field(FieldGroup::Context, "user", ValueRef::Text("ann"))
        .field(FieldGroup::Metrics, "share", ValueRef::F64(0.5));
    let _entered = scope.enter();
    order(&logger, 7, "late");
    with_own_severity(&logger);
    let [own, other] = &log.events()[..] else { panic!("two events") };
    assert_eq!(pairs(&own.context), expected(&[("order", "7"), ("user", "ann")]));
    assert_eq!(pairs(&other.context), expected(&[("order", "8"), ("user", "ann")]));
    assert_eq!([own, other].map(|event| pairs(&event.metrics)), [(); 2].map(|()| expected(&[("share", "0.5")])));
}

#[test]
fn severity_and_category_of_a_call_take_the_place_of_its_level_s() {
    let mut log = log::MessageLog::new(false);
    with_own_severity(&log.container.logger("test"));
    let [event] = &log.events()[..] else { panic!("one event") };
    assert_eq!((event.severity, event.category), (9, Category::Business as i32));
}

#[test]
fn fields_that_were_cut_are_named_and_the_next_event_is_whole() {
    let mut log = log::MessageLog::new(false);
    let logger = log.container.logger("test");
    order(&logger, 1, &"long ".repeat(1000));
    order(&logger, 2, "short");
    let [cut, whole] = &log.events()[..] else { panic!("two events") };
    assert_eq!((cut.truncated, &cut.truncated_fields[..]), (true, &["tags.note".to_owned()][..]));
    assert_eq!((whole.truncated, whole.truncated_fields.len()), (false, 0));
}

#[test]
fn the_place_of_the_call_is_there_where_it_is_wanted() {
    let place = |formatter: Protobuf| {
        let mut formatter = formatter;
        let bytes = TestBatches::new().batch(&[5], |batch| format(&mut formatter, batch));
        events(&bytes).remove(0).call_site.map(|place| place.file)
    };
    assert_eq!(place(Protobuf::new()), None);
    assert_eq!(place(Protobuf::new().call_site(true)).as_deref(), Some("staged.rs"));
}

#[test]
fn messages_are_no_lines_and_their_ends_are_unknown() {
    assert!(!Protobuf::new().writes_lines());
    assert_eq!(Protobuf::new().record_end(), RecordEnd::Unknown);
}

/// The file of the schema has the numbers that the formatter writes.
#[test]
fn every_field_of_the_schema_has_its_number() {
    let schema = include_str!("../../proto/event.proto");
    assert!(include_str!("../../../../docs/protobuf.md").contains(schema), "the page has another schema");
    for line in ["fixed64 time_unix_nano = 1;", "optional string correlation_id = 9;", "CallSite call_site = 15;"] {
        assert!(schema.contains(line), "{line}");
    }
    for level in Level::ALL {
        assert!(schema.contains(&format!("LEVEL_{} = {};", level.name(), level as u8)), "{level}");
    }
    for category in Category::ALL {
        assert!(schema.contains(&format!("CATEGORY_{} = {};", category.name(), category as u8)), "{category}");
    }
}
