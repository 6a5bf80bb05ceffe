//! A literal message and its placeholders.

use proc_macro2::{Ident, Literal, Span};

use crate::error::CallError;

/// The value of a string literal; `None` for other literals.
pub(crate) fn text_of_literal(literal: &Literal) -> Option<String> {
    let source = literal.to_string();
    match source.strip_prefix('"').and_then(|tail| tail.strip_suffix('"')) {
        // Nothing to unescape, as a rule.
        Some(plain) if !plain.contains('\\') => Some(plain.to_owned()),
        _ => syn::parse_str::<syn::LitStr>(&source).ok().map(|text| text.value()),
    }
}

/// A literal message.
#[derive(Debug)]
pub(crate) enum Message {
    /// Text without placeholders, its doubled braces made single.
    Fixed(Literal),
    /// Text as it was written, and its placeholders.
    Template(Literal, Vec<Placeholder>),
}

/// `{name}`, `{tags.region}`, `{name:?}` or `{name:#?}`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Placeholder {
    pub(crate) name: String,
    pub(crate) style: PlaceholderStyle,
}

/// How the value of a variable is written that a placeholder takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlaceholderStyle {
    Value,
    Debug,
    PrettyDebug,
}

impl PlaceholderStyle {
    fn text(self) -> &'static str {
        match self {
            Self::Value => "",
            Self::Debug => ":?",
            Self::PrettyDebug => ":#?",
        }
    }
}

impl Message {
    pub(crate) fn parse(literal: Literal, text: &str) -> Result<Self, CallError> {
        if !text.contains(['{', '}']) {
            return Ok(Self::Fixed(literal));
        }
        let span = literal.span();
        let (mut placeholders, mut plain) = (Vec::new(), String::new());
        let mut tail = text;
        while let Some(at) = tail.find(['{', '}']) {
            let (before, from) = tail.split_at(at);
            plain.push_str(before);
            if let Some(behind) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                plain.extend(from.chars().take(1));
                tail = behind;
                continue;
            }
            let Some(inside) = from.strip_prefix('{') else {
                return Err(CallError::new(span, "a `}` in a message closes nothing: write `}}` for a brace"));
            };
            let Some((placeholder, behind)) = inside.split_once('}') else {
                return Err(CallError::new(span, "a `{` in a message is not closed: write `{{` for a brace"));
            };
            placeholders.push(Placeholder::parse(placeholder, span)?);
            tail = behind;
        }
        if placeholders.is_empty() {
            plain.push_str(tail);
            let mut fixed = Literal::string(&plain);
            fixed.set_span(span);
            return Ok(Self::Fixed(fixed));
        }
        Ok(Self::Template(literal, placeholders))
    }
}

impl Placeholder {
    fn parse(text: &str, span: Span) -> Result<Self, CallError> {
        let wrong = |message: String| Err(CallError::new(span, message));
        let (name, spec) = match text.split_once(':') {
            // The path of an expression, and no format.
            Some((_, tail)) if tail.starts_with(':') => (text, ""),
            Some((name, spec)) => (name, spec),
            None => (text, ""),
        };
        if name.contains(['{', '"']) || name.trim() != name || spec.starts_with(' ') {
            return wrong(format!(
                "`{{{text}}}` in a message is no name: write `{{{{` and `}}}}` for braces, or `{{name}}` for a field"
            ));
        }
        let style = match spec {
            "" if name != text && text.ends_with(':') => {
                return wrong(format!("`{{{text}}}` in a message has an empty format"));
            }
            "" => PlaceholderStyle::Value,
            "?" => PlaceholderStyle::Debug,
            "#?" => PlaceholderStyle::PrettyDebug,
            _ => {
                return wrong(format!(
                    "`{{{text}}}` in a message has a format, which a field has not: write `{{{name}}}`, or a message that is \
                     formatted by the caller: `%format_args!(\"...\")`"
                ));
            }
        };
        if name.is_empty() {
            return wrong(format!(
                "`{{{text}}}` in a message names no field: write `{{name}}` for the field or the variable `name`, `{{{{}}}}` \
                 for braces, or `%format_args!(\"...\", value)` for a message that is formatted by the caller"
            ));
        }
        if let Some(key) = name.strip_prefix("r#") {
            return wrong(format!(
                "`{{{text}}}` in a message names no field, whose key has no `r#`: write `\"{{{key}}}\", r#{key}`"
            ));
        }
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            return wrong(format!(
                "`{{{name}}}` in a message is a number and no field: write `{{name}}` for the field or the variable `name`"
            ));
        }
        Ok(Self { name: name.to_owned(), style })
    }

    /// As it stands in the message.
    pub(crate) fn text(&self) -> String {
        format!("{{{}{}}}", self.name, self.style.text())
    }

    /// The variable of this name, as if it stood where the message stands.
    pub(crate) fn variable(&self, span: Span) -> Option<Ident> {
        let mut ident = syn::parse_str::<Ident>(&self.name).ok()?;
        ident.set_span(span);
        Some(ident)
    }
}
