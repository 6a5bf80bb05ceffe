//! Records byte by byte, and readers of bytes that are no record.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use proptest::prelude::*;

use crate::{
    arguments::{Arg, Arguments, End},
    dynamic::{DynamicFields, put_field},
    field_group::FieldGroup,
    head::Head,
    value::{self, Kind, Value, ValueRef},
    writer::{Overrun, WrittenRecord, record_bytes, write_record},
};

const SOURCE: u32 = 0x0403_0201;

/// The form that the macros give to a call's arguments.
macro_rules! arguments {
    () => { End };
    ($value:expr $(, $($tail:tt)*)?) => { (Arg(&$value), arguments!($($($tail)*)?)) };
}

/// A whole record: nothing is cut.
fn record<A: Arguments>(arguments: &A, scope: &[u8]) -> Vec<u8> {
    let mut slot = vec![0xee; record_bytes(arguments, scope.len())];
    let written = write_record(&mut slot, SOURCE, arguments, scope).unwrap();
    assert_eq!((written.used_bytes, written.is_cut), (slot.len(), false));
    slot
}

/// The bytes behind the head of a record of one value.
fn body<T: Value + ?Sized>(value: &T) -> Vec<u8> {
    record(&(Arg(value), End), &[])[Head::BYTES..].to_vec()
}

/// Reads a record's arguments.
fn read<A: Arguments>(_: &A, record: &[u8]) -> Vec<String> {
    let mut offset = Head::BYTES;
    let values = A::SHAPE.kinds().map(|kind| {
        let value = value::read(record, offset, kind);
        offset += kind.wire_bytes();
        shown(value)
    });
    values.collect()
}

/// A value's text, its elements included: every one of them is looked at.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Sequence(sequence) => {
            let elements: Vec<String> = sequence.iter().map(shown).collect();
            format!("{elements:?}")
        }
        value => format!("{value:?}"),
    }
}

#[test]
fn the_head_is_source_flags_and_length_of_the_scope() {
    let scope = [7; 300];
    let bytes = record(&End, &scope);
    assert_eq!(bytes[..8], [1, 2, 3, 4, 0, 0, 44, 1]);
    assert_eq!(bytes[8..], scope);
}

#[test]
fn a_cut_record_has_bit_0_of_the_flags_set() {
    let mut slot = [0; 18];
    let written = write_record(&mut slot, SOURCE, &arguments!["abc"], &[]).unwrap();
    assert_eq!((written.used_bytes, written.is_cut), (18, true));
    assert_eq!(slot, [1, 2, 3, 4, 1, 0, 0, 0, 16, 0, 0, 0, 2, 0, 0, 0, b'a', b'b']);
}

#[test]
fn a_head_reads_back_as_it_was() {
    for is_cut in [false, true] {
        let head = Head { source: SOURCE, is_cut, scope_bytes: 300 };
        assert_eq!(Head::read(&head.to_bytes()), Some(head));
    }
}

#[test]
fn numbers_are_little_endian_and_nothing_is_padded() {
    let bytes =
        record(&arguments![-2_i8, 0x0102_u16, -3_i32, 0x0102_0304_0506_0708_u64, true, 'ü', 1.5_f32, -2.0_f64], &[]);
    let expected: [&[u8]; 8] = [
        &[0xfe],
        &[2, 1],
        &[0xfd, 0xff, 0xff, 0xff],
        &[8, 7, 6, 5, 4, 3, 2, 1],
        &[1],
        &[0xfc, 0, 0, 0],
        &[0, 0, 0xc0, 0x3f],
        &[0, 0, 0, 0, 0, 0, 0, 0xc0],
    ];
    assert_eq!(bytes[8..], expected.concat());
}

#[test]
fn the_widest_integers_take_sixteen_bytes() {
    assert_eq!(body(&1_i128), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(body(&u128::MAX), [0xff; 16]);
}

#[test]
fn machine_words_travel_as_64_bits() {
    assert_eq!((body(&1_usize), body(&-1_isize)), (vec![1, 0, 0, 0, 0, 0, 0, 0], vec![0xff; 8]));
}

#[test]
fn text_is_a_span_in_the_root_and_bytes_in_the_tail() {
    let bytes = record(&arguments!["ab", 9_u8, String::from("c")], &[]);
    // Two spans of eight bytes and one byte between, so the tail starts at 8 + 17.
    assert_eq!(bytes[8..25], [25, 0, 0, 0, 2, 0, 0, 0, 9, 27, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(bytes[25..], *b"abc");
}

#[test]
fn bytes_look_like_text() {
    assert_eq!(body(&b"\xff\0"[..]), [16, 0, 0, 0, 2, 0, 0, 0, 0xff, 0]);
}

#[test]
fn an_option_is_a_byte_and_the_value_or_zeros() {
    assert_eq!(body(&Some(0x0102_u16)), [1, 2, 1]);
    assert_eq!(body(&None::<u16>), [0, 0, 0]);
    assert_eq!(body(&Some("x")), [1, 17, 0, 0, 0, 1, 0, 0, 0, b'x']);
}

#[test]
fn durations_and_times_are_seconds_and_nanoseconds() {
    assert_eq!(body(&Duration::new(1, 2)), [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(body(&(UNIX_EPOCH + Duration::new(1, 2))), [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]);
    // Half a second before 1970: second -1 and half of it.
    let half_before = UNIX_EPOCH - Duration::from_millis(500);
    assert_eq!(body(&half_before), [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x65, 0xcd, 0x1d]);
}

#[test]
fn an_address_is_its_version_and_its_bytes_in_network_order() {
    assert_eq!(body(&Ipv4Addr::new(1, 2, 3, 4)), [4, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let v6 = Ipv6Addr::new(0x0102, 0, 0, 0, 0, 0, 0, 0x0f10);
    assert_eq!(body(&IpAddr::V6(v6)), [6, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0f, 0x10]);
}

#[test]
fn a_uuid_is_its_bytes_in_network_order() {
    let bytes: [u8; 16] = std::array::from_fn(|index| index as u8);
    assert_eq!(body(&uuid::Uuid::from_bytes(bytes)), bytes);
}

#[test]
fn a_sequence_is_a_span_and_its_elements_side_by_side() {
    assert_eq!(body(&[0x0102_u16, 3]), [16, 0, 0, 0, 2, 0, 0, 0, 2, 1, 3, 0]);
    let texts = [16, 0, 0, 0, 2, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0, 33, 0, 0, 0, 2, 0, 0, 0, b'a', b'b', b'c'];
    assert_eq!(body(&["a", "bc"]), texts);
}

#[test]
fn a_dynamic_field_is_group_key_type_and_value() {
    let mut bytes = Vec::new();
    put_field(&mut bytes, FieldGroup::Tags, "ab", ValueRef::Text("xyz"));
    assert_eq!(bytes, [1, 2, 0, b'a', b'b', 15, 3, 0, 0, 0, b'x', b'y', b'z']);
    bytes.clear();
    put_field(&mut bytes, FieldGroup::Context, "n", ValueRef::U64(258));
    assert_eq!(bytes, [0, 1, 0, b'n', 5, 2, 1, 0, 0, 0, 0, 0, 0]);
}

/// A value of each type that stands for itself, at the ends of its range where it has some.
fn values() -> Vec<ValueRef<'static>> {
    vec![
        ValueRef::None,
        ValueRef::Bool(false),
        ValueRef::Bool(true),
        ValueRef::Char('ü'),
        ValueRef::I64(i64::MIN),
        ValueRef::U64(u64::MAX),
        ValueRef::I128(i128::MIN),
        ValueRef::U128(u128::MAX),
        ValueRef::F32(1.5),
        ValueRef::F64(-2.25),
        ValueRef::Duration(Duration::new(u64::MAX, 999_999_999)),
        ValueRef::Time { seconds: -1, nanos: 999_999_999 },
        ValueRef::Ip(IpAddr::V4(Ipv4Addr::new(1, 2, 3, 4))),
        ValueRef::Ip(IpAddr::V6(Ipv6Addr::new(0x0102, 0, 0, 0, 0, 0, 0, 0x0f10))),
        ValueRef::Uuid([9; 16]),
        ValueRef::Text(""),
        ValueRef::Text("some"),
        ValueRef::Bytes(&[]),
        ValueRef::Bytes(&[0xff, 0]),
    ]
}

#[test]
fn dynamic_fields_of_every_type_are_read_back_in_order() {
    let mut bytes = Vec::new();
    for (index, value) in values().into_iter().enumerate() {
        put_field(&mut bytes, FieldGroup::Tags, &index.to_string(), value);
    }
    let back: Vec<(FieldGroup, String, String)> =
        DynamicFields::new(&bytes).map(|(group, key, value)| (group, key.to_owned(), shown(value))).collect();
    let expected: Vec<(FieldGroup, String, String)> = (values().into_iter().enumerate())
        .map(|(index, value)| (FieldGroup::Tags, index.to_string(), shown(value)))
        .collect();
    assert_eq!(back, expected);
}

#[test]
fn typed_values_are_read_back_beside_each_other() {
    let (duration, time) = (Duration::new(7, 8), UNIX_EPOCH + Duration::new(9, 10));
    let (v4, v6) = (Ipv4Addr::new(1, 2, 3, 4), Ipv6Addr::new(0x0102, 0, 0, 0, 0, 0, 0, 0x0f10));
    let arguments = arguments![duration, time, v4, v6, uuid::Uuid::from_bytes([9; 16]), 1.5_f32, true, 7_u8];
    let expected = [
        ValueRef::Duration(duration),
        ValueRef::Time { seconds: 9, nanos: 10 },
        ValueRef::Ip(v4.into()),
        ValueRef::Ip(v6.into()),
        ValueRef::Uuid([9; 16]),
        ValueRef::F32(1.5),
        ValueRef::Bool(true),
        ValueRef::U64(7),
    ];
    assert_eq!(read(&arguments, &record(&arguments, &[])), expected.map(shown));
}

#[test]
fn a_record_without_room_for_its_root_is_refused() {
    let mut slot = [0; 15];
    assert_eq!(write_record(&mut slot, SOURCE, &arguments![1_u64], &[]), Err(Overrun));
}

#[test]
fn text_is_cut_between_characters_whatever_the_room() {
    let text = "a€ü😀b".repeat(3);
    let arguments = arguments![text, 7_u8, text];
    let whole = record(&arguments, &[]).len();
    for room in Head::BYTES + 17..=whole {
        let mut slot = vec![0xee; room];
        let written = write_record(&mut slot, SOURCE, &arguments, &[]).unwrap();
        assert_eq!(written.is_cut, room < whole);
        let record = &slot[..written.used_bytes];
        for place in [Head::BYTES, Head::BYTES + 9] {
            let ValueRef::Text(back) = value::read(record, place, &Kind::Text) else { panic!("no text in {room}") };
            assert!(text.starts_with(back));
        }
        assert_eq!(value::read(record, Head::BYTES + 8, &Kind::U8), ValueRef::U64(7));
    }
}

#[test]
fn bytes_are_cut_anywhere_whatever_the_room() {
    let data: Vec<u8> = (0..20).collect();
    let arguments = arguments![data[..]];
    let whole = record(&arguments, &[]).len();
    for room in Head::BYTES + 8..=whole {
        let mut slot = vec![0xee; room];
        let written = write_record(&mut slot, SOURCE, &arguments, &[]).unwrap();
        assert_eq!(written, WrittenRecord { used_bytes: room, is_cut: room < whole });
        let expected = ValueRef::Bytes(&data[..room - Head::BYTES - 8]);
        assert_eq!(value::read(&slot, Head::BYTES, &Kind::Bytes), expected);
    }
}

#[test]
fn a_sequence_is_cut_between_elements_whatever_the_room() {
    let elements = ["one", "two", "three"];
    let arguments = arguments![elements];
    let whole = record(&arguments, &[]).len();
    for room in Head::BYTES + 8..=whole {
        let mut slot = vec![0xee; room];
        let written = write_record(&mut slot, SOURCE, &arguments, &[]).unwrap();
        assert_eq!(written.is_cut, room < whole);
        let back = value::read(&slot[..written.used_bytes], Head::BYTES, &Kind::Sequence(&Kind::Text));
        let ValueRef::Sequence(back) = back else { panic!("no sequence in {room}") };
        for (element, whole) in back.iter().zip(elements) {
            let ValueRef::Text(text) = element else { panic!("no text in {room}") };
            assert!(whole.starts_with(text));
        }
    }
}

#[test]
fn a_scope_without_room_is_left_out_whole() {
    let scope = [1; 20];
    let mut slot = [0; 8 + 8 + 19];
    let written = write_record(&mut slot, SOURCE, &arguments![1_u64], &scope).unwrap();
    assert_eq!((written.used_bytes, written.is_cut), (16, true));
    assert_eq!(Head::read(&slot), Some(Head { source: SOURCE, is_cut: true, scope_bytes: 0 }));
}

#[test]
fn a_scope_comes_before_the_tail_when_room_is_short() {
    let mut slot = [0; 8 + 8 + 3 + 2];
    let written = write_record(&mut slot, SOURCE, &arguments!["abcdef"], &[9; 3]).unwrap();
    assert_eq!((written.used_bytes, written.is_cut), (21, true));
    assert_eq!(slot[16..], [b'a', b'b', 9, 9, 9]);
}

fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 4 } else { 512 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A kind of every shape that a reader can meet.
const KINDS: [&Kind; 28] = [
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
    &Kind::Uuid,
    &Kind::Text,
    &Kind::Bytes,
    &Kind::Sequence(&Kind::U64),
    &Kind::Sequence(&Kind::Text),
    &Kind::Sequence(&Kind::Sequence(&Kind::U8)),
    &Kind::Sequence(&Kind::Option(&Kind::Bytes)),
    &Kind::Option(&Kind::U32),
    &Kind::Option(&Kind::Text),
    &Kind::Option(&Kind::Option(&Kind::Bool)),
    &Kind::Option(&Kind::Sequence(&Kind::Char)),
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
        texts in prop::collection::vec(".{0,5}", 0..5), scope in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let arguments = arguments![text, bytes, texts];
        let mut slot = vec![0xee; room];
        match write_record(&mut slot, SOURCE, &arguments, &scope) {
            Ok(written) => {
                prop_assert!(written.used_bytes <= room);
                prop_assert_eq!(written.is_cut, room < record_bytes(&arguments, scope.len()));
                read(&arguments, &slot[..written.used_bytes]);
            }
            Err(Overrun) => prop_assert!(room < Head::BYTES + 24),
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

#[test]
fn a_time_keeps_its_place_on_either_side_of_1970() {
    let second = Duration::from_secs(1);
    for time in [UNIX_EPOCH, UNIX_EPOCH - second, UNIX_EPOCH + second, SystemTime::UNIX_EPOCH - second / 3] {
        let bytes = record(&arguments![time], &[]);
        let ValueRef::Time { seconds, nanos } = value::read(&bytes, Head::BYTES, &Kind::Time) else {
            panic!("no time")
        };
        let back = if seconds < 0 {
            UNIX_EPOCH - Duration::from_secs(seconds.unsigned_abs()) + Duration::from_nanos(nanos.into())
        } else {
            UNIX_EPOCH + Duration::new(seconds.unsigned_abs(), nanos)
        };
        assert_eq!(back, time);
    }
}
