//! Records byte by byte, and readers of bytes that are no record.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    num::Wrapping,
    ops::Range,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use proptest::prelude::*;

use crate::{
    arguments::{Arg, Arguments, End},
    as_logged,
    call_site::{CallSite, Descriptor, DescriptorCache, FieldName},
    dynamic::{Counting, DynamicFields, MarkedField, append_fields, cut_fields, put_field},
    field_group::FieldGroup,
    head::Head,
    level::Level,
    value::{self, Kind, SequenceRef, Value, ValueRef},
    writer::{Overrun, record_bytes, write_record},
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
        ValueRef::Map(map) => {
            let entries: Vec<(&str, String)> = map.iter().map(|(key, value)| (key, shown(value))).collect();
            format!("{entries:?}")
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
fn a_cut_record_has_bit_0_of_the_flags_set_and_a_mask_behind_the_root() {
    let mut slot = [0; 19];
    let written = write_record(&mut slot, SOURCE, &arguments!["abcd"], &[]).unwrap();
    assert_eq!((written.used_bytes, written.is_cut), (19, true));
    assert_eq!(slot, [1, 2, 3, 4, 1, 0, 0, 0, 17, 0, 0, 0, 2, 0, 0, 0, 1, b'a', b'b']);
}

#[test]
fn a_mask_has_a_bit_for_each_argument_with_a_tail() {
    let arguments = arguments!["", 7_u8, "abcdef", None::<u16>, Some("abcdef"), [1_u8; 9]];
    let tail_start = Head::BYTES + 8 + 1 + 8 + 3 + 9 + 8 + 1;
    let mut slot = vec![0xee; tail_start + 9];
    assert!(write_record(&mut slot, SOURCE, &arguments, &[]).unwrap().is_cut);
    assert_eq!(slot[tail_start - 1], 0b1110);
    assert_eq!(
        read(&arguments, &slot),
        [r#"Text("")"#, "U64(7)", r#"Text("abc")"#, "None", r#"Text("abc")"#, "Bytes([1, 1, 1])"]
    );
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
fn a_socket_address_is_an_address_and_its_port_and_scope() {
    let v4: SocketAddr = "1.2.3.4:258".parse().unwrap();
    assert_eq!(body(&v4), [4, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0]);
    let v6 = SocketAddrV6::new(Ipv6Addr::new(0x0102, 0, 0, 0, 0, 0, 0, 0x0f10), 258, 9, 3);
    assert_eq!(body(&v6), [6, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0f, 0x10, 2, 1, 3, 0, 0, 0]);
}

#[test]
fn nothing_is_a_byte() {
    assert_eq!(body(&()), [0]);
    assert_eq!(body(&[(), ()]), [16, 0, 0, 0, 2, 0, 0, 0, 0, 0]);
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
        ValueRef::Socket("1.2.3.4:80".parse().unwrap()),
        ValueRef::Socket(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 65_535, 0, u32::MAX).into()),
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

/// A call site that takes these arguments, and names them `a`, `b` and so on.
fn descriptor<A: Arguments>(_: &A) -> &'static Descriptor {
    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let fields = A::SHAPE.kinds().zip(NAMES).map(|(_, name)| FieldName::new(FieldGroup::Context, name));
    let fields: Vec<FieldName> = fields.collect();
    // Call sites live as long as the program.
    let site: &'static CallSite = Box::leak(Box::new(CallSite::new(Level::Info, "", "", "", 1, fields.leak())));
    DescriptorCache::new().get(site.descriptor_id::<A>()).unwrap()
}

/// Each room of the range. miri is slow: under it, every seventh.
fn rooms(range: Range<usize>) -> impl Iterator<Item = usize> {
    range.step_by(if cfg!(miri) { 7 } else { 1 })
}

/// The record of these arguments in so much room, and the names of those that were cut.
fn cut<A: Arguments>(arguments: &A, room: usize) -> (Vec<u8>, Vec<&'static str>) {
    let mut slot = vec![0xee; room];
    let written = write_record(&mut slot, SOURCE, arguments, &[]).unwrap();
    slot.truncate(written.used_bytes);
    let cut = if written.is_cut {
        descriptor(arguments).cut_fields(&slot).map(|field| field.name.name).collect()
    } else {
        Vec::new()
    };
    (slot, cut)
}

#[test]
fn text_is_cut_between_characters_whatever_the_room() {
    let text = "a€ü😀b".repeat(3);
    let arguments = arguments![text, 7_u8, text];
    let whole = record(&arguments, &[]).len();
    for room in rooms(Head::BYTES + 18..whole + 1) {
        let (record, cut) = cut(&arguments, room);
        for (place, name) in [(Head::BYTES, "a"), (Head::BYTES + 9, "c")] {
            let ValueRef::Text(back) = value::read(&record, place, &Kind::Text) else { panic!("no text in {room}") };
            assert!(text.starts_with(back));
            assert_eq!(cut.contains(&name), back.len() < text.len(), "{name} in {room}");
        }
        assert_eq!(value::read(&record, Head::BYTES + 8, &Kind::U8), ValueRef::U64(7));
    }
}

#[test]
fn a_long_argument_leaves_room_for_those_behind_it() {
    let long = "x".repeat(1000);
    let arguments = arguments![long, "short", Some("some"), vec![7_u64; 3], long];
    let (record, cut) = cut(&arguments, 500);
    assert_eq!(
        read(&arguments, &record)[1..4],
        [r#"Text("short")"#, r#"Text("some")"#, r#"["U64(7)", "U64(7)", "U64(7)"]"#]
    );
    assert_eq!(cut, ["a", "e"]);
    let fair_bytes = (500 - Head::BYTES - 8 * 4 - 9 - 1) / 5;
    for place in [Head::BYTES, Head::BYTES + 8 + 8 + 9 + 8] {
        let ValueRef::Text(back) = value::read(&record, place, &Kind::Text) else { panic!("no text") };
        assert!(back.len() >= fair_bytes, "{}", back.len());
    }
}

#[test]
fn some_text_without_room_is_still_some_and_marked() {
    let arguments = arguments![Some("text"), None::<&str>, Some("")];
    let (record, cut) = cut(&arguments, Head::BYTES + 27 + 1);
    assert_eq!(read(&arguments, &record), [r#"Text("")"#, "None", r#"Text("")"#]);
    assert_eq!(cut, ["a"]);
}

#[test]
fn bytes_are_cut_anywhere_whatever_the_room() {
    let data: Vec<u8> = (0..20).collect();
    let arguments = arguments![data[..]];
    let whole = record(&arguments, &[]).len();
    for room in rooms(Head::BYTES + 9..whole) {
        let (slot, cut) = cut(&arguments, room);
        assert_eq!((slot.len(), cut), (room, vec!["a"]));
        let expected = ValueRef::Bytes(&data[..room - Head::BYTES - 9]);
        assert_eq!(value::read(&slot, Head::BYTES, &Kind::Bytes), expected);
    }
}

#[test]
fn bytes_that_are_text_are_cut_between_characters() {
    let text = "a€ü😀b".repeat(3);
    let arguments = arguments![text.as_bytes()];
    for room in rooms(Head::BYTES + 9..record(&arguments, &[]).len()) {
        let (record, _) = cut(&arguments, room);
        let ValueRef::Bytes(back) = value::read(&record, Head::BYTES, &Kind::Bytes) else {
            panic!("no bytes in {room}")
        };
        assert!(text.starts_with(str::from_utf8(back).unwrap()));
    }
}

#[test]
fn a_sequence_is_cut_between_whole_elements_whatever_the_room() {
    let elements = ["one", "two", "three"];
    let arguments = arguments![elements];
    let whole = record(&arguments, &[]).len();
    for room in rooms(Head::BYTES + 9..whole + 1) {
        let (record, cut) = cut(&arguments, room);
        let back = value::read(&record, Head::BYTES, &Kind::Sequence(&Kind::Text));
        let ValueRef::Sequence(back) = back else { panic!("no sequence in {room}") };
        assert!(back.iter().zip(elements).all(|(element, whole)| element == ValueRef::Text(whole)), "in {room}");
        assert_eq!(cut.is_empty(), back.len() == 3, "in {room}");
    }
}

#[test]
fn a_sequence_of_sequences_is_cut_between_whole_ones() {
    let elements = [vec!["a", "bc"], vec![], vec!["def"], vec!["g"; 9]];
    let arguments = arguments![elements];
    let expected: Vec<String> = elements
        .iter()
        .map(|inner| format!("{:?}", inner.iter().map(|text| format!("Text({text:?})")).collect::<Vec<_>>()))
        .collect();
    for room in rooms(Head::BYTES + 9..record(&arguments, &[]).len()) {
        let (record, cut) = cut(&arguments, room);
        let back = value::read(&record, Head::BYTES, &Kind::Sequence(&Kind::Sequence(&Kind::Text)));
        let ValueRef::Sequence(back) = back else { panic!("no sequence in {room}") };
        let back: Vec<String> = back.iter().map(shown).collect();
        assert!(back.len() < 4 && expected.starts_with(&back), "{back:?} in {room}");
        assert_eq!(cut, ["a"]);
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes: it reads thousands of texts")]
fn eight_thousand_short_texts_are_right_as_far_as_they_go() {
    let arguments = arguments![vec!["ten bytes."; 8000]];
    let (record, cut) = cut(&arguments, 65_536);
    let ValueRef::Sequence(back) = value::read(&record, Head::BYTES, &Kind::Sequence(&Kind::Text)) else {
        panic!("no sequence")
    };
    assert_eq!((back.len(), cut), ((65_536 - Head::BYTES - 9) / 18, vec!["a"]));
    assert!(back.iter().all(|element| element == ValueRef::Text("ten bytes.")));
}

/// A scope with a number under `n` and a text under `text`.
fn scope_of(text: &str) -> Vec<u8> {
    let mut scope = Vec::new();
    put_field(&mut scope, FieldGroup::Context, "n", ValueRef::U64(7));
    put_field(&mut scope, FieldGroup::Tags, "text", ValueRef::Text(text));
    scope
}

fn marked(bytes: &[u8]) -> Vec<(String, String, bool)> {
    let mut fields = DynamicFields::new(bytes);
    let fields = std::iter::from_fn(|| fields.next_marked());
    fields.map(|field| (field.key.to_owned(), shown(field.value), field.is_cut)).collect()
}

fn marked_field(key: &str, value: &str, is_cut: bool) -> (String, String, bool) {
    (key.to_owned(), value.to_owned(), is_cut)
}

#[test]
fn a_scope_stays_whole_beside_a_long_argument_if_it_is_no_longer_than_its_share() {
    let scope = scope_of("eu");
    let mut slot = vec![0; Head::BYTES + 8 + 1 + 30 + scope.len()];
    let written = write_record(&mut slot, SOURCE, &arguments!["x".repeat(100)], &scope).unwrap();
    assert_eq!((written.used_bytes, written.is_cut), (slot.len(), true));
    assert_eq!((&slot[17..47], &slot[47..]), ([b'x'; 30].as_slice(), scope.as_slice()));
}

#[test]
fn a_scope_without_room_is_cut_within_its_fields() {
    let scope = scope_of("euro pe");
    let mut slot = vec![0; Head::BYTES + 8 + scope.len() - 4];
    let written = write_record(&mut slot, SOURCE, &arguments![1_u64], &scope).unwrap();
    assert_eq!((written.used_bytes, written.is_cut), (slot.len(), true));
    let expected = [marked_field("n", "U64(7)", false), marked_field("text", r#"Text("eu")"#, true)];
    assert_eq!(marked(&slot[16..]), expected);
    let scope_bytes = (slot.len() - 16) as u16;
    assert_eq!(Head::read(&slot), Some(Head { source: SOURCE, is_cut: true, scope_bytes }));
}

#[test]
fn a_scope_longer_than_a_head_can_describe_is_cut() {
    let scope = scope_of(&"x".repeat(70_000));
    let mut slot = vec![0; 100_000];
    let written = write_record(&mut slot, SOURCE, &arguments![1_u64], &scope).unwrap();
    assert!(written.is_cut && written.used_bytes <= 16 + 65_535, "{written:?}");
    let fields = marked(&slot[16..written.used_bytes]);
    assert_eq!((fields.len(), fields[0].2, fields[1].2), (2, false, true));
}

#[test]
fn a_cut_field_has_the_mark_in_front_of_its_type() {
    let mut fields = Vec::new();
    put_field(&mut fields, FieldGroup::Tags, "ab", ValueRef::Text("xyz"));
    let mut out = [0xee; 12];
    assert_eq!(cut_fields(&fields, &mut out, Counting::First), 12);
    assert_eq!(out, [1, 2, 0, b'a', b'b', 18, 15, 1, 0, 0, 0, b'x']);
}

#[test]
fn dynamic_fields_share_the_room_and_those_that_are_cut_are_marked() {
    let long = "x".repeat(1000);
    let elements = ValueRef::Text("element");
    let mut list = Vec::new();
    for _ in 0..50 {
        list.extend_from_slice(&[15, 7, 0, 0, 0]);
        list.extend_from_slice(b"element");
    }
    let list = ValueRef::Sequence(SequenceRef::self_typed(&list, 50));
    let mut fields = Vec::new();
    for (key, value) in [
        ("text", ValueRef::Text(&long)),
        ("n", ValueRef::U64(1)),
        ("list", list),
        ("bytes", ValueRef::Bytes(long.as_bytes())),
    ] {
        put_field(&mut fields, FieldGroup::Context, key, value);
    }
    let mut out = vec![0; 300];
    let used = cut_fields(&fields, &mut out, Counting::First);
    let mut read = DynamicFields::new(&out[..used]);
    let read: Vec<MarkedField<'_>> = std::iter::from_fn(|| read.next_marked()).collect();
    let cut: Vec<(&str, bool)> = read.iter().map(|field| (field.key, field.is_cut)).collect();
    assert_eq!(cut, [("text", true), ("n", false), ("list", true), ("bytes", true)]);
    let ValueRef::Sequence(left) = read[2].value else { panic!("no sequence") };
    assert!(left.len() > 3 && left.iter().all(|element| element == elements), "{}", left.len());
    assert!(matches!(read[0].value, ValueRef::Text(text) if text.len() > 60));
    assert!(matches!(read[3].value, ValueRef::Bytes(bytes) if bytes.len() > 50));
}

#[test]
fn fields_are_cut_once_more_without_loss_of_the_mark() {
    let mut fields = Vec::new();
    put_field(&mut fields, FieldGroup::Context, "key", ValueRef::Text("abcdefgh"));
    let mut once = [0; 17];
    assert_eq!(cut_fields(&fields, &mut once, Counting::First), 17);
    let mut twice = [0; 13];
    assert_eq!(cut_fields(&once, &mut twice, Counting::First), 13);
    assert_eq!(marked(&twice), [marked_field("key", r#"Text("a")"#, true)]);
    // A field that stands whole keeps its mark, too.
    assert_eq!(marked(&once), [marked_field("key", r#"Text("abcde")"#, true)]);
}

#[test]
fn a_number_without_room_is_missing_under_its_key() {
    let mut fields = Vec::new();
    put_field(&mut fields, FieldGroup::Context, "n", ValueRef::U64(7));
    let mut out = [0; 6];
    assert_eq!(cut_fields(&fields, &mut out, Counting::First), 6);
    assert_eq!(marked(&out), [marked_field("n", "None", true)]);
    assert_eq!(cut_fields(&fields, &mut [0; 5], Counting::First), 0);
}

#[test]
fn a_key_that_is_too_long_is_cut_and_marked() {
    let key = "k".repeat(70_000);
    let mut fields = Vec::new();
    put_field(&mut fields, FieldGroup::Context, &key, ValueRef::U64(7));
    put_field(&mut fields, FieldGroup::Context, &key[..65_535], ValueRef::U64(7));
    let expected = [true, false].map(|is_cut| marked_field(&key[..65_535], "U64(7)", is_cut));
    assert_eq!(marked(&fields), expected);
}

#[test]
fn appended_fields_are_whole_as_long_as_there_is_room() {
    let mut out = scope_of("eu");
    let whole_bytes = 2 * out.len();
    append_fields(&mut out, &scope_of("us"), whole_bytes);
    assert_eq!((out.len(), marked(&out).iter().filter(|field| field.2).count()), (whole_bytes, 0));
    append_fields(&mut out, &scope_of("us"), whole_bytes + 20);
    assert!(out.len() <= whole_bytes + 20);
    assert!(marked(&out).len() > 4 && marked(&out)[4..].iter().any(|field| field.2));
}

#[test]
fn sequences_nested_too_deep_become_text() {
    let nine_deep = [((((((((1,),),),),),),),)];
    let mut fields = Vec::new();
    as_logged(&nine_deep, |value| put_field(&mut fields, FieldGroup::Context, "deep", value));
    let values: Vec<String> = DynamicFields::new(&fields).map(|(_, _, value)| value.to_string()).collect();
    assert_eq!(values, ["[[[[[[[[[1]]]]]]]]]"]);
    assert!(fields.ends_with(b"[1]"));
}

#[test]
fn a_map_is_a_span_and_its_entries_each_with_its_type() {
    let map = BTreeMap::from([("a", Some(true)), ("bc", None)]);
    let entries = [21, 2, 0, 0, 0, 1, 0, b'a', 2, 2, 0, b'b', b'c', 0];
    assert_eq!(body(&map), [&[16, 0, 0, 0, 14, 0, 0, 0], entries.as_slice()].concat());
}

#[test]
fn a_tuple_is_a_span_and_its_elements_each_with_its_type() {
    let elements = [17, 2, 0, 0, 0, 15, 1, 0, 0, 0, b'x', 3, b'y', 0, 0, 0];
    assert_eq!(body(&("x", 'y')), [&[16, 0, 0, 0, 16, 0, 0, 0], elements.as_slice()].concat());
}

#[test]
fn a_value_of_each_type_can_be_a_part_of_another() {
    let map = || HashMap::from([(7_u8, Wrapping(1))]);
    let (ip, socket) = (Ipv4Addr::LOCALHOST, SocketAddr::from(([1, 2, 3, 4], 80)));
    let numbers = (-1_i8, -1_i16, -1_i32, -1_i64, -1_isize, i128::MIN, 1_u8, 1_u16, 1_u32, 1_u64, 1_usize, u128::MAX);
    let texts = ("a", String::from("b"), Path::new("c"), value::display(&"d"), value::debug(&"e"), b"f", 'g');
    let others = (true, 1.5_f32, 2.5, (), Some(1), None::<u8>, vec![1, 2], &[ip], Arc::new(socket), map());
    let nested = (Duration::new(1, 2), UNIX_EPOCH, uuid::Uuid::nil(), vec![map()], VecDeque::from([((),)]));
    let back = as_logged(&(numbers, texts, others, nested), |value| value.to_string());
    assert_eq!(
        back,
        "[[-1, -1, -1, -1, -1, -170141183460469231731687303715884105728, 1, 1, 1, 1, 1, \
         340282366920938463463374607431768211455], [a, b, c, d, \"e\", f, g], [true, 1.5, 2.5, null, 1, null, [1, 2], \
         [127.0.0.1], 1.2.3.4:80, {7: 1}], [1.000000002s, 1970-01-01T00:00:00.000000000Z, \
         00000000-0000-0000-0000-000000000000, [{7: 1}], [[null]]]]"
    );
}

#[test]
fn a_value_that_a_reader_saw_is_logged_as_it_was() {
    for value in values() {
        let again = as_logged(&value, shown);
        assert_eq!(again, shown(value));
    }
    as_logged(&(1, BTreeMap::from([("a", [1, 2])])), |value| assert_eq!(as_logged(&value, shown), shown(value)));
}

#[test]
fn keys_are_text_or_have_one() {
    assert_eq!(as_logged(&BTreeMap::from([(-7_i8, 1)]), shown), r#"[("-7", "I64(1)")]"#);
    assert_eq!(as_logged(&BTreeMap::from([(true, 1)]), shown), r#"[("true", "I64(1)")]"#);
    assert_eq!(as_logged(&BTreeMap::from([('ü', 1)]), shown), r#"[("ü", "I64(1)")]"#);
    assert_eq!(as_logged(&BTreeMap::from([(String::from("a"), 1)]), shown), r#"[("a", "I64(1)")]"#);
    assert_eq!(as_logged(&BTreeMap::from([(&&Arc::<str>::from("a"), 1)]), shown), r#"[("a", "I64(1)")]"#);
    let nil = uuid::Uuid::nil();
    assert_eq!(as_logged(&BTreeMap::from([(nil, 1)]), shown), format!("{:?}", [(nil.to_string(), "I64(1)")]));
}

type NestedMap = BTreeMap<&'static str, (&'static str, BTreeMap<u8, [u8; 2]>)>;

/// A map of a text, a map and a tuple, and the texts of all that may be left of it.
fn nested() -> (NestedMap, [&'static str; 9]) {
    let inner = || BTreeMap::from([(1, *b"xy"), (2, *b"zz")]);
    let map = BTreeMap::from([("a", ("one", inner())), ("b", ("two", BTreeMap::new()))]);
    let texts = [
        "null",
        "{}",
        "{a: []}",
        "{a: [one]}",
        "{a: [one, {}]}",
        "{a: [one, {1: xy}]}",
        "{a: [one, {1: xy, 2: zz}]}",
        "{a: [one, {1: xy, 2: zz}], b: []}",
        "{a: [one, {1: xy, 2: zz}], b: [two]}",
    ];
    (map, texts)
}

#[test]
fn a_map_is_cut_behind_its_last_whole_entry_whatever_the_room() {
    let (map, texts) = nested();
    let arguments = arguments![map];
    let whole = record(&arguments, &[]).len();
    let mut seen = Vec::new();
    for room in Head::BYTES + 9..=whole {
        let (record, cut) = cut(&arguments, room);
        let back = value::read(&record, Head::BYTES, &Kind::SelfTyped).to_string();
        assert_eq!(cut.is_empty(), back == "{a: [one, {1: xy, 2: zz}], b: [two, {}]}", "{back} in {room}");
        seen.push(back);
    }
    seen.dedup();
    // With the mask, there is not room for all where the whole would have just fit.
    assert!(seen.len() == 10 && seen[..9] == texts, "{seen:?}");
}

/// Numbers under keys of six bytes, and behind them a message and another number under the key of the first.
fn many_fields() -> Vec<u8> {
    let mut fields = Vec::new();
    (0..100).for_each(|n| put_field(&mut fields, FieldGroup::Context, &format!("key_{n:02}"), ValueRef::U64(n)));
    put_field(&mut fields, FieldGroup::Message, "", ValueRef::Text("message"));
    put_field(&mut fields, FieldGroup::Context, "key_00", ValueRef::U64(777));
    fields
}

/// The keys of what is left in so many bytes.
fn keys_in(room_bytes: usize, counting: Counting) -> Vec<String> {
    let mut out = vec![0; room_bytes];
    let used_bytes = cut_fields(&many_fields(), &mut out, counting);
    marked(&out[..used_bytes]).into_iter().map(|(key, ..)| key).collect()
}

#[test]
fn of_many_fields_of_an_event_the_first_stay_and_the_room_is_used() {
    let keys = keys_in(1_000, Counting::First);
    // 18 bytes each.
    assert!(keys.len() > 50, "{}", keys.len());
    assert_eq!((keys.first().unwrap().as_str(), keys.last().unwrap().as_str()), ("key_00", ""));
}

#[test]
fn of_many_fields_of_a_scope_the_innermost_stay_and_the_room_is_used() {
    let keys = keys_in(1_000, Counting::Last);
    assert!(keys.len() > 50, "{}", keys.len());
    assert_eq!(keys[keys.len() - 3..], ["key_99", "", "key_00"]);
    assert_eq!(keys.iter().filter(|key| *key == "key_00").count(), 1, "the outer one is missing");
}

#[test]
fn a_map_in_a_scope_is_cut_behind_its_last_whole_entry() {
    let (map, texts) = nested();
    let mut fields = Vec::new();
    as_logged(&map, |value| put_field(&mut fields, FieldGroup::Context, "m", value));
    let whole = fields.len();
    let mut seen = Vec::new();
    for room in 6..whole {
        let mut out = vec![0; room];
        let used = cut_fields(&fields, &mut out, Counting::First);
        let mut read = DynamicFields::new(&out[..used]);
        let field = read.next_marked().unwrap();
        assert!(field.is_cut, "in {room}");
        seen.push(field.value.to_string());
    }
    seen.dedup();
    assert_eq!(seen, texts);
}

#[test]
fn a_long_argument_of_a_map_leaves_room_for_those_behind_it() {
    let arguments = arguments![BTreeMap::from([("long", vec!["x"; 900])]), "text"];
    let (record, names) = cut(&arguments, 300);
    assert_eq!((names, record.len() > 280), (vec!["a"], true));
    assert_eq!(read(&arguments, &record)[1], r#"Text("text")"#);
}

#[test]
fn a_value_nested_too_deep_is_marked_and_its_other_parts_stay() {
    let eight = ((((((((1,),),),),),),), 2);
    let nine = (((((((((1,),),),),),),),), 2);
    let text = |record: &[u8]| value::read(record, Head::BYTES, &Kind::SelfTyped).to_string();
    let whole = record(&arguments![eight], &[]);
    assert_eq!(text(&whole), "[[[[[[[[1]]]]]]], 2]");
    let arguments = arguments![nine];
    let (record, names) = cut(&arguments, 300);
    assert_eq!((text(&record).as_str(), names), ("[[[[[[[[[...]]]]]]]], 2]", vec!["a"]));
}

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

#[test]
fn the_innermost_correlation_id_stays_whole_in_a_scope_that_is_cut() {
    let mut scope = Vec::new();
    let id = |n: usize| format!("{n:08}-0000-0000-0000-000000000000");
    for n in 0..30 {
        put_field(&mut scope, FieldGroup::CorrelationId, "", ValueRef::Text(&id(n)));
    }
    let mut out = vec![0; 1024];
    let used = cut_fields(&scope, &mut out, Counting::Last);
    let last = DynamicFields::new(&out[..used]).last().unwrap();
    assert_eq!(last.2, ValueRef::Text(&id(29)));
}
