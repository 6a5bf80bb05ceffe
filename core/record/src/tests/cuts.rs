//! Records that have not room for all.

use std::{collections::BTreeMap, ops::Range};

use crate::{
    arguments::Arguments,
    as_logged,
    call_site::{CallSite, Descriptor, DescriptorCache, FieldName},
    dynamic::{Counting, DynamicFields, MarkedField, append_fields, cut_fields, put_field},
    field_group::FieldGroup,
    head::Head,
    level::Level,
    tests::{SOURCE, read, record, shown},
    value::{self, Kind, SequenceRef, ValueRef},
    writer::write_record,
};

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
