//! Message templates.

use std::fmt;

use fapilog_plugin::event::Event;
use fapilog_record::{text::plain::put_plain, value::ValueRef};
use thiserror::Error;

use crate::process::FieldPath;

/// Text with the places of fields in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MessageTemplate {
    pieces: Vec<MessagePiece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum MessagePiece {
    Text(String),
    Level,
    Source,
    Target,
    Message,
    CorrelationId,
    Field(FieldPath),
}

/// A text that is no template: the error of [`Format`](super::Format).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("template {template:?} is wrong at byte {position}: {kind}")]
pub struct TemplateError {
    /// The text.
    pub template: String,
    /// Where in it, in bytes from its start.
    pub position: usize,
    /// The kind of error.
    pub kind: TemplateErrorKind,
}

/// The kinds of errors in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateErrorKind {
    /// A `{` that no `}` follows.
    Unclosed,
    /// A `}` that no `{` comes before.
    Unopened,
    /// Nothing between `{` and `}`.
    NoName,
    /// A `{` inside a placeholder.
    Nested,
}

impl fmt::Display for TemplateErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unclosed => "a `{` that is not closed; write `{{` for a brace",
            Self::Unopened => "a `}` that closes nothing; write `}}` for a brace",
            Self::NoName => "a placeholder without a name; write `{name}`, or `{{}}` for braces",
            Self::Nested => "a `{` inside a placeholder; write `{name}`, or `{{` for a brace",
        })
    }
}

impl MessageTemplate {
    /// Reads `text {placeholder} {{braces}}`.
    pub(super) fn parse(template: &str) -> Result<Self, TemplateError> {
        let wrong = |position, kind| TemplateError { template: template.to_owned(), position, kind };
        let (mut pieces, mut text, mut position) = (Vec::new(), String::new(), 0);
        while let Some(tail) = template.get(position..).filter(|tail| !tail.is_empty()) {
            if let Some(brace) = ["{{", "}}"].into_iter().find(|brace| tail.starts_with(brace)) {
                text.extend(brace.chars().take(1));
                position += brace.len();
            } else if tail.starts_with('}') {
                return Err(wrong(position, TemplateErrorKind::Unopened));
            } else if let Some(inside) = tail.strip_prefix('{') {
                let (name, _) = inside.split_once('}').ok_or_else(|| wrong(position, TemplateErrorKind::Unclosed))?;
                if let Some(brace) = name.find('{') {
                    return Err(wrong(position + 1 + brace, TemplateErrorKind::Nested));
                }
                if name.is_empty() {
                    return Err(wrong(position, TemplateErrorKind::NoName));
                }
                if !text.is_empty() {
                    pieces.push(MessagePiece::Text(std::mem::take(&mut text)));
                }
                pieces.push(MessagePiece::of(name));
                position += name.len() + "{}".len();
            } else {
                let end = tail.find(['{', '}']).unwrap_or(tail.len());
                text.push_str(tail.get(..end).unwrap_or_default());
                position += end;
            }
        }
        if !text.is_empty() {
            pieces.push(MessagePiece::Text(text));
        }
        Ok(Self { pieces })
    }

    /// Appends the text for an event, with `missing` for fields that it does not have.
    pub(super) fn render(&self, event: &Event<'_>, missing: &str, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            let value = match piece {
                MessagePiece::Text(text) => Some(ValueRef::Text(text)),
                MessagePiece::Level => Some(ValueRef::Text(event.level().name())),
                MessagePiece::Source => Some(ValueRef::Text(event.source().name())),
                MessagePiece::Target => Some(ValueRef::Text(event.target())),
                MessagePiece::Message => Some(event.message()),
                MessagePiece::CorrelationId => event.correlation_id().map(ValueRef::Text),
                MessagePiece::Field(field) => field.of(event),
            };
            put_plain(out, value.unwrap_or(ValueRef::Text(missing)));
        }
    }
}

impl MessagePiece {
    fn of(name: &str) -> Self {
        match name {
            "level" => Self::Level,
            "source" => Self::Source,
            "target" => Self::Target,
            "message" => Self::Message,
            "correlation_id" => Self::CorrelationId,
            name => Self::Field(name.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::testing::{TestBatches, test_event};
    use fapilog_record::field_group::FieldGroup;
    use proptest::prelude::*;

    use super::*;

    fn rendered(template: &str) -> String {
        let event = test_event("done")
            .field(FieldGroup::Context, "order_id", 42)
            .field(FieldGroup::Context, "level", "own")
            .field(FieldGroup::Tags, "region", "eu");
        TestBatches::new().events(&[event], |batch| {
            let mut out = Vec::new();
            MessageTemplate::parse(template).unwrap().render(&batch.events()[0], "<missing>", &mut out);
            String::from_utf8(out).unwrap()
        })
    }

    #[test]
    fn placeholders_stand_for_fields_and_for_parts_of_the_event() {
        for (template, text) in [
            ("order {order_id} filled in {tags.region}", "order 42 filled in eu"),
            ("{level} {source} {target}: {message}", "INFO source-0 stage: done"),
            ("{context.level}", "own"),
            ("{{order_id}} {{{order_id}}}", "{order_id} {42}"),
            ("{nothing}, {correlation_id}", "<missing>, <missing>"),
            ("", ""),
        ] {
            assert_eq!(rendered(template), text);
        }
    }

    #[test]
    fn an_error_is_named_with_text_and_position() {
        for (template, position, kind) in [
            ("ä {open", 3, TemplateErrorKind::Unclosed),
            ("close} ", 5, TemplateErrorKind::Unopened),
            ("none {}", 5, TemplateErrorKind::NoName),
            ("{a{b}", 2, TemplateErrorKind::Nested),
            ("{{{", 2, TemplateErrorKind::Unclosed),
        ] {
            let error = MessageTemplate::parse(template).unwrap_err();
            assert_eq!(error, TemplateError { template: template.to_owned(), position, kind });
        }
        assert_eq!(
            MessageTemplate::parse("a}").unwrap_err().to_string(),
            "template \"a}\" is wrong at byte 1: a `}` that closes nothing; write `}}` for a brace"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn escaped_text_renders_as_it_was(text in "[a{}ä ]{0,20}") {
            prop_assert_eq!(rendered(&text.replace('{', "{{").replace('}', "}}")), text);
        }

        #[test]
        fn no_text_is_too_strange_to_be_read_or_refused(text in "[a{}ä.]{0,20}") {
            if let Err(error) = MessageTemplate::parse(&text) {
                prop_assert!(text.is_char_boundary(error.position) && error.position < text.len());
            }
        }
    }
}
