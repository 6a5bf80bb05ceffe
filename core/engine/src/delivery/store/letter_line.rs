//! Dead letters as lines of JSON.

use std::{str, time::SystemTime};

use fapilog_record::timestamp::Timestamp;
use serde::Serialize;

use crate::delivery::store::stored_payload::DeadLetter;

/// A line of the file.
#[derive(Serialize)]
struct LetterLine<'a> {
    time: String,
    sink: &'a str,
    shard: usize,
    payload_id: String,
    events: u64,
    attempts: u32,
    reason: &'a str,
    #[serde(flatten)]
    records: LetterRecords<'a>,
}

/// The records, under a name that has their form.
#[derive(Serialize)]
enum LetterRecords<'a> {
    #[serde(rename = "records")]
    Text(Vec<&'a str>),
    #[serde(rename = "records_base64")]
    Base64(Vec<String>),
}

/// The line of a letter, with its line feed.
pub(super) fn line_of(letter: &DeadLetter, sink: &str, shard: usize) -> serde_json::Result<Vec<u8>> {
    let line = LetterLine {
        time: Timestamp::from(SystemTime::now()).to_string(),
        sink,
        shard,
        payload_id: letter.payload.id().to_string(),
        events: letter.events,
        attempts: letter.attempts,
        reason: &letter.reason,
        records: records_of(letter),
    };
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn records_of(letter: &DeadLetter) -> LetterRecords<'_> {
    let records = given_up(letter);
    let texts: Result<Vec<&str>, _> = records.iter().map(|record| str::from_utf8(record)).collect();
    texts.map_or_else(
        |_| LetterRecords::Base64(records.iter().map(|record| base64(record)).collect()),
        LetterRecords::Text,
    )
}

/// The records that are given up. Bytes without a marked end are a record.
fn given_up(letter: &DeadLetter) -> Vec<&[u8]> {
    let payload = &letter.payload;
    if let Some(indices) = &letter.records {
        return indices.iter().filter_map(|index| payload.record(*index)).collect();
    }
    let mut records: Vec<&[u8]> = (0..payload.marked_records()).filter_map(|index| payload.record(index)).collect();
    let marked_end = payload.record_ends().last().copied().unwrap_or(0);
    let unmarked = payload.records().get(marked_end..).unwrap_or_default();
    if !unmarked.is_empty() {
        records.push(unmarked);
    }
    records
}

/// Base64 of RFC 4648, section 4, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) & 63;
            let character = DIGITS.get(value as usize).filter(|_| digit <= group.len());
            text.push(character.copied().map_or('=', char::from));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::{
        event::InstanceId,
        sink::{Payload, PayloadId},
    };
    use serde_json::{Value, json};

    use super::*;

    fn letter(records: &[&[u8]]) -> DeadLetter {
        let mut payload = Payload::new(64);
        for record in records {
            payload.buffer().extend_from_slice(record);
            payload.end_record();
        }
        payload.set_id(PayloadId::new(InstanceId::from_bits(7), 1, 2));
        DeadLetter { payload, records: None, events: 3, reason: "HTTP 400: \"bad\"\n".to_owned(), attempts: 4 }
    }

    fn parsed(letter: &DeadLetter) -> Value {
        let line = line_of(letter, "loki", 1).unwrap();
        assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1), "one line");
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn a_line_has_the_letter_in_the_order_of_its_fields() {
        let line = String::from_utf8(line_of(&letter(&[b"a"]), "loki", 1).unwrap()).unwrap();
        let (front, tail) = line.split_at(line.find(",\"sink\"").unwrap());
        let time = front.strip_prefix("{\"time\":\"").unwrap().strip_suffix('"').unwrap();
        assert!(time.len() >= 20 && time.starts_with('2') && time.ends_with('Z'), "{time}");
        let expected = r#","sink":"loki","shard":1,"payload_id":"000000000007-p1-2","events":3,"attempts":4,"reason":"HTTP 400: \"bad\"\n","records":["a"]}"#;
        assert_eq!(tail.trim_end(), expected);
    }

    #[test]
    fn records_are_texts_in_order() {
        assert_eq!(
            parsed(&letter(&[b"one\n", "zw\u{f6}lf".as_bytes(), b""]))["records"],
            json!(["one\n", "zw\u{f6}lf", ""])
        );
    }

    #[test]
    fn a_record_that_is_no_text_has_all_records_in_base64() {
        let line = parsed(&letter(&[b"one", b"\xff\x00"]));
        assert_eq!((&line["records_base64"], line.get("records")), (&json!(["b25l", "/wA="]), None));
    }

    #[test]
    fn the_named_records_alone_are_written() {
        let letter = DeadLetter { records: Some(vec![2, 0, 9]), ..letter(&[b"one", b"two", b"three"]) };
        assert_eq!(parsed(&letter)["records"], json!(["three", "one"]));
    }

    #[test]
    fn bytes_without_a_marked_end_are_a_record() {
        let mut unmarked = letter(&[b"one"]);
        unmarked.payload.buffer().extend_from_slice(b"tail");
        assert_eq!(parsed(&unmarked)["records"], json!(["one", "tail"]));
        let mut unmarked = letter(&[]);
        unmarked.payload.buffer().extend_from_slice(b"all\nof it\n");
        assert_eq!(parsed(&unmarked)["records"], json!(["all\nof it\n"]));
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        let of_rfc =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        of_rfc.iter().for_each(|(text, expected)| assert_eq!(base64(text.as_bytes()), *expected));
        assert_eq!(base64(&[0xfb, 0xff, 0xbf]), "+/+/");
    }
}
