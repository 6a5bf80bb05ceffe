//! The reader of records, on bytes that no writer has written.

use std::{net::IpAddr, sync::LazyLock, time::Duration};

use fapilog_record::{
    arguments::{Arg, End},
    call_site::{CallSite, Descriptor, DescriptorCache, FieldName},
    dynamic::{DynamicFields, append_fields, put_field},
    field_group::FieldGroup,
    level::Level,
};

use crate::{
    lines::{check_json, check_lines, check_pretty},
    stage::{Stage, StagedRecord},
};

/// A record of any bytes is read without a panic, by itself and by a call site, and so is a scope.
pub(crate) fn records(input: &[u8]) {
    let stage = Stage::new(0, "source", "thread");
    for descriptor in [Descriptor::dynamic(), *OF_EVERY_KIND] {
        check_record(&stage, StagedRecord { descriptor, bytes: input.to_vec() });
    }
    check_fields(input);
}

fn check_record(stage: &Stage, record: StagedRecord) {
    let records = [record];
    let batch = stage.batch(&records);
    for event in batch.events() {
        for field in event.fields() {
            let counted = event.field(field.group, field.name).map(|value| value.to_string());
            assert!(counted.is_some(), "{:?} is there, and is not found", field.name);
        }
    }
    check_json(&batch);
    check_lines(&batch);
    check_pretty(&batch);
}

/// Fields that are read, and written, read back the same; fields that are cut take no more room than there is.
fn check_fields(input: &[u8]) {
    let mut fields = DynamicFields::new(input);
    while let Some(field) = fields.next_marked() {
        let mut written = Vec::new();
        put_field(&mut written, field.group, field.key, field.value);
        let read = DynamicFields::new(&written).next_marked();
        let read = read.map(|read| (read.group, read.key.to_owned(), read.value.to_string()));
        assert_eq!(read, Some((field.group, field.key.to_owned(), field.value.to_string())));
    }
    if let [room_bytes, fields @ ..] = input {
        let room_bytes = usize::from(*room_bytes);
        let mut cut = Vec::new();
        append_fields(&mut cut, fields, room_bytes);
        assert!(cut.len() <= room_bytes, "{} bytes in a room of {room_bytes}", cut.len());
    }
}

type NumberArguments<'a, Tail> = (Arg<'a, u64>, (Arg<'a, i64>, (Arg<'a, f64>, (Arg<'a, u128>, (Arg<'a, bool>, Tail)))));
type TextArguments<'a, Tail> = (Arg<'a, str>, (Arg<'a, char>, (Arg<'a, [u8]>, (Arg<'a, [Option<&'a str>]>, Tail))));
type OtherArguments<'a, Tail> = (Arg<'a, Duration>, (Arg<'a, IpAddr>, (Arg<'a, Vec<Vec<f32>>>, Tail)));

/// A call site with an argument of each kind.
static OF_EVERY_KIND: LazyLock<&Descriptor> = LazyLock::new(|| {
    const fn field(name: &'static str) -> FieldName {
        FieldName::new(FieldGroup::Context, name)
    }
    const NUMBERS: [FieldName; 5] = [field("u64"), field("i64"), field("f64"), field("u128"), field("bool")];
    const TEXTS: [FieldName; 4] = [field("text"), field("char"), field("bytes"), field("texts")];
    const OTHERS: [FieldName; 3] = [field("duration"), field("address"), field("lists")];
    static FIELDS: LazyLock<Vec<FieldName>> = LazyLock::new(|| [&NUMBERS[..], &TEXTS, &OTHERS].concat());
    static SITE: LazyLock<CallSite> =
        LazyLock::new(|| CallSite::new(Level::Info, "any bytes", "fuzz", "records.rs", 1, &FIELDS));
    let id = SITE.descriptor_id::<NumberArguments<'_, TextArguments<'_, OtherArguments<'_, End>>>>();
    DescriptorCache::new().get(id).unwrap_or_else(|| panic!("a call site without a descriptor"))
});
