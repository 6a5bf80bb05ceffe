//! Records as text, for a fallback of another kind.

use std::collections::BTreeMap;

use fapilog_format::{
    json::ObjectWriter,
    protobuf_wire::{WireField, take_field},
};
use serde_json::Value;

use crate::{record::LokiRecord, settings::LokiEncoding};

/// Appends the entry of a record, as a line: the line that it has, if there is no structured metadata, and a JSON object with both otherwise.
pub(super) fn put_record_text(record: &[u8], out: &mut Vec<u8>) {
    match LokiRecord::read(record).and_then(|record| parts_of(&record)) {
        Some((line, metadata)) if metadata.is_empty() => out.extend_from_slice(line.trim_end_matches('\n').as_bytes()),
        Some((line, metadata)) => {
            let mut object = ObjectWriter::new(out);
            object.string("line", &line);
            metadata.iter().for_each(|(name, value)| object.string(name, value));
            object.finish();
        }
        None => out.extend_from_slice(record),
    }
    out.push(b'\n');
}

type EntryParts = (String, BTreeMap<String, String>);

/// The line of an entry, and its structured metadata.
fn parts_of(record: &LokiRecord<'_>) -> Option<EntryParts> {
    match record.encoding {
        LokiEncoding::Protobuf => parts_of_protobuf(record.entry),
        LokiEncoding::Json => parts_of_json(record.entry),
    }
}

/// `EntryAdapter`: the line is field 2, and a pair of metadata is field 3.
fn parts_of_protobuf(mut entry: &[u8]) -> Option<EntryParts> {
    let (mut line, mut metadata) = (String::new(), BTreeMap::new());
    while !entry.is_empty() {
        let (number, field, behind) = take_field(entry)?;
        match (number, field) {
            (2, WireField::Bytes(text)) => line = String::from_utf8_lossy(text).into_owned(),
            (3, WireField::Bytes(pair)) => metadata.extend(pair_of(pair)),
            _ => {}
        }
        entry = behind;
    }
    Some((line, metadata))
}

/// `LabelPairAdapter`: the name is field 1, and the value is field 2.
fn pair_of(mut pair: &[u8]) -> Option<(String, String)> {
    let mut texts = [String::new(), String::new()];
    while !pair.is_empty() {
        let (number, field, behind) = take_field(pair)?;
        if let (Some(text), WireField::Bytes(bytes)) =
            (texts.get_mut(usize::try_from(number.checked_sub(1)?).ok()?), field)
        {
            *text = String::from_utf8_lossy(bytes).into_owned();
        }
        pair = behind;
    }
    let [name, value] = texts;
    Some((name, value))
}

/// An entry is an array: the time, the line, and perhaps an object.
fn parts_of_json(entry: &[u8]) -> Option<EntryParts> {
    let members: Vec<Value> = serde_json::from_slice(entry).ok()?;
    let line = members.get(1)?.as_str()?.to_owned();
    let metadata = members.get(2).and_then(Value::as_object).into_iter().flatten();
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    Some((line, metadata.filter_map(text).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::entry::LokiEntryWriter;

    fn text(encoding: LokiEncoding, line: &str, metadata: &[(&str, &str)]) -> String {
        let mut record = Vec::new();
        LokiRecord::put_front(encoding, 7, |_| {}, b"labels", &mut record);
        let mut entry = LokiEntryWriter::begin(encoding, 7, line, &mut record);
        metadata.iter().for_each(|(name, value)| entry.metadata(name, value.as_bytes()));
        entry.finish();
        let mut out = Vec::new();
        put_record_text(&record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_is_the_line_of_its_entry() {
        for encoding in [LokiEncoding::Protobuf, LokiEncoding::Json] {
            assert_eq!(text(encoding, "{\"message\":\"a\"}", &[]), "{\"message\":\"a\"}\n");
        }
    }

    #[test]
    fn metadata_stands_beside_the_line() {
        for encoding in [LokiEncoding::Protobuf, LokiEncoding::Json] {
            let text = text(encoding, "filled \"x\"", &[("order", "42"), ("venue", "XNAS")]);
            assert_eq!(text, "{\"line\":\"filled \\\"x\\\"\",\"order\":\"42\",\"venue\":\"XNAS\"}\n");
        }
    }

    #[test]
    fn a_record_of_another_sink_and_one_that_is_cut_stay_as_they_are() {
        for record in [&b"{}"[..], b"\0Lk\x01\0", b""] {
            let mut out = Vec::new();
            put_record_text(record, &mut out);
            assert_eq!(out, [record, b"\n"].concat());
        }
    }
}
