//! Values with their types in front: maps, tuples, and what is nested.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    num::Wrapping,
    path::Path,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use crate::{
    as_logged,
    dynamic::{DynamicFields, put_field},
    field_group::FieldGroup,
    tests::{body, shown, values},
    value,
};

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
