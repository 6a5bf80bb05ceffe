//! Texts with placeholders.

use std::io::Write;

use fapilog_plugin::{
    event::{Event, FieldPath},
    value::ValueRef,
};

/// The longest value of a placeholder, in bytes.
const VALUE_BYTES_MAX: usize = 256;

/// The value of a placeholder whose field an event does not have.
const MISSING: &[u8] = b"-";

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextTemplate {
    pieces: Vec<TemplatePiece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePiece {
    Text(String),
    Level,
    Category,
    Target,
    Source,
    CorrelationId,
    Field(FieldPath),
}

/// Why a text is no template.
pub(super) const TEMPLATE_RULE: &str =
    "a placeholder is the name of a field in braces, as in {level} or {tags.region}, and {{ and }} are braces";

impl TextTemplate {
    /// Reads a text. `None`: a brace has no partner, or there is no name within.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut tail = text;
        while let Some(place) = tail.find(['{', '}']) {
            let (front, behind) = tail.split_at_checked(place)?;
            literal.push_str(front);
            let doubled = behind.starts_with("{{").then_some('{').or(behind.starts_with("}}").then_some('}'));
            tail = match doubled {
                Some(brace) => {
                    literal.push(brace);
                    behind.get(2..)?
                }
                None => {
                    let (name, behind) = behind.strip_prefix('{')?.split_once('}')?;
                    if !literal.is_empty() {
                        pieces.push(TemplatePiece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(piece_of(name)?);
                    behind
                }
            };
        }
        literal.push_str(tail);
        if !literal.is_empty() {
            pieces.push(TemplatePiece::Text(literal));
        }
        Some(Self { pieces })
    }

    /// The text, if it has no placeholders.
    pub(super) fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [TemplatePiece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text with this value for every placeholder.
    pub(super) fn filled_with(&self, value: &str) -> String {
        let text = |piece: &TemplatePiece| match piece {
            TemplatePiece::Text(text) => text.clone(),
            _ => value.to_owned(),
        };
        self.pieces.iter().map(text).collect()
    }

    /// Appends the text for an event. Values are percent-encoded: no event can end a header, or leave its part of a path.
    pub(super) fn put(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                TemplatePiece::Text(text) => out.extend_from_slice(text.as_bytes()),
                TemplatePiece::Level => put_encoded(out, event.level().name().as_bytes()),
                TemplatePiece::Category => put_encoded(out, event.category().name().as_bytes()),
                TemplatePiece::Target => put_encoded(out, event.target().as_bytes()),
                TemplatePiece::Source => put_encoded(out, event.source().name().as_bytes()),
                TemplatePiece::CorrelationId => put_encoded(out, event.correlation_id().unwrap_or_default().as_bytes()),
                TemplatePiece::Field(path) => put_value(out, path.of(event)),
            }
        }
    }
}

fn piece_of(name: &str) -> Option<TemplatePiece> {
    Some(match name {
        "" => return None,
        "level" => TemplatePiece::Level,
        "category" => TemplatePiece::Category,
        "target" => TemplatePiece::Target,
        "source" => TemplatePiece::Source,
        "correlation_id" => TemplatePiece::CorrelationId,
        path if path.contains(['{', '\n', '\r']) => return None,
        path => TemplatePiece::Field(FieldPath::from(path)),
    })
}

fn put_value(out: &mut Vec<u8>, value: Option<ValueRef<'_>>) {
    match value {
        None => out.extend_from_slice(MISSING),
        Some(value) => {
            let mut text = Vec::new();
            // A write to a vector does not fail.
            let _ = write!(text, "{value}");
            put_encoded(out, &text);
        }
    }
}

/// Appends a value with all bytes but the unreserved ones (RFC 3986, section 2.3) percent-encoded. A value that is a row of dots would name another
/// path, also percent-encoded (`%2E` is a dot to a server that normalises the path): its dots are underscores.
fn put_encoded(out: &mut Vec<u8>, value: &[u8]) {
    let value = value.get(..VALUE_BYTES_MAX).unwrap_or(value);
    if value.is_empty() {
        return out.extend_from_slice(MISSING);
    }
    let is_dots = value.iter().all(|byte| *byte == b'.');
    for byte in value {
        match byte {
            b'.' if is_dots => out.push(b'_'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(*byte),
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::{
        field_group::FieldGroup,
        level::Level,
        testing::{TestBatches, test_event},
    };

    use super::*;

    fn parsed(text: &str) -> TextTemplate {
        TextTemplate::parse(text).unwrap()
    }

    #[test]
    fn placeholders_are_filled_and_percent_encoded() {
        let event = test_event("m")
            .level(Level::Warning)
            .target("shop::cart")
            .field(FieldGroup::Tags, "region", "eu/../x\r\ny")
            .field(FieldGroup::Context, "dots", "..")
            .field(FieldGroup::Context, "n", 7_u64);
        let mut out = Vec::new();
        TestBatches::new().events(&[event], |batch| {
            parsed("/{level}/{target}/{tags.region}/{dots}/{n}/{none}").put(&batch.events()[0], &mut out);
        });
        assert_eq!(String::from_utf8(out).unwrap(), "/WARNING/shop%3A%3Acart/eu%2F..%2Fx%0D%0Ay/__/7/-");
    }

    #[test]
    fn doubled_braces_are_braces() {
        assert_eq!(parsed("a{{b}}c").literal(), Some("a{b}c"));
        assert_eq!(parsed("").literal(), Some(""));
        assert_eq!(parsed("a{level}").literal(), None);
        assert_eq!(parsed("a{level}b{x}").filled_with("-"), "a-b-");
    }

    #[test]
    fn a_brace_without_a_partner_is_refused() {
        for text in ["{", "}", "a{b", "a}b", "{}", "{a{b}", "{a\nb}"] {
            assert_eq!(TextTemplate::parse(text), None, "{text}");
        }
    }
}
