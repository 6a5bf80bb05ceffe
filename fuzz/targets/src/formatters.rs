//! Formatters, on events that are well-formed and hold any values.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use arbitrary::{Result, Unstructured};
use fapilog_record::{
    call_site::Descriptor,
    dynamic::put_field,
    field_group::FieldGroup,
    head::Head,
    level::Level,
    value::{OwnedValue, ValueRef},
};

use crate::{
    lines::{check_json, check_lines, check_pretty, check_products},
    stage::{Stage, StagedRecord},
};

/// Each event is an object on a line, with its message.
pub(crate) fn json(input: &[u8]) {
    if let Ok((stage, events)) = any_events(&mut Unstructured::new(input)) {
        let (messages, records): (Vec<_>, Vec<_>) = events.into_iter().unzip();
        let objects = check_json(&stage.batch(&records));
        for (object, message) in objects.iter().zip(messages) {
            assert_eq!(object.get("message").and_then(serde_json::Value::as_str), Some(message));
        }
    }
}

/// Each event is a line of `simple`, `logfmt`, `minimal`, `csv` and `xml`.
pub(crate) fn lines(input: &[u8]) {
    if let Ok((stage, events)) = any_events(&mut Unstructured::new(input)) {
        let records: Vec<_> = events.into_iter().map(|(_, record)| record).collect();
        check_lines(&stage.batch(&records));
    }
}

/// Each event is a line of `ecs`, `gelf`, `otel_json` and `cef`.
pub(crate) fn products(input: &[u8]) {
    if let Ok((stage, events)) = any_events(&mut Unstructured::new(input)) {
        let records: Vec<_> = events.into_iter().map(|(_, record)| record).collect();
        check_products(&stage.batch(&records));
    }
}

/// Each event is a line of `pretty`, with indented lines behind it.
pub(crate) fn pretty(input: &[u8]) {
    if let Ok((stage, events)) = any_events(&mut Unstructured::new(input)) {
        let records: Vec<_> = events.into_iter().map(|(_, record)| record).collect();
        check_pretty(&stage.batch(&records));
    }
}

type MessageAndRecord<'a> = (&'a str, StagedRecord);

fn any_events<'a>(input: &mut Unstructured<'a>) -> Result<(Stage, Vec<MessageAndRecord<'a>>)> {
    let count = input.int_in_range(1..=3)?;
    let stage = Stage::new(input.arbitrary()?, text(input)?, text(input)?);
    let events = (0..count).map(|_| any_event(input)).collect::<Result<Vec<_>>>()?;
    Ok((stage, events))
}

fn any_event<'a>(input: &mut Unstructured<'a>) -> Result<MessageAndRecord<'a>> {
    let level: Level = *input.choose(&Level::ALL)?;
    let message = text(input)?;
    let mut body = vec![level as u8, 0];
    put_field(&mut body, FieldGroup::Target, "", ValueRef::Text(text(input)?));
    put_field(&mut body, FieldGroup::Message, "", ValueRef::Text(message));
    put_any_fields(&mut body, input)?;
    let mut scope = Vec::new();
    put_any_fields(&mut scope, input)?;
    // A few fields are far shorter than that.
    let scope_bytes = u16::try_from(scope.len()).unwrap_or_default();
    let head = Head { source: 0, is_cut: input.arbitrary()?, scope_bytes };
    let bytes = [head.to_bytes().as_slice(), &body, &scope].concat();
    Ok((message, StagedRecord { descriptor: Descriptor::dynamic(), bytes }))
}

fn put_any_fields(out: &mut Vec<u8>, input: &mut Unstructured<'_>) -> Result<()> {
    const GROUPS: [FieldGroup; 6] = [
        FieldGroup::Context,
        FieldGroup::Tags,
        FieldGroup::Metrics,
        FieldGroup::CorrelationId,
        FieldGroup::Category,
        FieldGroup::Severity,
    ];
    for _ in 0..input.int_in_range(0..=4)? {
        let (group, key) = (*input.choose(&GROUPS)?, text(input)?);
        let mut elements = Vec::new();
        let value = if input.ratio(1, 4)? { any_sequence(&mut elements, input)? } else { any_value(input)? };
        put_field(out, group, key, value);
        // And once more in a map.
        put_field(out, group, "map", OwnedValue::of(&BTreeMap::from([(key, value)])).view());
    }
    Ok(())
}

/// A sequence of two values, of any kinds.
fn any_sequence<'e>(elements: &'e mut Vec<u8>, input: &mut Unstructured<'_>) -> Result<ValueRef<'e>> {
    for _ in 0..2 {
        let mut field = Vec::new();
        put_field(&mut field, FieldGroup::Context, "", any_value(input)?);
        // Behind the group and the length of an empty key.
        elements.extend(field.drain(3..));
    }
    Ok(ValueRef::Sequence(fapilog_record::value::SequenceRef::self_typed(elements, 2)))
}

fn any_value<'a>(input: &mut Unstructured<'a>) -> Result<ValueRef<'a>> {
    Ok(match input.int_in_range(0..=15)? {
        0 => ValueRef::None,
        1 => ValueRef::Bool(input.arbitrary()?),
        2 => ValueRef::Char(input.arbitrary()?),
        3 => ValueRef::I64(input.arbitrary()?),
        4 => ValueRef::U64(input.arbitrary()?),
        5 => ValueRef::I128(input.arbitrary()?),
        6 => ValueRef::U128(input.arbitrary()?),
        7 => ValueRef::F32(input.arbitrary()?),
        8 => ValueRef::F64(input.arbitrary()?),
        9 => ValueRef::Duration(Duration::new(input.arbitrary()?, input.int_in_range(0..=999_999_999)?)),
        10 => ValueRef::Time { seconds: input.arbitrary()?, nanos: input.int_in_range(0..=999_999_999)? },
        11 => ValueRef::Ip(IpAddr::from(input.arbitrary::<[u8; 16]>()?)),
        12 => ValueRef::Uuid(input.arbitrary()?),
        13 => ValueRef::Bytes(input.arbitrary()?),
        15 => ValueRef::Socket((input.arbitrary::<[u8; 16]>()?, input.arbitrary()?).into()),
        _ => ValueRef::Text(text(input)?),
    })
}

/// Text of up to 255 bytes; its length stands before it, so that a seed can be read.
fn text<'a>(input: &mut Unstructured<'a>) -> Result<&'a str> {
    let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
    let bytes = input.bytes(len)?;
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or(""),
    })
}
