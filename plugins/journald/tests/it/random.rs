//! Entries of any fields, against a model of their own.

use fapilog::{Scope, info};
use fapilog_plugin::{
    field_group::FieldGroup,
    sink::Payload,
    testing::{TestBatches, test_event},
    value::ValueRef,
};
use proptest::prelude::*;

use crate::{
    strict_parser::ReadEntry,
    support::{encoded, entries_of, named, sink},
};

#[derive(Debug, Clone)]
enum AnyValue {
    None,
    Number(u64),
    Signed(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl AnyValue {
    fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::None => ValueRef::None,
            Self::Number(number) => ValueRef::U64(*number),
            Self::Signed(number) => ValueRef::I64(*number),
            Self::Text(text) => ValueRef::Text(text),
            Self::Bytes(bytes) => ValueRef::Bytes(bytes),
        }
    }

    /// The bytes in the journal.
    fn stored(&self) -> Vec<u8> {
        match self {
            Self::None => b"null".to_vec(),
            Self::Number(number) => number.to_string().into_bytes(),
            Self::Signed(number) => number.to_string().into_bytes(),
            Self::Text(text) => text.clone().into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

fn values() -> impl Strategy<Value = AnyValue> {
    prop_oneof![
        Just(AnyValue::None),
        any::<u64>().prop_map(AnyValue::Number),
        any::<i64>().prop_map(AnyValue::Signed),
        any::<String>().prop_map(AnyValue::Text),
        "[a\n=é]{0,12}".prop_map(AnyValue::Text),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(AnyValue::Bytes),
    ]
}

fn names() -> impl Strategy<Value = String> {
    let known = ["message", "PRIORITY", "_pid", "9", "", "trace_id", "user.id", "code_file", "x=y\nz"];
    prop_oneof![prop::sample::select(known.to_vec()).prop_map(str::to_owned), any::<String>(), "[a-zA-Z_.0-9]{1,80}"]
}

fn groups() -> impl Strategy<Value = FieldGroup> {
    prop::sample::select(vec![FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics])
}

/// The name of a field by the rules of the documentation, written down once more.
fn stored_name(group: FieldGroup, name: &str) -> String {
    const OWN: &str = "CATEGORY CODE_FILE CODE_FUNC CODE_LINE CORRELATION_ID EVENT_ID EVENT_TIME LEVEL LOGGER MESSAGE \
                       MESSAGE_ID OBJECT_PID PRIORITY SEVERITY SYSLOG_FACILITY SYSLOG_IDENTIFIER TARGET TID TRUNCATED \
                       TRUNCATED_FIELDS";
    let group = match group {
        FieldGroup::Tags => "TAGS_",
        FieldGroup::Metrics => "METRICS_",
        _ => "",
    };
    let mapped: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let whole = format!("{group}{mapped}");
    let is_fine = whole.starts_with(|c: char| c.is_ascii_uppercase()) && OWN.split_whitespace().all(|own| own != whole);
    let whole = if is_fine { whole } else { format!("FIELD_{whole}") };
    whole.chars().take(64).collect()
}

proptest! {
    #[test]
    fn any_event_reads_back_as_it_was(
        message in any::<String>(),
        target in any::<String>(),
        fields in prop::collection::vec((groups(), names(), values()), 0..12),
    ) {
        let mut event = test_event(&message).target(&target);
        for (group, name, value) in &fields {
            event = event.field(*group, name, value.as_ref());
        }
        let records = TestBatches::new().events(&[event], |batch| encoded(&mut *sink(&named()), batch));
        let entry = ReadEntry::parse(&records[0]);
        prop_assert_eq!(entry.text("MESSAGE"), &message);
        prop_assert_eq!(entry.text("TARGET"), &target);
        let mut expected: Vec<(String, Vec<u8>)> = Vec::new();
        for wanted in [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics] {
            let mut known = Vec::new();
            for (_, name, value) in fields.iter().filter(|(group, ..)| *group == wanted) {
                if !known.contains(&name) {
                    known.push(name);
                    expected.push((stored_name(wanted, name), value.stored()));
                }
            }
        }
        let behind_message = entry.fields.iter().position(|(name, _)| name == "MESSAGE").unwrap() + 1;
        prop_assert_eq!(&entry.fields[behind_message..], &expected[..]);
    }

    #[test]
    fn any_entry_that_is_cut_is_an_entry_and_not_longer_than_the_limit(
        message in "[a-zé\n]{0,600}",
        fields in prop::collection::vec((groups(), names(), values()), 0..12),
        long in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let mut event = test_event(&message).field(FieldGroup::Context, "long", &long[..]);
        for (group, name, value) in &fields {
            event = event.field(*group, name, value.as_ref());
        }
        let journald = named().entry_bytes_max(1 << 10);
        let (cut, whole) = TestBatches::new().events(&[event], |batch| {
            (encoded(&mut *sink(&journald), batch), encoded(&mut *sink(&named()), batch))
        });
        let (cut, whole) = (&cut[0], &whole[0]);
        prop_assert!(cut.len() <= 1 << 10);
        let entry = ReadEntry::parse(cut);
        prop_assert_eq!(entry.has("TRUNCATED"), whole.len() > 1 << 10);
        let whole = ReadEntry::parse(whole);
        for ((name, value), (whole_name, whole_value)) in entry.fields.iter().zip(&whole.fields) {
            if name != "TRUNCATED" {
                prop_assert_eq!(name, whole_name);
                prop_assert!(whole_value.starts_with(value));
            }
        }
    }
}

/// A field of a scope.
type ScopeField = (FieldGroup, &'static str, AnyValue);

fn scope_fields() -> impl Strategy<Value = Vec<ScopeField>> {
    let names = prop::sample::select(vec!["user", "number", "region", "trace_id", "message_id", "x y"]);
    prop::collection::vec((groups(), names, values()), 0..6)
}

/// The fields of a scope as they are in an entry, without those that arguments of the call have in their place.
fn stored_scope(fields: &[ScopeField], arguments: &[(FieldGroup, &str)]) -> Vec<(String, Vec<u8>)> {
    let mut stored: Vec<((FieldGroup, &str), Vec<u8>)> = Vec::new();
    for (group, name, value) in fields.iter().filter(|(group, name, _)| !arguments.contains(&(*group, *name))) {
        stored.retain(|(key, _)| *key != (*group, *name));
        stored.push(((*group, name), value.stored()));
    }
    stored.into_iter().map(|((group, name), value)| (stored_name(group, name), value)).collect()
}

/// The fields of an event behind its message, in the order of their names.
fn fields_of(entry: &ReadEntry) -> Vec<(String, Vec<u8>)> {
    let behind_message = entry.fields.iter().position(|(name, _)| name == "MESSAGE").unwrap() + 1;
    let mut fields = entry.fields[behind_message..].to_vec();
    fields.sort();
    fields
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_fields_of_any_scopes_are_beside_those_of_the_call(scopes in prop::collection::vec(scope_fields(), 1..24)) {
        let entries = entries_of(|sink| sink, |container| {
            let log = container.logger("orders");
            for fields in &scopes {
                let scope = fields.iter().fold(Scope::new(), |scope, (group, name, value)| {
                    scope.field(*group, name, value.as_ref())
                });
                let _entered = scope.enter();
                info!(log, "order", user = "own", number = 1, tags.region = "own");
                info!(log, "late");
            }
        });
        let (context, tags) = (FieldGroup::Context, FieldGroup::Tags);
        let arguments = [(context, "user"), (context, "number"), (tags, "region")];
        let own = [("USER", "own"), ("NUMBER", "1"), ("TAGS_REGION", "own")];
        let own = own.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        for (fields, entries) in scopes.iter().zip(entries.chunks(2)) {
            let mut expected = [&own[..], &stored_scope(fields, &arguments)].concat();
            expected.sort();
            prop_assert_eq!(fields_of(&entries[0]), expected);
            let mut expected = stored_scope(fields, &[]);
            expected.sort();
            prop_assert_eq!(fields_of(&entries[1]), expected);
        }
    }

    #[test]
    fn records_of_any_bytes_become_entries(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60), 0..8)) {
        let mut sink = sink(&named());
        let mut other = Payload::new(100);
        for record in &records {
            other.buffer().extend_from_slice(record);
            other.end_record();
        }
        let mut payload = sink.payload().unwrap();
        sink.append_records(&other, &mut payload);
        let stored: Vec<_> = crate::support::records(&payload).iter().map(|entry| ReadEntry::parse(entry)).collect();
        let messages: Vec<_> = stored.iter().map(|entry| entry.bytes("MESSAGE")).collect();
        let expected: Vec<_> = records.iter().map(|record| record.strip_suffix(b"\n").unwrap_or(record)).collect();
        prop_assert_eq!(messages, expected);
    }
}
