//! Records as text, for a fallback of another kind.

use fapilog_format::{
    json::{ObjectWriter, put_string, put_value},
    protobuf_wire::{WireField, take_field},
};
use fapilog_plugin::{sink::Payload, text::number::put_u64, value::ValueRef};

use crate::frame::{OtlpForm, RecordFrame};

/// The form of the records, in protobuf and in JSON.
pub(super) const RECORD_FORM: &str = "otlp";

/// The deepest list within a list that is read. An encoder of values has a limit, too.
const DEPTH_MAX: usize = 32;

/// Appends each log record as a JSON object, with a line feed.
pub(super) fn append_as_text(records: &Payload, text: &mut Payload) {
    for record in records.iter() {
        put_record_text(record, text.buffer());
        text.end_record();
    }
}

fn put_record_text(record: &[u8], out: &mut Vec<u8>) {
    match RecordFrame::parse(record) {
        Some(frame) if frame.form == OtlpForm::Json => out.extend_from_slice(frame.record.trim_ascii_end()),
        Some(frame) => put_log_record(&frame, out),
        None => out.extend_from_slice(record.trim_ascii_end()),
    }
    out.push(b'\n');
}

/// Appends a `LogRecord` of protobuf, with its scope: the members that people look for.
fn put_log_record(frame: &RecordFrame<'_>, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::new(out);
    object.string("scope", &String::from_utf8_lossy(frame.scope));
    let mut tail = frame.record;
    let mut attributes = Vec::new();
    while let Some((number, field, behind)) = take_field(tail) {
        match (number, field) {
            (1, WireField::Fixed64(nanos)) => put_u64(object.member("timeUnixNano"), nanos),
            (3, WireField::Bytes(text)) => object.string("severityText", &String::from_utf8_lossy(text)),
            (5, WireField::Bytes(body)) => put_any_value(body, 0, object.member("body")),
            (6, WireField::Bytes(pair)) => attributes.push(pair),
            _ => {}
        }
        tail = behind;
    }
    put_pairs(&attributes, 0, object.member("attributes"));
    object.finish();
}

/// Appends `KeyValue`s as an object.
fn put_pairs(pairs: &[&[u8]], depth: usize, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::new(out);
    for pair in pairs {
        let part = |number| each_of(pair, number).next().unwrap_or_default();
        put_any_value(part(2), depth, object.member(&String::from_utf8_lossy(part(1))));
    }
    object.finish();
}

/// Appends an `AnyValue`.
fn put_any_value(value: &[u8], depth: usize, out: &mut Vec<u8>) {
    match take_field(value) {
        Some((1 | 7, WireField::Bytes(text), _)) => put_string(out, &String::from_utf8_lossy(text)),
        Some((2, WireField::Varint(truth), _)) => out.extend_from_slice(if truth == 0 { b"false" } else { b"true" }),
        Some((3, WireField::Varint(number), _)) => _ = put_value(out, ValueRef::I64(number as i64)),
        Some((4, WireField::Fixed64(bits), _)) => _ = put_value(out, ValueRef::F64(f64::from_bits(bits))),
        Some((5, WireField::Bytes(list), _)) if depth < DEPTH_MAX => put_list(list, depth + 1, out),
        Some((6, WireField::Bytes(list), _)) if depth < DEPTH_MAX => {
            put_pairs(&each_of(list, 1).collect::<Vec<_>>(), depth + 1, out);
        }
        _ => out.extend_from_slice(b"null"),
    }
}

/// Appends an `ArrayValue`.
fn put_list(list: &[u8], depth: usize, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, value) in each_of(list, 1).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put_any_value(value, depth, out);
    }
    out.push(b']');
}

/// The messages and texts of a field.
fn each_of(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    let mut tail = message;
    let fields = std::iter::from_fn(move || {
        let (found, field, behind) = take_field(tail)?;
        tail = behind;
        Some((found, field))
    });
    fields.filter_map(move |(found, field)| match field {
        WireField::Bytes(bytes) if found == number => Some(bytes),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::{
        field_group::FieldGroup,
        testing::{TestBatches, test_event},
    };
    use fapilog_sink_http::encode::EventEncoder;
    use serde_json::{Value, json};

    use super::*;
    use crate::encode::{JsonRecords, ProtobufRecords};

    fn text(encoder: &mut dyn EventEncoder) -> Vec<Value> {
        let event = || {
            test_event("order \"filled\"")
                .field(FieldGroup::Context, "order", 42_u64)
                .field(FieldGroup::Context, "price", 101.25)
                .field(FieldGroup::Tags, "paid", true)
                .field(FieldGroup::Context, "venue", "XNAS")
        };
        let (mut payload, mut text) = (Payload::new(1024), Payload::new(1024));
        TestBatches::new().events(&[event(), event()], |batch| encoder.encode(batch, &mut payload).unwrap());
        encoder.append_as_text(&payload, &mut text);
        assert_eq!(text.marked_records(), 2);
        text.iter().map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    #[test]
    fn a_record_of_protobuf_is_an_object_with_body_and_attributes() {
        let records = text(&mut ProtobufRecords::new(false));
        assert_eq!(records[1]["body"], "order \"filled\"");
        assert_eq!(records[1]["attributes"]["order"].to_string(), "42");
        assert_eq!(records[1]["attributes"]["price"].to_string(), "101.25");
        assert_eq!(
            (&records[1]["attributes"]["venue"], &records[1]["attributes"]["paid"]),
            (&json!("XNAS"), &json!(true))
        );
        assert!(records[1]["timeUnixNano"].is_number() && records[1]["severityText"].is_string(), "{}", records[1]);
    }

    #[test]
    fn a_record_of_json_is_its_object() {
        let records = text(&mut JsonRecords::new(false));
        assert_eq!(records[0]["body"]["stringValue"], "order \"filled\"");
    }

    #[test]
    fn lists_and_lists_within_lists_are_read_to_a_limit() {
        let text = |value: &[u8]| {
            let mut out = Vec::new();
            put_any_value(value, 0, &mut out);
            String::from_utf8(out).unwrap()
        };
        // An array of the texts a and b; an object with the key k and the number 1.
        assert_eq!(text(b"\x2a\x0a\x0a\x03\x0a\x01a\x0a\x03\x0a\x01b"), "[\"a\",\"b\"]");
        assert_eq!(text(b"\x32\x09\x0a\x07\x0a\x01k\x12\x02\x18\x01"), "{\"k\":1}");
        let mut deep = vec![0x10, 1];
        for _ in 0..60 {
            deep = [&[0x0a, deep.len() as u8][..], &deep].concat();
            deep = [&[0x2a, deep.len() as u8][..], &deep].concat();
            if deep.len() > 120 {
                break;
            }
        }
        assert!(text(&deep).starts_with("[["));
        assert_eq!(text(b"\x0a\xff"), "null");
    }

    #[test]
    fn a_record_of_another_sink_stays_as_it_is() {
        let mut out = Vec::new();
        put_record_text(b"order filled\n", &mut out);
        assert_eq!(out, b"order filled\n");
    }
}
