use super::*;
use crate::{
    call_site::{AdapterSite, Descriptor, DescriptorCache},
    erased::ErasedArguments,
    head::Head,
    level::Level,
    value::read,
};

const SCOPE: &[u8] = b"";

/// A field of each type that a value can have.
fn all_types() -> Vec<(&'static str, ValueRef<'static>)> {
    vec![
        ("none", ValueRef::None),
        ("no", ValueRef::Bool(false)),
        ("yes", ValueRef::Bool(true)),
        ("char", ValueRef::Char('ü')),
        ("i64", ValueRef::I64(i64::MIN)),
        ("u64", ValueRef::U64(u64::MAX)),
        ("i128", ValueRef::I128(i128::MIN)),
        ("u128", ValueRef::U128(u128::MAX)),
        ("f32", ValueRef::F32(0.5)),
        ("f64", ValueRef::F64(-0.25)),
        ("duration", ValueRef::Duration(std::time::Duration::new(3, 7))),
        ("time", ValueRef::Time { seconds: -5, nanos: 9 }),
        ("ip", ValueRef::Ip([127, 0, 0, 1].into())),
        ("socket", ValueRef::Socket(([127, 0, 0, 1], 80).into())),
        ("uuid", ValueRef::Uuid([7; 16])),
        ("text", ValueRef::Text("größer")),
        ("empty", ValueRef::Text("")),
        ("bytes", ValueRef::Bytes(b"\xff\x00")),
    ]
}

fn descriptor_of(fields: &Fields) -> &'static Descriptor {
    let site = AdapterSite::leak(Level::Info, "tests", "", 0);
    DescriptorCache::new().get(site.descriptor_id(fields).unwrap()).unwrap()
}

/// Names and values of a record, and the names of the fields that were cut.
fn read_back(fields: &Fields, record: &[u8]) -> (Vec<(String, String)>, Vec<&'static str>) {
    let descriptor = descriptor_of(fields);
    let values = descriptor.fields().iter().map(|field| {
        let value = read(record, Head::BYTES + field.root_offset, field.kind);
        (field.name.name.to_owned(), format!("{value:?}"))
    });
    let is_cut = Head::read(record).unwrap().is_cut;
    let cut = if is_cut { descriptor.cut_fields(record).map(|field| field.name.name).collect() } else { Vec::new() };
    (values.collect(), cut)
}

fn whole_record(fields: &Fields) -> Vec<u8> {
    let arguments = fields.arguments();
    let mut slot = vec![0xaa; arguments.record_bytes(SCOPE.len())];
    let written = arguments.write_whole_record(&mut slot, 1, SCOPE).unwrap();
    assert_eq!((written.used_bytes, written.is_cut), (slot.len(), false));
    slot
}

#[test]
fn values_of_all_types_are_read_back_as_they_were_put() {
    let mut fields = Fields::new();
    all_types().iter().for_each(|(name, value)| fields.put(FieldGroup::Context, name, *value));
    let expected: Vec<_> = all_types().iter().map(|(name, value)| ((*name).to_owned(), format!("{value:?}"))).collect();
    let (values, cut) = read_back(&fields, &whole_record(&fields));
    assert_eq!(values, expected);
    assert!(cut.is_empty());
}

#[test]
fn values_are_the_same_in_a_record_and_as_fields_of_a_scope() {
    let mut fields = Fields::new();
    all_types().iter().for_each(|(name, value)| fields.put(FieldGroup::Tags, name, *value));
    let in_scope: Vec<_> = fields.iter().map(|(_, name, value)| (name.to_owned(), format!("{value:?}"))).collect();
    assert_eq!(read_back(&fields, &whole_record(&fields)).0, in_scope);
}

#[test]
fn composites_are_read_back() {
    let mut fields = Fields::new();
    fields.bind(FieldGroup::Context, "list", &[1_u8, 2]);
    fields.bind(FieldGroup::Context, "text", "as a value");
    fields.bind(FieldGroup::Context, "nothing", &None::<u32>);
    let record = whole_record(&fields);
    let list = descriptor_of(&fields).fields().first().unwrap();
    assert!(matches!(read(&record, Head::BYTES + list.root_offset, list.kind), ValueRef::Bytes([1, 2])));
    assert_eq!(
        read_back(&fields, &record).0[1..],
        [("text".to_owned(), r#"Text("as a value")"#.to_owned()), ("nothing".to_owned(), "None".to_owned())]
    );
}

#[test]
fn a_text_by_debug_keeps_that_it_is_one() {
    let mut fields = Fields::new();
    fields.put_debug(FieldGroup::Context, "lines", &format_args!("one\ntwo"));
    assert_eq!(descriptor_of(&fields).fields()[0].kind, &Kind::DebugText);
}

#[test]
fn a_display_that_panics_leaves_a_text_and_the_other_fields() {
    struct Panics;
    impl fmt::Display for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("on purpose");
        }
    }
    let mut fields = Fields::new();
    fields.put_display(FieldGroup::Context, "bad", &Panics);
    fields.put(FieldGroup::Context, "good", ValueRef::U64(1));
    let values: Vec<_> = fields.iter().map(|(_, name, value)| format!("{name}={value:?}")).collect();
    assert_eq!(values, [r#"bad=Text("<panicked while it was formatted>")"#, "good=U64(1)"]);
}

#[test]
fn an_error_is_put_with_its_sources() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::num::ParseIntError);
    let mut fields = Fields::new();
    fields.put_error(FieldGroup::Context, "error", &Outer("x".parse::<u8>().unwrap_err()));
    let values: Vec<_> = fields.iter().map(|(_, _, value)| format!("{value:?}")).collect();
    assert_eq!(values, [r#"Text("outer: invalid digit found in string")"#]);
}

#[test]
fn fields_that_are_too_long_for_a_record_are_cut_and_named() {
    let mut fields = Fields::new();
    fields.put(FieldGroup::Context, "number", ValueRef::U64(7));
    fields.put(FieldGroup::Context, "long", ValueRef::Text(&"ü".repeat(500)));
    fields.put(FieldGroup::Context, "short", ValueRef::Text("short"));
    let arguments = fields.arguments();
    let mut slot = vec![0xaa; 100];
    let written = arguments.write_cut_record(&mut slot, 1, SCOPE).unwrap();
    assert!(written.is_cut && written.used_bytes <= slot.len());
    let (values, cut) = read_back(&fields, &slot[..written.used_bytes]);
    assert_eq!(cut, ["long"]);
    assert_eq!(values[0].1, "U64(7)");
    assert_eq!(values[2].1, r#"Text("short")"#);
    assert!(values[1].1.starts_with(r#"Text("üüü"#), "{}", values[1].1);
}

#[test]
fn a_text_longer_than_any_record_is_marked_in_a_record_with_room() {
    let mut fields = Fields::new();
    fields.put_display(FieldGroup::Context, "long", &"x".repeat(100_000));
    let arguments = fields.arguments();
    let mut slot = vec![0; 80_000];
    assert!(arguments.record_bytes(0) > slot.len());
    let written = arguments.write_cut_record(&mut slot, 1, SCOPE).unwrap();
    assert_eq!(read_back(&fields, &slot[..written.used_bytes]).1, ["long"]);
}

#[test]
fn a_slot_without_room_is_an_error_and_no_panic() {
    let mut fields = Fields::new();
    all_types().iter().for_each(|(name, value)| fields.put(FieldGroup::Context, name, *value));
    let arguments = fields.arguments();
    let whole_bytes = arguments.record_bytes(3);
    for bytes in 0..whole_bytes {
        let mut slot = vec![0; bytes];
        assert!(arguments.write_whole_record(&mut slot, 1, b"abc").is_err());
        // The cut record has a mask, which the whole one has not.
        let _ = arguments.write_cut_record(&mut slot, 1, b"abc");
    }
}

#[test]
fn a_key_that_is_too_long_is_cut_and_marked() {
    let mut fields = Fields::new();
    fields.put(FieldGroup::Context, &"k".repeat(KEY_MAX_BYTES + 1), ValueRef::U64(1));
    let mut read = dynamic::DynamicFields::new(fields.bytes());
    let field = read.next_marked().unwrap();
    assert_eq!((field.key.len(), field.is_cut, field.value), (KEY_MAX_BYTES, true, ValueRef::U64(1)));
}

#[test]
fn truncated_fields_are_the_first_ones() {
    let mut fields = Fields::new();
    ["a", "b", "c"].iter().for_each(|name| fields.put(FieldGroup::Context, name, ValueRef::Text("text")));
    fields.truncate(3);
    assert_eq!(fields.len(), 3);
    fields.truncate(1);
    assert_eq!(fields.iter().map(|(_, name, _)| name).collect::<Vec<_>>(), ["a"]);
    fields.put(FieldGroup::Context, "d", ValueRef::U64(1));
    assert_eq!(read_back(&fields, &whole_record(&fields)).0.len(), 2);
}

#[test]
fn cleared_fields_keep_their_memory() {
    let mut fields = Fields::new();
    fields.put(FieldGroup::Context, "a", ValueRef::Text("text"));
    let capacity_bytes = fields.capacity_bytes();
    fields.clear();
    assert!(fields.is_empty());
    assert_eq!((fields.capacity_bytes(), fields.bytes()), (capacity_bytes, &[][..]));
}

/// A field, and behind it one whose value has panicked while it was written.
fn first_and_half() -> Fields {
    let mut fields = Fields::new();
    fields.put(FieldGroup::Context, "first", ValueRef::U64(1));
    let panics = std::panic::AssertUnwindSafe(|| {
        fields.put_with(FieldGroup::Context, "half", |value| {
            value.sequence(|elements| {
                elements.element_with(|value| value.value(ValueRef::U64(2)));
                panic!("on purpose");
            });
        });
    });
    std::panic::catch_unwind(panics).unwrap_err();
    fields
}

#[test]
fn a_value_that_panics_while_it_is_written_leaves_nothing_behind() {
    let mut fields = first_and_half();
    fields.truncate(1);
    fields.put(FieldGroup::Context, "last", ValueRef::Text("x"));
    let names: Vec<_> = fields.iter().map(|(_, name, _)| name).collect();
    assert_eq!((names, fields.len()), (vec!["first", "last"], 2));
    assert_eq!(read_back(&fields, &whole_record(&fields)).0.len(), 2);
}

#[test]
fn a_put_that_panics_and_is_caught_leaves_the_fields_behind_it_readable() {
    let mut fields = first_and_half();
    fields.put(FieldGroup::Context, "last", ValueRef::Text("x"));
    let names: Vec<_> = fields.iter().map(|(_, name, _)| name).collect();
    assert_eq!((names, fields.len()), (vec!["first", "last"], 2));
}
