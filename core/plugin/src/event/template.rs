//! Texts with placeholders for parts of an event.

use std::io::Write;

use crate::event::{Event, FieldPath};

/// A text with placeholders: `logs.{level}`, `/push/{tags.region}`. It names a destination, or a part of one, by the event.
///
/// | placeholder | value |
/// |---|---|
/// | `{level}`, `{category}` | the name |
/// | `{source}` | the logger's name |
/// | `{target}` | the module |
/// | `{id}` | the event's id |
/// | `{correlation_id}` | the id of its scope, if it has one |
/// | `{tenant}`, `{context.tenant}`, `{tags.region}`, `{metrics.n}` | a [field](FieldPath) |
/// | `{{`, `}}` | a brace |
///
/// Values are those of a program's users: a sink that puts one into a name, a path or a header has to clean it, and [`put`](Self::put) makes it
/// do so.
///
/// ```
/// use fapilog_plugin::event::EventTemplate;
///
/// let template = EventTemplate::parse("logs.{level}").unwrap();
/// assert_eq!(template.filled_with("other"), "logs.other");
/// assert!(EventTemplate::parse("logs.{level").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTemplate {
    pieces: Vec<TemplatePiece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePiece {
    Text(String),
    Level,
    Category,
    Source,
    Target,
    Id,
    CorrelationId,
    Field(FieldPath),
}

impl EventTemplate {
    /// The rule for its texts, for error messages.
    pub const RULE: &str =
        "a placeholder is the name of a field in braces, as in {level} or {tags.region}, and {{ and }} are braces";

    /// Reads a text. `None`: a brace has no partner, or there is no name within.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
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
                    push_text(&mut pieces, &mut literal);
                    pieces.push(TemplatePiece::named(name)?);
                    behind
                }
            };
        }
        literal.push_str(tail);
        push_text(&mut pieces, &mut literal);
        Some(Self { pieces })
    }

    /// The text, if it has no placeholders.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [TemplatePiece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The parts that are no placeholders.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            TemplatePiece::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The text with this value for every placeholder.
    #[must_use]
    pub fn filled_with(&self, value: &str) -> String {
        let text = |piece: &TemplatePiece| match piece {
            TemplatePiece::Text(text) => text.clone(),
            _ => value.to_owned(),
        };
        self.pieces.iter().map(text).collect()
    }

    /// Appends the text for an event. `clean` is called behind each value, with the place where the value begins, and may change it: to `-`, where
    /// the event has none, and it is empty.
    pub fn put(&self, event: &Event<'_>, out: &mut Vec<u8>, mut clean: impl FnMut(&mut Vec<u8>, usize)) {
        for piece in &self.pieces {
            let start = out.len();
            piece.put(event, out);
            if !matches!(piece, TemplatePiece::Text(_)) {
                clean(out, start);
            }
        }
    }
}

fn push_text(pieces: &mut Vec<TemplatePiece>, text: &mut String) {
    if !text.is_empty() {
        pieces.push(TemplatePiece::Text(std::mem::take(text)));
    }
}

impl TemplatePiece {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "" => return None,
            "level" => Self::Level,
            "category" => Self::Category,
            "source" => Self::Source,
            "target" => Self::Target,
            "id" => Self::Id,
            "correlation_id" => Self::CorrelationId,
            path if path.contains(['{', '\n', '\r']) => return None,
            path => Self::Field(FieldPath::from(path)),
        })
    }

    fn put(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Level => out.extend_from_slice(event.level().name().as_bytes()),
            Self::Category => out.extend_from_slice(event.category().name().as_bytes()),
            Self::Source => out.extend_from_slice(event.source().name().as_bytes()),
            Self::Target => out.extend_from_slice(event.target().as_bytes()),
            // A write to a vector does not fail.
            Self::Id => _ = write!(out, "{}", event.id()),
            Self::CorrelationId => out.extend_from_slice(event.correlation_id().unwrap_or_default().as_bytes()),
            Self::Field(path) => {
                if let Some(value) = path.of(event) {
                    let _ = write!(out, "{value}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fapilog_record::{field_group::FieldGroup, level::Level};

    use super::*;
    use crate::testing::{TestBatches, test_event};

    fn parsed(text: &str) -> EventTemplate {
        EventTemplate::parse(text).unwrap()
    }

    #[test]
    fn each_value_is_cleaned_by_itself() {
        let event = test_event("m")
            .level(Level::Warning)
            .target("shop::cart")
            .field(FieldGroup::Tags, "region", "e u")
            .field(FieldGroup::Context, "n", 7_u64);
        let mut out = Vec::new();
        TestBatches::new().events(&[event], |batch| {
            parsed("a b/{level}/{target}/{tags.region}/{n}/{none}").put(&batch.events()[0], &mut out, |out, start| {
                out.iter_mut().skip(start).filter(|byte| !byte.is_ascii_alphanumeric()).for_each(|byte| *byte = b'_');
                if out.len() == start {
                    out.push(b'-');
                }
            });
        });
        assert_eq!(String::from_utf8(out).unwrap(), "a b/WARNING/shop__cart/e_u/7/-");
    }

    #[test]
    fn an_id_is_that_of_the_event() {
        let mut out = Vec::new();
        let mut id = String::new();
        TestBatches::new().events(&[test_event("m")], |batch| {
            parsed("{id}").put(&batch.events()[0], &mut out, |_, _| {});
            id = batch.events()[0].id().to_string();
        });
        assert_eq!(String::from_utf8(out).unwrap(), id);
    }

    #[test]
    fn doubled_braces_are_braces() {
        assert_eq!(parsed("a{{b}}c").literal(), Some("a{b}c"));
        assert_eq!(parsed("").literal(), Some(""));
        assert_eq!(parsed("a{level}").literal(), None);
        assert_eq!(parsed("a{level}b{x}").filled_with("-"), "a-b-");
        assert_eq!(parsed("{{a{level}b}}").texts().collect::<Vec<_>>(), ["{a", "b}"]);
    }

    #[test]
    fn a_brace_without_a_partner_is_refused() {
        for text in ["{", "}", "a{b", "a}b", "{}", "{a{b}", "{a\nb}"] {
            assert_eq!(EventTemplate::parse(text), None, "{text}");
        }
    }
}
