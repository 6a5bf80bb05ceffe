//! The bytes of a record, and what is read from them.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    arguments::End,
    dynamic::{DynamicFields, put_field},
    field_group::FieldGroup,
    head::Head,
    tests::{SOURCE, body, read, record, shown, values},
    value::{self, Kind, ValueRef},
    writer::{Overrun, write_record},
};

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
