//! Readers of bytes that are no record.

use proptest::prelude::*;

use crate::{
    dynamic::{DynamicFields, put_field},
    field_group::FieldGroup,
    head::Head,
    tests::{SOURCE, read, record, shown},
    value::{self, Kind, ValueRef},
    writer::{Overrun, record_bytes, write_record},
};

fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 4 } else { 512 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A kind of every shape that a reader can meet.
const KINDS: [&Kind; 37] = [
    &Kind::Bool,
    &Kind::Char,
    &Kind::I8,
    &Kind::I16,
    &Kind::I32,
    &Kind::I64,
    &Kind::I128,
    &Kind::U8,
    &Kind::U16,
    &Kind::U32,
    &Kind::U64,
    &Kind::U128,
    &Kind::F32,
    &Kind::F64,
    &Kind::Duration,
    &Kind::Time,
    &Kind::Ip,
    &Kind::Socket,
    &Kind::Unit,
    &Kind::Uuid,
    &Kind::Redacted,
    &Kind::Pseudonym,
    &Kind::Text,
    &Kind::DebugText,
    &Kind::ErrorText,
    &Kind::Bytes,
    &Kind::Sequence(&Kind::U64),
    &Kind::Sequence(&Kind::Text),
    &Kind::Sequence(&Kind::Sequence(&Kind::U8)),
    &Kind::Sequence(&Kind::Option(&Kind::Bytes)),
    &Kind::Option(&Kind::U32),
    &Kind::Option(&Kind::Text),
    &Kind::Option(&Kind::Option(&Kind::Bool)),
    &Kind::Option(&Kind::Sequence(&Kind::Char)),
    &Kind::SelfTyped,
    &Kind::Sequence(&Kind::SelfTyped),
    &Kind::Option(&Kind::SelfTyped),
];

/// Bytes as a broken record may have them: small numbers, so that spans point somewhere now and then.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let small = prop_oneof![4 => 0_u8..20, 1 => any::<u8>()];
    prop::collection::vec(small, 0..80)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_archived_is_read_back(
        a in any::<i64>(), b in any::<u128>(), c in any::<f64>(), d in any::<char>(), e in ".{0,20}",
        f in prop::collection::vec(any::<u8>(), 0..20), g in prop::option::of(".{0,9}"),
        h in prop::collection::vec(".{0,5}", 0..5), i in prop::collection::vec(prop::option::of(any::<i16>()), 0..5),
        scope in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let arguments = arguments![a, b, c, d, e, f, g, h, i];
        let bytes = record(&arguments, &scope);
        let expected = [
            shown(ValueRef::I64(a)), shown(ValueRef::U128(b)), shown(ValueRef::F64(c)), shown(ValueRef::Char(d)),
            shown(ValueRef::Text(&e)), shown(ValueRef::Bytes(&f)),
            g.as_ref().map_or(shown(ValueRef::None), |g| shown(ValueRef::Text(g))),
            format!("{:?}", h.iter().map(|h| shown(ValueRef::Text(h))).collect::<Vec<_>>()),
            format!("{:?}", i.iter().map(|i| i.map_or(shown(ValueRef::None), |i| shown(ValueRef::I64(i.into())))).collect::<Vec<_>>()),
        ];
        prop_assert_eq!(read(&arguments, &bytes), expected);
        prop_assert!(bytes.ends_with(&scope));
    }

    #[test]
    fn a_slot_of_any_size_gives_a_record_or_an_overrun(
        room in 0_usize..100, text in ".{0,20}", bytes in prop::collection::vec(any::<u8>(), 0..20),
        texts in prop::collection::vec(prop::sample::select(&["", "a", "ü", "日本"][..]), 0..5),
        scope in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let arguments = arguments![text, bytes, texts];
        let mut slot = vec![0xee; room];
        match write_record(&mut slot, SOURCE, &arguments, &scope) {
            Ok(written) => {
                prop_assert!(written.used_bytes <= room);
                prop_assert_eq!(written.is_cut, room < record_bytes(&arguments, scope.len()));
                read(&arguments, &slot[..written.used_bytes]);
            }
            Err(Overrun) => prop_assert!(room < Head::BYTES + 24 + 1),
        }
    }

    #[test]
    fn the_reader_of_typed_values_takes_any_bytes(bytes in broken(), offset in 0_usize..90) {
        for kind in KINDS {
            shown(value::read(&bytes, offset, kind));
        }
    }

    #[test]
    fn the_reader_of_dynamic_fields_takes_any_bytes(bytes in broken()) {
        let fields: Vec<String> = DynamicFields::new(&bytes).map(|(_, _, value)| shown(value)).collect();
        // FieldGroup, length of the key, and type: a field has four bytes at least.
        prop_assert!(fields.len() <= bytes.len() / 4);
    }

    #[test]
    fn the_reader_of_dynamic_fields_ends_where_a_record_was_cut(
        texts in prop::collection::vec(".{0,9}", 1..6), cut in 0_usize..100,
    ) {
        let mut bytes = Vec::new();
        for text in &texts {
            put_field(&mut bytes, FieldGroup::Context, "key", ValueRef::Text(text));
        }
        bytes.truncate(cut);
        for ((_, key, value), text) in DynamicFields::new(&bytes).zip(&texts) {
            prop_assert_eq!((key, value), ("key", ValueRef::Text(text)));
        }
    }
}
