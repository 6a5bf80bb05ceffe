//! Topics, keys and values of headers, with placeholders.

use std::{collections::HashSet, io::Write};

use fapilog_plugin::event::{Event, FieldPath};

/// The longest name of a topic (Kafka's `Topic.MAX_NAME_LENGTH`).
const TOPIC_BYTES_MAX: usize = 249;
/// The longest value of a placeholder in a topic, in bytes.
const TOPIC_VALUE_BYTES_MAX: usize = 64;
/// The longest value of a placeholder in a key or a header, in bytes.
const VALUE_BYTES_MAX: usize = 1024;
/// The value of a placeholder in a topic whose field an event does not have.
const MISSING: &[u8] = b"-";
/// The value of all placeholders once there are too many topics.
const OTHER: &[u8] = b"other";

/// The rule for the setting `topic`.
pub(crate) const TOPIC_RULE: &str = "it must be 1 to 249 letters, digits, '.', '_' and '-', and not \".\" or \"..\"; a placeholder is the name of a \
                                     field in braces, as in {level} or {tags.region}";
/// The rule for the settings `key` and `headers`.
pub(crate) const TEXT_RULE: &str = "it must be a text; a placeholder is the name of a field in braces, as in {correlation_id} or {context.user}, \
                                    and {{ and }} are braces";

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KafkaTemplate {
    pieces: Vec<KafkaTemplatePiece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum KafkaTemplatePiece {
    Text(String),
    Level,
    Category,
    Target,
    Source,
    Id,
    CorrelationId,
    Field(FieldPath),
}

impl KafkaTemplate {
    /// Reads a text. `None`: it is empty, a brace has no partner, or there is no name within.
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
                        pieces.push(KafkaTemplatePiece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(KafkaTemplatePiece::named(name)?);
                    behind
                }
            };
        }
        literal.push_str(tail);
        if !literal.is_empty() {
            pieces.push(KafkaTemplatePiece::Text(literal));
        }
        (!pieces.is_empty()).then_some(Self { pieces })
    }

    /// Reads a topic. `None`: as [`parse`](Self::parse) has it, or the name could be none of Kafka's.
    pub(crate) fn parse_topic(text: &str) -> Option<Self> {
        let template = Self::parse(text)?;
        let is_legal = |piece: &KafkaTemplatePiece| match piece {
            KafkaTemplatePiece::Text(text) => text.bytes().all(is_topic_byte),
            _ => true,
        };
        // The shortest value of a placeholder is one byte.
        let shortest = template.filled_with(MISSING);
        let is_name = !matches!(shortest.as_slice(), b"." | b"..") && shortest.len() <= TOPIC_BYTES_MAX;
        (is_name && template.pieces.iter().all(is_legal)).then_some(template)
    }

    fn is_literal(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, KafkaTemplatePiece::Text(_)))
    }

    /// The text with this value for every placeholder.
    fn filled_with(&self, value: &[u8]) -> Vec<u8> {
        let bytes = |piece: &KafkaTemplatePiece| match piece {
            KafkaTemplatePiece::Text(text) => text.as_bytes().to_vec(),
            _ => value.to_vec(),
        };
        self.pieces.iter().flat_map(bytes).collect()
    }

    /// Appends the text for an event. Returns whether the event has all of its values; without one of them, nothing is appended.
    pub(crate) fn put(&self, event: &Event<'_>, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        for piece in &self.pieces {
            let piece_start = out.len();
            piece.put(event, out);
            if out.len() == piece_start {
                out.truncate(start);
                return false;
            }
            if !matches!(piece, KafkaTemplatePiece::Text(_)) {
                cut(out, piece_start, VALUE_BYTES_MAX);
            }
        }
        true
    }

    /// The text where no event is known: only a literal one.
    pub(crate) fn put_without_event(&self, out: &mut Vec<u8>) -> bool {
        if self.is_literal() {
            out.extend_from_slice(&self.filled_with(b""));
        }
        self.is_literal()
    }

    fn put_topic(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            let start = out.len();
            piece.put(event, out);
            if !matches!(piece, KafkaTemplatePiece::Text(_)) {
                sanitize_topic_value(out, start);
            }
        }
        out.truncate(TOPIC_BYTES_MAX);
    }
}

impl KafkaTemplatePiece {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "" => return None,
            "level" => Self::Level,
            "category" => Self::Category,
            "target" => Self::Target,
            "source" => Self::Source,
            "id" => Self::Id,
            "correlation_id" => Self::CorrelationId,
            path if path.contains('{') => return None,
            path => Self::Field(FieldPath::from(path)),
        })
    }

    /// Appends the value as it is; nothing if the event has none.
    fn put(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Level => out.extend_from_slice(event.level().name().as_bytes()),
            Self::Category => out.extend_from_slice(event.category().name().as_bytes()),
            Self::Target => out.extend_from_slice(event.target().as_bytes()),
            Self::Source => out.extend_from_slice(event.source().name().as_bytes()),
            // A write to a vector does not fail.
            Self::Id => drop(write!(out, "{}", event.id())),
            Self::CorrelationId => out.extend_from_slice(event.correlation_id().unwrap_or_default().as_bytes()),
            Self::Field(path) => {
                if let Some(value) = path.of(event) {
                    let _ = write!(out, "{value}");
                }
            }
        }
    }
}

/// Cuts what is behind `start`, at the beginning of a character.
fn cut(out: &mut Vec<u8>, start: usize, max: usize) {
    let mut end = start + max;
    if out.len() <= end {
        return;
    }
    while end > start && out.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end -= 1;
    }
    out.truncate(end);
}

fn is_topic_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// Makes a value of an event a part of a topic's name: cut, and with `_` for each byte that no name has.
fn sanitize_topic_value(out: &mut Vec<u8>, start: usize) {
    out.truncate(start + TOPIC_VALUE_BYTES_MAX);
    for byte in out.iter_mut().skip(start) {
        if !is_topic_byte(*byte) {
            *byte = b'_';
        }
    }
    if out.len() == start {
        out.extend_from_slice(MISSING);
    }
}

/// The topics of the events of a shard: at most so many.
#[derive(Debug)]
pub(crate) struct TopicNames {
    template: KafkaTemplate,
    topics_max: usize,
    known: HashSet<Vec<u8>>,
    /// The topic of events once there are too many.
    other: Vec<u8>,
    /// The topic of records whose event is unknown.
    missing: Vec<u8>,
    is_literal: bool,
    topic: Vec<u8>,
}

impl TopicNames {
    pub(crate) fn new(template: KafkaTemplate, topics_max: usize) -> Self {
        let filled = |value: &[u8]| {
            let mut name = template.filled_with(value);
            name.truncate(TOPIC_BYTES_MAX);
            name
        };
        Self {
            other: filled(OTHER),
            missing: filled(MISSING),
            is_literal: template.is_literal(),
            template,
            topics_max,
            known: HashSet::new(),
            topic: Vec::new(),
        }
    }

    /// The topic of an event.
    pub(crate) fn of(&mut self, event: &Event<'_>) -> &[u8] {
        if self.is_literal {
            return &self.other;
        }
        self.topic.clear();
        self.template.put_topic(event, &mut self.topic);
        // Values of "." alone would make a name that Kafka refuses.
        if matches!(self.topic.as_slice(), b"." | b"..") {
            return &self.missing;
        }
        if !self.known.contains(&self.topic) {
            if self.known.len() >= self.topics_max {
                return &self.other;
            }
            self.known.insert(self.topic.clone());
        }
        &self.topic
    }

    /// The topic of records whose event is unknown.
    pub(crate) fn missing(&self) -> &[u8] {
        &self.missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_braces_are_braces_of_a_text_and_no_topic_has_them() {
        let template = KafkaTemplate::parse("{{a}}:{level}").unwrap();
        assert_eq!(template.filled_with(b"x"), b"{a}:x");
        assert!(KafkaTemplate::parse("{{a}}").unwrap().is_literal() && !template.is_literal());
        assert_eq!(KafkaTemplate::parse_topic("{{a}}"), None);
    }

    #[test]
    fn a_text_with_a_brace_alone_or_without_a_name_is_none() {
        for text in ["", "{", "a}", "{}", "a{b", "{a{b}"] {
            assert_eq!(KafkaTemplate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_topic_has_the_letters_and_the_length_of_kafka_s_names() {
        for text in ["", ".", "..", "a b", "a/b", "logs:{level}", &"x".repeat(250)] {
            assert_eq!(KafkaTemplate::parse_topic(text), None, "{text}");
        }
        for text in ["logs", "logs.{level}", "a-b_c.d", "...", &"x".repeat(249)] {
            assert!(KafkaTemplate::parse_topic(text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_value_in_a_topic_is_cut_and_has_only_letters_digits_and_marks() {
        let value = |value: &str| {
            let mut out = b"t.".to_vec();
            out.extend_from_slice(value.as_bytes());
            sanitize_topic_value(&mut out, 2);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(value("eu-1.a_b"), "t.eu-1.a_b");
        assert_eq!(value("{x}:*\r\n/"), "t._x______");
        assert_eq!(value(""), "t.-");
        assert_eq!(value(&"x".repeat(99)).len(), 2 + TOPIC_VALUE_BYTES_MAX);
    }

    #[test]
    fn a_long_value_is_cut_at_the_beginning_of_a_character() {
        let mut out = "k:aää".as_bytes().to_vec();
        cut(&mut out, 2, 4);
        assert_eq!(out, "k:aä".as_bytes());
        cut(&mut out, 2, 99);
        assert_eq!(out, "k:aä".as_bytes());
    }
}
