//! Names of indices and data streams, with placeholders.

mod date;

use std::io::Write;

use fapilog_plugin::{
    event::{Event, FieldPath},
    timestamp::Timestamp,
};

use self::date::DatePattern;

/// The longest value of a placeholder, in bytes.
const VALUE_BYTES_MAX: usize = 64;

/// The longest name. The destination allows 255 bytes, and adds date and generation to the name of a data stream.
const NAME_BYTES_MAX: usize = 220;

/// The value of a placeholder whose field an event does not have.
const MISSING: &[u8] = b"missing";

/// The rules of a name.
pub(crate) const INDEX_RULE: &str = "a name has a-z, 0-9, '.', '_', '-', '+' and '@', begins with a letter, a digit or a dot, and may have \
                                     placeholders behind that, as in {level}, {tags.region} or {+yyyy.MM.dd}; with values of 64 bytes, it has at \
                                     most 220";

/// A name with placeholders. All that it writes may stand in a path and in a string of JSON as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexName {
    pieces: Vec<IndexPiece>,
    /// Stands for a hyphen in a value: the parts of a data stream's name are separated by hyphens.
    hyphen: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum IndexPiece {
    Text(String),
    Date(DatePattern),
    Level,
    Category,
    Target,
    Source,
    Field(FieldPath),
}

impl IndexName {
    /// Reads the name of an index. `None`: it is against the [rules](INDEX_RULE).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let name = Self { pieces: pieces_of(text)?, hyphen: b'-' };
        name.is_valid().then_some(name)
    }

    /// Reads the name of a data stream, whose parts are separated by hyphens.
    pub(crate) fn parse_data_stream(text: &str) -> Option<Self> {
        Self::parse(text).map(|name| Self { hyphen: b'_', ..name })
    }

    fn is_valid(&self) -> bool {
        let is_first_valid = match self.pieces.first() {
            Some(IndexPiece::Text(text)) => {
                text.starts_with(|c: char| c == '.' || c.is_ascii_lowercase() || c.is_ascii_digit())
            }
            Some(IndexPiece::Date(_)) => true,
            // Events do not choose the whole name.
            _ => false,
        };
        let longest: usize = self.pieces.iter().map(IndexPiece::longest).sum();
        is_first_valid && longest <= NAME_BYTES_MAX && !matches!(self.literal(), Some("." | ".."))
    }

    /// The name, if it has no placeholders.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [IndexPiece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the name for an event.
    pub(crate) fn put(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            let start = out.len();
            match piece {
                IndexPiece::Text(text) => {
                    out.extend_from_slice(text.as_bytes());
                    continue;
                }
                IndexPiece::Date(pattern) => {
                    pattern.put(event.timestamp(), out);
                    continue;
                }
                IndexPiece::Level => out.extend_from_slice(event.level().name().as_bytes()),
                IndexPiece::Category => out.extend_from_slice(event.category().name().as_bytes()),
                IndexPiece::Target => out.extend_from_slice(event.target().as_bytes()),
                IndexPiece::Source => out.extend_from_slice(event.source().name().as_bytes()),
                IndexPiece::Field(path) => {
                    if let Some(value) = path.of(event) {
                        // A write to a vector does not fail.
                        let _ = write!(out, "{value}");
                    }
                }
            }
            self.make_valid(start, out);
        }
    }

    /// Appends the name for a record whose event is not known.
    pub(crate) fn put_without_event(&self, now: Timestamp, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                IndexPiece::Text(text) => out.extend_from_slice(text.as_bytes()),
                IndexPiece::Date(pattern) => pattern.put(now, out),
                _ => out.extend_from_slice(MISSING),
            }
        }
    }

    /// Makes the value behind `start` a part of a name.
    fn make_valid(&self, start: usize, out: &mut Vec<u8>) {
        out.truncate(start + VALUE_BYTES_MAX);
        if out.len() == start {
            return out.extend_from_slice(MISSING);
        }
        for byte in out.iter_mut().skip(start) {
            *byte = match byte.to_ascii_lowercase() {
                b'-' => self.hyphen,
                lower @ (b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_') => lower,
                _ => b'_',
            };
        }
    }
}

impl IndexPiece {
    fn longest(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Date(pattern) => pattern.longest(),
            _ => VALUE_BYTES_MAX,
        }
    }
}

fn pieces_of(text: &str) -> Option<Vec<IndexPiece>> {
    let mut pieces = Vec::new();
    let mut tail = text;
    loop {
        let (literal, behind) = tail.split_once('{').map_or((tail, None), |(front, behind)| (front, Some(behind)));
        if !literal.bytes().all(is_allowed) {
            return None;
        }
        if !literal.is_empty() {
            pieces.push(IndexPiece::Text(literal.to_owned()));
        }
        let Some(behind) = behind else { return Some(pieces) };
        let (name, behind) = behind.split_once('}')?;
        pieces.push(placeholder(name)?);
        tail = behind;
    }
}

fn is_allowed(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'+' | b'@')
}

fn placeholder(name: &str) -> Option<IndexPiece> {
    if let Some(pattern) = name.strip_prefix('+') {
        return DatePattern::parse(pattern).map(IndexPiece::Date);
    }
    Some(match name {
        "" => return None,
        "level" => IndexPiece::Level,
        "category" => IndexPiece::Category,
        "target" => IndexPiece::Target,
        "source" => IndexPiece::Source,
        path if path.contains('{') => return None,
        path => IndexPiece::Field(FieldPath::from(path)),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use fapilog_plugin::{
        field_group::FieldGroup,
        level::Level,
        testing::{TestBatches, test_event},
    };

    use super::*;

    /// 2026-12-01T00:30:00Z.
    const NOW: Timestamp = Timestamp::from_unix_nanos(1_796_085_000_000_000_000);

    fn named(name: &IndexName) -> String {
        let event = test_event("m")
            .level(Level::Warning)
            .target("shop::cart")
            .field(FieldGroup::Tags, "region", "EU-West/../\"x")
            .field(FieldGroup::Context, "n", 7_u64)
            .field(FieldGroup::Context, "long", "y".repeat(1000).leak() as &str);
        let mut out = Vec::new();
        TestBatches::new().taken(NOW, Instant::now()).events(&[event], |batch| name.put(&batch.events()[0], &mut out));
        String::from_utf8(out).unwrap()
    }

    fn parsed(text: &str) -> IndexName {
        IndexName::parse(text).unwrap()
    }

    #[test]
    fn placeholders_are_filled_with_valid_characters() {
        let name = parsed("logs-{level}-{target}-{n}");
        assert_eq!(named(&name), "logs-warning-shop__cart-7");
        assert_eq!(named(&parsed("a-{none}")), "a-missing");
        assert_eq!(named(&parsed("a-{tags.region}")), "a-eu-west_..__x");
        assert_eq!(named(&parsed("a-{long}")), format!("a-{}", "y".repeat(64)));
    }

    #[test]
    fn no_value_adds_a_part_to_the_name_of_a_data_stream() {
        let name = IndexName::parse_data_stream("logs-{tags.region}-default").unwrap();
        assert_eq!(named(&name), "logs-eu_west_..__x-default");
    }

    #[test]
    fn the_date_of_the_event_is_in_the_name() {
        assert_eq!(named(&parsed("logs-{+yyyy.MM.dd}")), "logs-2026.12.01");
        let mut out = Vec::new();
        parsed("logs-{+yyyy.MM.dd}-{level}").put_without_event(NOW, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "logs-2026.12.01-missing");
    }

    #[test]
    fn a_name_without_placeholders_is_literal() {
        assert_eq!(parsed(".logs-1").literal(), Some(".logs-1"));
        assert_eq!(parsed("logs-{level}").literal(), None);
    }

    #[test]
    fn a_name_that_the_destination_refuses_or_that_events_choose_is_refused() {
        let many = "a{a}{b}{c}{d}";
        for text in
            ["", ".", "..", "Logs", "-a", "_a", "a b", "a/b", "a*", "a{", "a}", "a{}", "a{+x}", "{tags.a}", many]
        {
            assert_eq!(IndexName::parse(text), None, "{text}");
        }
    }
}
