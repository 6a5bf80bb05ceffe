//! Any event is the same record in both forms, as the official messages read them.

use fapilog::{Container, Scope, info};
use fapilog_plugin::{field_group::FieldGroup, value::ValueRef};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use proptest::prelude::*;

use super::{
    received::{attribute, body},
    records::in_both_forms,
};

#[derive(Debug, Clone)]
enum AnyField {
    I64(i64),
    U64(u64),
    I128(i128),
    F64(f64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
    None,
}

impl AnyField {
    fn value(&self) -> ValueRef<'_> {
        match self {
            Self::I64(n) => ValueRef::I64(*n),
            Self::U64(n) => ValueRef::U64(*n),
            Self::I128(n) => ValueRef::I128(*n),
            Self::F64(x) => ValueRef::F64(*x),
            Self::Bool(is) => ValueRef::Bool(*is),
            Self::Text(text) => ValueRef::Text(text),
            Self::Bytes(bytes) => ValueRef::Bytes(bytes),
            Self::None => ValueRef::None,
        }
    }
}

fn any_field() -> impl Strategy<Value = AnyField> {
    // The reader of JSON does not round floats of many digits as it should.
    let short = any::<i32>().prop_map(|n| f64::from(n) / 8.0);
    prop_oneof![
        any::<i64>().prop_map(AnyField::I64),
        any::<u64>().prop_map(AnyField::U64),
        any::<i128>().prop_map(AnyField::I128),
        short.prop_map(AnyField::F64),
        any::<bool>().prop_map(AnyField::Bool),
        ".{0,200}".prop_map(AnyField::Text),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(AnyField::Bytes),
        Just(AnyField::None),
    ]
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,12}",
        "[ab]",
        Just("hostname".to_owned()),
        Just("log.record.uid".to_owned()),
        Just("trace_id".to_owned()),
        "[0-9a-f]{32}",
    ]
}

fn any_group() -> impl Strategy<Value = FieldGroup> {
    prop_oneof![Just(FieldGroup::Context), Just(FieldGroup::Tags), Just(FieldGroup::Metrics)]
}

type AnyEvent = (String, Vec<(FieldGroup, String, AnyField)>);

fn log_all(container: &Container, events: &[AnyEvent]) {
    let log = container.logger("any");
    for (message, fields) in events {
        let scope =
            fields.iter().fold(Scope::new(), |scope, (group, name, field)| scope.field(*group, name, field.value()));
        let _entered = scope.enter();
        info!(log, "{message}", message = message.as_str(), a = 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_event_is_the_same_record_in_both_forms(
        events in prop::collection::vec((".{0,60}", prop::collection::vec((any_group(), any_name(), any_field()), 0..6)), 1..20)
    ) {
        let [protobuf, json] = in_both_forms(|_| {}, |container| log_all(container, &events));
        prop_assert_eq!(protobuf.len(), events.len());
        prop_assert_eq!(&protobuf, &json);
        for ((_, record), (message, _)) in protobuf.iter().zip(&events) {
            prop_assert_eq!(body(record), message);
            prop_assert!(attribute(&record.attributes, "log.record.uid").is_some() && names_are_unique(record));
        }
    }
}

fn names_are_unique(record: &LogRecord) -> bool {
    record.attributes.windows(2).all(|pair| pair[0].key != pair[1].key)
}
