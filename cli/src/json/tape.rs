//! The tape: one pass over a line.

use crate::json::{
    scan::{StringEnd, number_end, string_end},
    value::{JsonKind, JsonValue},
};

/// How deep objects and arrays may nest, as in `serde_json`.
const MAX_DEPTH: usize = 128;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A value or a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct TapeEntry {
    pub(super) kind: JsonKind,
    pub(super) has_escapes: bool,
    /// Its bytes in the line, with quotes or brackets.
    pub(super) start: u32,
    pub(super) end: u32,
    /// The entry behind it and all that it contains.
    pub(super) next: u32,
}

/// The values of a line.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    pub(super) entries: Vec<TapeEntry>,
    /// The open objects and arrays, by their entries.
    open: Vec<u32>,
}

/// The token that may come next.
#[derive(Clone, Copy)]
enum Expected {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    CommaOrEnd,
}

impl Tape {
    /// Reads a line that is one JSON object, as RFC 8259 has it, with spaces around it. All else gives `None`. A byte order mark in
    /// front, which other writers put at the start of a file, is passed over.
    pub(crate) fn read<'a>(&'a mut self, line: &'a [u8]) -> Option<JsonValue<'a>> {
        self.entries.clear();
        self.open.clear();
        let start = skip_spaces(line, if line.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 });
        if line.get(start) != Some(&b'{') {
            return None;
        }
        let text = std::str::from_utf8(line).ok()?;
        let end = self.read_object(line, start)?;
        (skip_spaces(line, end) == line.len()).then(|| JsonValue::new(text, &self.entries, 0))
    }

    /// The object that was read before from the same line.
    pub(crate) fn object<'a>(&'a self, line: &'a [u8]) -> Option<JsonValue<'a>> {
        std::str::from_utf8(line).ok().map(|text| JsonValue::new(text, &self.entries, 0))
    }

    /// The end of the outermost object.
    fn read_object(&mut self, line: &[u8], start: usize) -> Option<usize> {
        self.open_container(JsonKind::Object, start)?;
        let mut expected = Expected::KeyOrEnd;
        let mut at = start + 1;
        loop {
            at = skip_spaces(line, at);
            let byte = *line.get(at)?;
            (at, expected) = match (expected, byte) {
                (Expected::KeyOrEnd | Expected::CommaOrEnd, b'}') => self.close(JsonKind::Object, at)?,
                (Expected::ValueOrEnd | Expected::CommaOrEnd, b']') => self.close(JsonKind::Array, at)?,
                (Expected::CommaOrEnd, b',') => (at + 1, self.behind_comma()?),
                (Expected::Key | Expected::KeyOrEnd, b'"') => (self.read_key(line, at)?, Expected::Value),
                (Expected::Value | Expected::ValueOrEnd, byte) => self.read_value(line, at, byte)?,
                _ => return None,
            };
            if self.open.is_empty() {
                return Some(at);
            }
        }
    }

    fn behind_comma(&self) -> Option<Expected> {
        let container = self.entries.get(*self.open.last()? as usize)?;
        Some(if container.kind == JsonKind::Object { Expected::Key } else { Expected::Value })
    }

    /// The end of a key and its colon.
    fn read_key(&mut self, line: &[u8], at: usize) -> Option<usize> {
        let end = self.read_string(line, at)?;
        let colon = skip_spaces(line, end);
        (line.get(colon) == Some(&b':')).then_some(colon + 1)
    }

    fn read_value(&mut self, line: &[u8], at: usize, byte: u8) -> Option<(usize, Expected)> {
        let end = match byte {
            b'"' => self.read_string(line, at)?,
            b'{' => return self.open_container(JsonKind::Object, at).map(|()| (at + 1, Expected::KeyOrEnd)),
            b'[' => return self.open_container(JsonKind::Array, at).map(|()| (at + 1, Expected::ValueOrEnd)),
            b't' => self.read_word(line, at, b"true", JsonKind::True)?,
            b'f' => self.read_word(line, at, b"false", JsonKind::False)?,
            b'n' => self.read_word(line, at, b"null", JsonKind::Null)?,
            _ => {
                let end = number_end(line, at)?;
                self.push(JsonKind::Number, false, at, end)?;
                end
            }
        };
        Some((end, Expected::CommaOrEnd))
    }

    fn read_string(&mut self, line: &[u8], at: usize) -> Option<usize> {
        let StringEnd { end, has_escapes } = string_end(line, at)?;
        self.push(JsonKind::Text, has_escapes, at, end)?;
        Some(end)
    }

    fn read_word(&mut self, line: &[u8], at: usize, word: &[u8], kind: JsonKind) -> Option<usize> {
        let end = at + word.len();
        if line.get(at..end)? != word {
            return None;
        }
        self.push(kind, false, at, end)?;
        Some(end)
    }

    fn push(&mut self, kind: JsonKind, has_escapes: bool, start: usize, end: usize) -> Option<()> {
        let next = u32::try_from(self.entries.len() + 1).ok()?;
        let (start, end) = (u32::try_from(start).ok()?, u32::try_from(end).ok()?);
        self.entries.push(TapeEntry { kind, has_escapes, start, end, next });
        Some(())
    }

    fn open_container(&mut self, kind: JsonKind, at: usize) -> Option<()> {
        if self.open.len() == MAX_DEPTH {
            return None;
        }
        self.open.push(u32::try_from(self.entries.len()).ok()?);
        self.push(kind, false, at, at)
    }

    fn close(&mut self, kind: JsonKind, at: usize) -> Option<(usize, Expected)> {
        let next = u32::try_from(self.entries.len()).ok()?;
        let container = self.entries.get_mut(self.open.pop()? as usize)?;
        if container.kind != kind {
            return None;
        }
        container.end = u32::try_from(at + 1).ok()?;
        container.next = next;
        Some((at + 1, Expected::CommaOrEnd))
    }
}

fn skip_spaces(line: &[u8], mut at: usize) -> usize {
    while matches!(line.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_read(line: &str) -> bool {
        Tape::default().read(line.as_bytes()).is_some()
    }

    /// A value of any shape, as `serde_json` writes it.
    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            (-1e9..1e9_f64).prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn rebuilt(value: JsonValue<'_>) -> serde_json::Value {
        match value.kind() {
            JsonKind::Object => value.members().map(|(key, value)| (key.text().into_owned(), rebuilt(value))).collect(),
            JsonKind::Array => value.elements().map(rebuilt).collect(),
            JsonKind::Text => value.text().into_owned().into(),
            _ => serde_json::from_str(value.raw()).unwrap(),
        }
    }

    /// Bytes that take the place of a byte.
    #[derive(Debug, Clone)]
    struct LineChange {
        at: prop::sample::Index,
        bytes: Vec<u8>,
    }

    impl LineChange {
        fn apply(self, line: &mut Vec<u8>) {
            if !line.is_empty() {
                let at = self.at.index(line.len());
                line.splice(at..=at, self.bytes);
            }
        }
    }

    /// A byte is removed, or another one or some of the syntax stand in its place.
    fn any_change() -> impl Strategy<Value = LineChange> {
        let syntax = vec![
            "", "\"", "\\", "{", "}", "[", "]", ",", ":", "-", "0", "1e", ".", "\\u", "\\ud800", "\\u0041", "tru",
            "\t", "\u{1}",
        ];
        let bytes = prop_oneof![
            prop::sample::select(syntax).prop_map(|text| text.as_bytes().to_vec()),
            any::<u8>().prop_map(|byte| vec![byte]),
        ];
        (any::<prop::sample::Index>(), bytes).prop_map(|(at, bytes)| LineChange { at, bytes })
    }

    proptest! {
        #[test]
        fn every_object_is_read_back(value in any_json()) {
            let line = serde_json::json!({ "value": value }).to_string();
            let mut tape = Tape::default();
            let read = tape.read(line.as_bytes()).map(rebuilt);
            prop_assert_eq!(read, Some(serde_json::from_str(&line).unwrap()));
        }

        #[test]
        fn a_changed_line_is_read_where_and_as_serde_json_reads_it(
            value in any_json(), changes in prop::collection::vec(any_change(), 1..4),
        ) {
            let mut line = serde_json::json!({ "value": value, "n": -1.5e3 }).to_string().into_bytes();
            changes.into_iter().for_each(|change| change.apply(&mut line));
            let expected = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&line);
            let mut tape = Tape::default();
            match (tape.read(&line), expected) {
                (Some(read), Ok(expected)) => prop_assert_eq!(rebuilt(read), serde_json::Value::Object(expected)),
                (None, Err(_)) => {}
                // A number beyond f64 is no error of the grammar.
                (Some(_), Err(error)) if error.to_string().starts_with("number out of range") => {}
                (read, expected) => prop_assert!(false, "{:?} {read:?} {expected:?}", String::from_utf8_lossy(&line)),
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut line = b"{\"a\":".to_vec();
            line.extend(bytes);
            Tape::default().read(&line);
        }
    }

    #[test]
    fn lines_that_are_no_whole_object_are_not_read() {
        for line in [
            "",
            "text",
            "1",
            "[]",
            "{",
            "{}{}",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{\"a\":01}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":[1}",
        ] {
            assert!(!is_read(line), "{line}");
        }
        assert!(is_read("  { \"a\" : [ ] , \"b\" : { } } \r"));
        assert!(is_read("\u{feff}{\"a\":1}") && !is_read("{\u{feff}\"a\":1}"));
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_read(&nested(127)));
        assert!(!is_read(&nested(128)));
        assert!(!is_read(&nested(1_000_000)));
    }
}
