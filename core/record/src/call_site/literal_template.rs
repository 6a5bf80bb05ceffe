//! Messages with placeholders: `order {order_id} of {tags.region}`.

use crate::field_group::FieldGroup;

/// A literal message with placeholders, taken apart. The macros have checked it: each placeholder names an argument of the call.
#[derive(Debug)]
pub struct LiteralTemplate {
    parts: Box<[LiteralPart]>,
}

/// A part of a [`LiteralTemplate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiteralPart {
    /// Text, its doubled braces made single.
    Text(&'static str),
    /// The place of a field.
    Field(FieldGroup, &'static str),
}

impl LiteralTemplate {
    /// Takes a message apart. Braces that are no placeholder are text.
    pub(super) fn new(message: &'static str) -> Self {
        let (mut parts, mut tail) = (Vec::new(), message);
        while let Some(at) = tail.find(['{', '}']) {
            let (text, from) = tail.split_at(at);
            let placeholder = from.strip_prefix('{').filter(|inside| !inside.starts_with('{'));
            match placeholder.and_then(|inside| inside.split_once('}')) {
                Some((name, behind)) => {
                    put_text(&mut parts, text);
                    parts.push(LiteralPart::of_placeholder(name));
                    tail = behind;
                }
                None => {
                    // The first of two braces, or one that stands alone.
                    let (text, from) = tail.split_at_checked(at + 1).unwrap_or((tail, ""));
                    put_text(&mut parts, text);
                    tail = from.strip_prefix(['{', '}']).unwrap_or(from);
                }
            }
        }
        put_text(&mut parts, tail);
        Self { parts: parts.into() }
    }

    /// First to last.
    #[must_use]
    pub fn parts(&self) -> &[LiteralPart] {
        &self.parts
    }
}

impl LiteralPart {
    /// A field by `name`, `tags.name`, `metrics.name` or `context.name`. The text behind a colon chooses the form of a variable, and
    /// has been applied by the macro.
    fn of_placeholder(placeholder: &'static str) -> Self {
        let path = placeholder.split_once(':').map_or(placeholder, |(path, _)| path);
        let in_group = |prefix, group| path.strip_prefix(prefix).map(|name| Self::Field(group, name));
        in_group("tags.", FieldGroup::Tags)
            .or_else(|| in_group("metrics.", FieldGroup::Metrics))
            .or_else(|| in_group("context.", FieldGroup::Context))
            .unwrap_or(Self::Field(FieldGroup::Context, path))
    }
}

fn put_text(parts: &mut Vec<LiteralPart>, text: &'static str) {
    if !text.is_empty() {
        parts.push(LiteralPart::Text(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(message: &'static str) -> Vec<LiteralPart> {
        LiteralTemplate::new(message).parts().to_vec()
    }

    #[test]
    fn placeholders_name_fields_of_any_group() {
        use LiteralPart::{Field, Text};
        assert_eq!(
            parts("{a}{context.d} of {tags.b}: {metrics.c:?}!"),
            [
                Field(FieldGroup::Context, "a"),
                Field(FieldGroup::Context, "d"),
                Text(" of "),
                Field(FieldGroup::Tags, "b"),
                Text(": "),
                Field(FieldGroup::Metrics, "c"),
                Text("!")
            ]
        );
    }

    #[test]
    fn doubled_braces_are_single_ones() {
        let text = |message| {
            parts(message).iter().fold(String::new(), |text, part| match part {
                LiteralPart::Text(piece) => text + piece,
                LiteralPart::Field(_, name) => format!("{text}<{name}>"),
            })
        };
        for (message, read) in
            [("{{a}} {a}", "{a} <a>"), ("{{{a}}}", "{<a>}"), ("{{}}{a}{{", "{}<a>{"), ("}}{a", "}{a"), ("{", "{")]
        {
            assert_eq!(text(message), read, "{message}");
        }
    }
}
