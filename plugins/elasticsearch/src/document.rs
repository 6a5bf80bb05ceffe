//! The document of a record.

use std::io::Write;

use fapilog_format::json::put_string;
use fapilog_plugin::timestamp::Timestamp;
use serde::de::IgnoredAny;

/// The first key of a line of the formatter `json`.
const JSON_TIME_KEY: &[u8] = b"\"timestamp\":";

/// Makes documents of lines.
#[derive(Debug, Clone)]
pub(crate) struct DocumentFrame {
    /// `"@timestamp":`, or nothing.
    timestamp_key: Vec<u8>,
}

impl DocumentFrame {
    /// Documents with the time under this key. An empty key: no time is added.
    pub(crate) fn new(timestamp_key: &str) -> Self {
        let mut key = Vec::new();
        if !timestamp_key.is_empty() {
            put_string(&mut key, timestamp_key);
            key.push(b':');
        }
        Self { timestamp_key: key }
    }

    /// Appends the document of a line that may be any text, and a line feed. `line` has no line feed in it. A line that is no JSON object is the message of one.
    pub(crate) fn put_any(&self, line: &[u8], time: Timestamp, out: &mut Vec<u8>) {
        if is_object(line) { self.put(line, time, out) } else { self.put_text(line, time, out) }
    }

    /// Appends the document of a line that is a JSON object if it has braces around it, and a line feed. Any other line is the message of a document.
    pub(crate) fn put(&self, line: &[u8], time: Timestamp, out: &mut Vec<u8>) {
        match line.strip_prefix(b"{") {
            Some(members) if line.ends_with(b"}") => {
                out.push(b'{');
                self.put_members(members, time, out);
                out.push(b'\n');
            }
            _ => self.put_text(line, time, out),
        }
    }

    /// Appends the members of an object, up to its end, with the time in front.
    fn put_members(&self, members: &[u8], time: Timestamp, out: &mut Vec<u8>) {
        if self.timestamp_key.is_empty() || members.starts_with(&self.timestamp_key) {
            return out.extend_from_slice(members);
        }
        out.extend_from_slice(&self.timestamp_key);
        if let Some(behind_key) = behind_time_key(members) {
            return out.extend_from_slice(behind_key);
        }
        put_time(time, out);
        if members != b"}" {
            out.push(b',');
        }
        out.extend_from_slice(members);
    }

    fn put_text(&self, text: &[u8], time: Timestamp, out: &mut Vec<u8>) {
        out.push(b'{');
        if !self.timestamp_key.is_empty() {
            out.extend_from_slice(&self.timestamp_key);
            put_time(time, out);
            out.push(b',');
        }
        out.extend_from_slice(b"\"message\":");
        put_string(out, &String::from_utf8_lossy(text));
        out.extend_from_slice(b"}\n");
    }
}

/// Whether a text is a JSON object. A text that only looks like one would be refused.
pub(crate) fn is_object(text: &[u8]) -> bool {
    text.starts_with(b"{") && text.ends_with(b"}") && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

fn put_time(time: Timestamp, out: &mut Vec<u8>) {
    // A write to a vector does not fail.
    let _ = write!(out, "\"{time}\"");
}

/// The members of a line of the formatter `json` behind the key of their time: it gets another key, and is not written twice.
fn behind_time_key(members: &[u8]) -> Option<&[u8]> {
    let behind_key = members.strip_prefix(JSON_TIME_KEY)?;
    let time = behind_key.strip_prefix(b"\"")?;
    // Date and time of RFC 3339.
    (time.first()?.is_ascii_digit() && time.get(10) == Some(&b'T')).then_some(behind_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Timestamp = Timestamp::from_unix_nanos(1_500_000_000);

    fn document(key: &str, line: &str) -> String {
        let mut out = Vec::new();
        DocumentFrame::new(key).put(line.as_bytes(), TIME, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_time_of_json_gets_the_key() {
        assert_eq!(
            document("@timestamp", r#"{"timestamp":"2026-12-01T00:30:00.5+01:00","a":1}"#),
            "{\"@timestamp\":\"2026-12-01T00:30:00.5+01:00\",\"a\":1}\n"
        );
        assert_eq!(
            document("", r#"{"timestamp":"2026-12-01T00:30:00Z"}"#),
            "{\"timestamp\":\"2026-12-01T00:30:00Z\"}\n"
        );
    }

    #[test]
    fn the_time_is_added_in_front() {
        assert_eq!(
            document("@timestamp", r#"{"a":1}"#),
            "{\"@timestamp\":\"1970-01-01T00:00:01.500000000Z\",\"a\":1}\n"
        );
        assert_eq!(
            document("t", r#"{"timestamp":"soon"}"#),
            "{\"t\":\"1970-01-01T00:00:01.500000000Z\",\"timestamp\":\"soon\"}\n"
        );
        assert_eq!(document("t", "{}"), "{\"t\":\"1970-01-01T00:00:01.500000000Z\"}\n");
    }

    #[test]
    fn a_document_that_begins_with_the_time_stays_as_it_is() {
        assert_eq!(document("@timestamp", r#"{"@timestamp":"x"}"#), "{\"@timestamp\":\"x\"}\n");
        assert_eq!(document("", r#"{"a":1}"#), "{\"a\":1}\n");
    }

    #[test]
    fn a_line_that_is_no_object_is_a_message() {
        assert_eq!(
            document("@timestamp", "a \"b\""),
            "{\"@timestamp\":\"1970-01-01T00:00:01.500000000Z\",\"message\":\"a \\\"b\\\"\"}\n"
        );
        assert_eq!(document("", "{\"a\":1} x"), "{\"message\":\"{\\\"a\\\":1} x\"}\n");
    }

    #[test]
    fn a_text_that_only_looks_like_an_object_is_a_message() {
        for text in ["{a} and {b}", "{\"a\":1} {\"b\":2}", "{}}", "{"] {
            let mut out = Vec::new();
            DocumentFrame::new("").put_any(text.as_bytes(), TIME, &mut out);
            let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(document["message"], text);
        }
        let mut out = Vec::new();
        DocumentFrame::new("").put_any(b"{\"a\":{}}", TIME, &mut out);
        assert_eq!(out, b"{\"a\":{}}\n");
    }
}
