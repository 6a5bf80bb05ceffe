//! Keys of streams with placeholders.

use std::{collections::HashSet, io::Write};

use fapilog_plugin::event::{Event, FieldPath};

/// The longest value of a placeholder, in bytes.
const VALUE_BYTES_MAX: usize = 64;
/// The value of a placeholder whose field an event does not have.
const MISSING: &[u8] = b"-";
/// The value of all placeholders once there are too many streams.
const OTHER: &[u8] = b"other";

/// The rule for the setting `stream`.
pub(crate) const STREAM_RULE: &str = "it must be a key; a placeholder is the name of a field in braces, as in {level} or {tags.region}, and {{ \
                                      and }} are braces";

/// The key of a stream, with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamTemplate {
    pieces: Vec<StreamPiece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum StreamPiece {
    Text(String),
    Level,
    Category,
    Target,
    Source,
    Field(FieldPath),
}

impl StreamTemplate {
    /// Reads a key. `None`: it is empty, a brace has no partner, or there is no name within.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut tail = text;
        while let Some(place) = tail.find(['{', '}']) {
            let (front, behind) = tail.split_at_checked(place)?;
            literal.push_str(front);
            let doubled = [("{{", '{'), ("}}", '}')].into_iter().find(|(pair, _)| behind.starts_with(pair));
            tail = match doubled {
                Some((pair, brace)) => {
                    literal.push(brace);
                    behind.strip_prefix(pair)?
                }
                None => {
                    let (name, behind) = behind.strip_prefix('{')?.split_once('}')?;
                    if !literal.is_empty() {
                        pieces.push(StreamPiece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(StreamPiece::named(name)?);
                    behind
                }
            };
        }
        literal.push_str(tail);
        if !literal.is_empty() {
            pieces.push(StreamPiece::Text(literal));
        }
        (!pieces.is_empty()).then_some(Self { pieces })
    }

    fn is_literal(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, StreamPiece::Text(_)))
    }

    /// The key with this value for every placeholder.
    fn filled_with(&self, value: &[u8]) -> Vec<u8> {
        let bytes = |piece: &StreamPiece| match piece {
            StreamPiece::Text(text) => text.as_bytes().to_vec(),
            _ => value.to_vec(),
        };
        self.pieces.iter().flat_map(bytes).collect()
    }

    fn put(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                StreamPiece::Text(text) => out.extend_from_slice(text.as_bytes()),
                StreamPiece::Level => out.extend_from_slice(event.level().name().as_bytes()),
                StreamPiece::Category => out.extend_from_slice(event.category().name().as_bytes()),
                StreamPiece::Target => put_value(out, |out| out.extend_from_slice(event.target().as_bytes())),
                StreamPiece::Source => put_value(out, |out| out.extend_from_slice(event.source().name().as_bytes())),
                StreamPiece::Field(path) => put_value(out, |out| {
                    if let Some(value) = path.of(event) {
                        // A write to a vector does not fail.
                        let _ = write!(out, "{value}");
                    }
                }),
            }
        }
    }
}

impl StreamPiece {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "" => return None,
            "level" => Self::Level,
            "category" => Self::Category,
            "target" => Self::Target,
            "source" => Self::Source,
            path if path.contains('{') => return None,
            path => Self::Field(FieldPath::from(path)),
        })
    }
}

/// Appends a value of an event: cut, and with `_` for each byte that could begin a hash tag, a pattern or a part of the key.
fn put_value(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    put(out);
    out.truncate(start + VALUE_BYTES_MAX);
    for byte in out.iter_mut().skip(start) {
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) {
            *byte = b'_';
        }
    }
    if out.len() == start {
        out.extend_from_slice(MISSING);
    }
}

/// The keys of the events of a shard: at most so many.
#[derive(Debug)]
pub(crate) struct StreamKeys {
    template: StreamTemplate,
    keys_max: usize,
    known: HashSet<Vec<u8>>,
    /// The key of events once there are too many.
    other: Vec<u8>,
    /// The key of records whose event is unknown.
    missing: Vec<u8>,
    is_literal: bool,
    key: Vec<u8>,
}

impl StreamKeys {
    pub(crate) fn new(template: StreamTemplate, keys_max: usize) -> Self {
        Self {
            other: template.filled_with(OTHER),
            missing: template.filled_with(MISSING),
            is_literal: template.is_literal(),
            template,
            keys_max,
            known: HashSet::new(),
            key: Vec::new(),
        }
    }

    /// The key of an event.
    pub(crate) fn of(&mut self, event: &Event<'_>) -> &[u8] {
        if self.is_literal {
            return &self.other;
        }
        self.key.clear();
        self.template.put(event, &mut self.key);
        if !self.known.contains(&self.key) {
            if self.known.len() >= self.keys_max {
                return &self.other;
            }
            self.known.insert(self.key.clone());
        }
        &self.key
    }

    /// The key of records whose event is unknown.
    pub(crate) fn missing(&self) -> &[u8] {
        &self.missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_braces_are_braces_of_the_key() {
        let template = StreamTemplate::parse("{{logs}}:{level}").unwrap();
        assert_eq!(template.filled_with(b"other"), b"{logs}:other");
        assert!(StreamTemplate::parse("{{logs}}").unwrap().is_literal() && !template.is_literal());
    }

    #[test]
    fn a_key_with_a_brace_alone_or_without_a_name_is_none() {
        for text in ["", "{", "a}", "{}", "a{b", "{a{b}"] {
            assert_eq!(StreamTemplate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_is_cut_and_has_only_letters_digits_and_marks() {
        let value = |value: &str| {
            let mut out = b"k:".to_vec();
            put_value(&mut out, |out| out.extend_from_slice(value.as_bytes()));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(value("eu-1.a_b"), "k:eu-1.a_b");
        assert_eq!(value("{x}:*\r\n"), "k:_x_____");
        assert_eq!(value(""), "k:-");
        assert_eq!(value(&"x".repeat(99)).len(), 2 + VALUE_BYTES_MAX);
    }
}
