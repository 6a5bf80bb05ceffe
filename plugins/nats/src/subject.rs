//! Subjects with placeholders.

use std::{collections::HashSet, io::Write};

use fapilog_plugin::event::{Event, FieldPath};

/// The longest value of a placeholder, in bytes.
const VALUE_BYTES_MAX: usize = 64;
/// The longest template, and the most pieces: with them, a command's line stays below 4096 bytes, the server's default of `max_control_line`.
const TEMPLATE_BYTES_MAX: usize = 512;
const PLACEHOLDERS_MAX: usize = 16;
/// The value of a placeholder whose field an event does not have.
const MISSING: &[u8] = b"-";
/// The value of all placeholders once there are too many subjects.
const OTHER: &[u8] = b"other";

/// The rule for the setting `subject`.
pub(crate) const SUBJECT_RULE: &str = "it must be tokens with dots between them, without spaces and wildcards, and none that the server keeps for itself \
                                       ($SYS, $JS, _INBOX); a placeholder is the name of a field in braces, as in {level} or {tags.region}";

/// A subject, with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubjectTemplate {
    pieces: Vec<SubjectPiece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum SubjectPiece {
    Text(String),
    Level,
    Category,
    Target,
    Source,
    Field(FieldPath),
}

impl SubjectTemplate {
    /// Reads a template. `None`: it breaks [the rule](SUBJECT_RULE).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > TEMPLATE_BYTES_MAX {
            return None;
        }
        let mut pieces = Vec::new();
        let mut tail = text;
        while let Some((literal, behind)) = tail.split_once('{') {
            let (name, behind) = behind.split_once('}')?;
            if !literal.is_empty() {
                pieces.push(SubjectPiece::Text(literal.to_owned()));
            }
            pieces.push(SubjectPiece::named(name)?);
            tail = behind;
        }
        if !tail.is_empty() {
            pieces.push(SubjectPiece::Text(tail.to_owned()));
        }
        let placeholders = pieces.iter().filter(|piece| !piece.is_text()).count();
        let template = Self { pieces };
        let example = template.filled_with(MISSING);
        (placeholders <= PLACEHOLDERS_MAX && !text.is_empty() && is_subject(&example) && !is_reserved(&example))
            .then_some(template)
    }

    fn is_literal(&self) -> bool {
        self.pieces.iter().all(SubjectPiece::is_text)
    }

    /// The subject with this value for every placeholder.
    fn filled_with(&self, value: &[u8]) -> Vec<u8> {
        let bytes = |piece: &SubjectPiece| match piece {
            SubjectPiece::Text(text) => text.as_bytes().to_vec(),
            _ => value.to_vec(),
        };
        self.pieces.iter().flat_map(bytes).collect()
    }

    fn put(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                SubjectPiece::Text(text) => out.extend_from_slice(text.as_bytes()),
                SubjectPiece::Level => out.extend_from_slice(event.level().name().as_bytes()),
                SubjectPiece::Category => out.extend_from_slice(event.category().name().as_bytes()),
                SubjectPiece::Target => put_value(out, |out| out.extend_from_slice(event.target().as_bytes())),
                SubjectPiece::Source => put_value(out, |out| out.extend_from_slice(event.source().name().as_bytes())),
                SubjectPiece::Field(path) => put_value(out, |out| {
                    if let Some(value) = path.of(event) {
                        // A write to a vector does not fail.
                        let _ = write!(out, "{value}");
                    }
                }),
            }
        }
    }
}

impl SubjectPiece {
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

    fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }
}

/// Whether it is a subject that messages can be published to: no wildcards, no white space, no empty tokens.
/// <https://docs.nats.io/nats-concepts/subjects>
pub(crate) fn is_subject(subject: &[u8]) -> bool {
    let is_byte = |byte: &u8| *byte > b' ' && !matches!(byte, b'*' | b'>' | b'{' | b'}' | 0x7F);
    std::str::from_utf8(subject).is_ok_and(|text| !text.chars().any(|c| c.is_whitespace() || c.is_control()))
        && subject.iter().all(is_byte)
        && subject.split(|byte| *byte == b'.').all(|token| !token.is_empty())
}

fn is_reserved(subject: &[u8]) -> bool {
    subject.starts_with(b"$") || subject.split(|byte| *byte == b'.').next() == Some(b"_INBOX")
}

/// Appends a value of an event: cut, and with `_` for each byte that could divide the subject or be a wildcard.
fn put_value(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    put(out);
    out.truncate(start + VALUE_BYTES_MAX);
    for byte in out.iter_mut().skip(start) {
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            *byte = b'_';
        }
    }
    if out.len() == start {
        out.extend_from_slice(MISSING);
    }
}

/// The subjects of the events of a shard: at most so many.
#[derive(Debug)]
pub(crate) struct EventSubjects {
    template: SubjectTemplate,
    subjects_max: usize,
    known: HashSet<Vec<u8>>,
    /// The subject of events once there are too many.
    other: Vec<u8>,
    /// The subject of records whose event is unknown.
    missing: Vec<u8>,
    is_literal: bool,
    subject: Vec<u8>,
}

impl EventSubjects {
    pub(crate) fn new(template: SubjectTemplate, subjects_max: usize) -> Self {
        Self {
            other: template.filled_with(OTHER),
            missing: template.filled_with(MISSING),
            is_literal: template.is_literal(),
            template,
            subjects_max,
            known: HashSet::new(),
            subject: Vec::new(),
        }
    }

    /// The subject of an event.
    pub(crate) fn of(&mut self, event: &Event<'_>) -> &[u8] {
        if self.is_literal {
            return &self.other;
        }
        self.subject.clear();
        self.template.put(event, &mut self.subject);
        if !self.known.contains(&self.subject) {
            if self.known.len() >= self.subjects_max {
                return &self.other;
            }
            self.known.insert(self.subject.clone());
        }
        &self.subject
    }

    /// The subject of records whose event is unknown.
    pub(crate) fn missing(&self) -> &[u8] {
        &self.missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_spaces_empty_tokens_and_reserved_subjects_are_refused() {
        for text in [
            "", ".", "a.", ".a", "a..b", "a.*", "a.>", "a b", "a\tb", "a\r\n", "a\u{a0}b", "{", "a}", "{}", "{a{b}",
            "$SYS.a", "$JS.API", "_INBOX.a",
        ] {
            assert_eq!(SubjectTemplate::parse(text), None, "{text:?}");
        }
        assert_eq!(SubjectTemplate::parse(&"a".repeat(513)), None);
        assert_eq!(SubjectTemplate::parse(&"{level}.a".repeat(17)), None);
        for text in ["a", "logs.{level}", "{source}", "größe.a", "a_INBOX"] {
            assert!(SubjectTemplate::parse(text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_value_is_one_token() {
        let value = |value: &str| {
            let mut out = b"k.".to_vec();
            put_value(&mut out, |out| out.extend_from_slice(value.as_bytes()));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(value("eu-1_b"), "k.eu-1_b");
        assert_eq!(value("a.b *>\r\n"), "k.a_b_____");
        assert_eq!(value("ü"), "k.__");
        assert_eq!(value(""), "k.-");
        assert_eq!(value(&"x".repeat(99)).len(), 2 + VALUE_BYTES_MAX);
    }
}
