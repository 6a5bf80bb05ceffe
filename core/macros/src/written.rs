//! Tokens as people write them: for what an error suggests.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

use crate::segment::{Angles, is_operator_word};

/// Tokens as text: short enough for an error.
pub(crate) fn text_of(tokens: &[TokenTree]) -> String {
    const TEXT_MAX_CHARS: usize = 60;
    let text = written(tokens.iter().cloned());
    match text.char_indices().nth(TEXT_MAX_CHARS) {
        Some((end, _)) => format!("{} ...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Tokens as text, with the spaces that rustfmt leaves.
fn written(tokens: impl IntoIterator<Item = TokenTree>) -> String {
    let mut text = WrittenText::default();
    let mut operator = String::new();
    for token in tokens {
        match &token {
            TokenTree::Punct(punct) => {
                if !operator.is_empty() && !is_operator(&operator, punct.as_char()) {
                    text.operator(&std::mem::take(&mut operator));
                }
                operator.push(punct.as_char());
                // Angle brackets close one by one.
                if punct.spacing() == Spacing::Alone || (punct.as_char() == '>' && !text.angles.is_outside()) {
                    text.operator(&std::mem::take(&mut operator));
                }
            }
            _ => {
                text.operator(&std::mem::take(&mut operator));
                text.operand(&token);
            }
        }
        text.angles.pass(&token);
    }
    text.operator(&operator);
    text.text
}

/// Whether the character makes a longer operator of these.
fn is_operator(start: &str, next: char) -> bool {
    const OPERATORS: [&str; 22] = [
        "::", "->", "=>", "==", "!=", "<=", ">=", "&&", "||", "..", "...", "..=", "<<", ">>", "+=", "-=", "*=", "/=",
        "%=", "&=", "|=", "^=",
    ];
    OPERATORS.iter().any(|operator| operator.strip_prefix(start).is_some_and(|tail| tail == next.to_string()))
}

/// The token before, as far as it matters for a space.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum WrittenBefore {
    /// Nothing, or a sign that belongs to the token behind it: `&`, `.`, `::`.
    #[default]
    Attached,
    Operand,
    /// An operator between two operands, a comma, or a word such as `if` and `as`.
    Between,
    /// `!` of a macro.
    Bang,
}

#[derive(Debug, Default)]
struct WrittenText {
    text: String,
    before: WrittenBefore,
    angles: Angles,
    /// Between the bars of a closure's arguments.
    is_in_bars: bool,
}

impl WrittenText {
    fn operand(&mut self, token: &TokenTree) {
        let (text, is_attached) = match token {
            TokenTree::Group(group) => {
                let is_argument = matches!(group.delimiter(), Delimiter::Parenthesis | Delimiter::Bracket);
                (group_text(group), is_argument && matches!(self.before, WrittenBefore::Operand | WrittenBefore::Bang))
            }
            other => (other.to_string(), false),
        };
        if !is_attached && self.before != WrittenBefore::Attached {
            self.text.push(' ');
        }
        self.text.push_str(&text);
        self.before = match token {
            TokenTree::Ident(ident) if is_operator_word(&ident.to_string()) => WrittenBefore::Between,
            _ => WrittenBefore::Operand,
        };
    }

    fn operator(&mut self, operator: &str) {
        let is_behind_operand = self.before == WrittenBefore::Operand;
        let (is_spaced, before) = match operator {
            "" => return,
            "." | "::" | ".." | "..=" | "..." => (!is_behind_operand, WrittenBefore::Attached),
            "," | ";" | ":" => (false, WrittenBefore::Between),
            "?" if is_behind_operand => (false, WrittenBefore::Operand),
            "!" if is_behind_operand => (false, WrittenBefore::Bang),
            "<" if self.angles.opens() => (!is_behind_operand, WrittenBefore::Attached),
            ">" if !self.angles.is_outside() => (false, WrittenBefore::Operand),
            "|" if self.is_in_bars => {
                self.is_in_bars = false;
                (false, WrittenBefore::Between)
            }
            "|" if !is_behind_operand => {
                self.is_in_bars = true;
                (true, WrittenBefore::Attached)
            }
            "||" if !is_behind_operand => (true, WrittenBefore::Between),
            "=" | "==" | "=>" | "->" => (true, WrittenBefore::Between),
            _ if is_behind_operand => (true, WrittenBefore::Between),
            // A sign in front of its operand.
            _ => (true, WrittenBefore::Attached),
        };
        if is_spaced && self.before != WrittenBefore::Attached {
            self.text.push(' ');
        }
        self.text.push_str(operator);
        self.before = before;
    }
}

fn group_text(group: &Group) -> String {
    let inside = written(group.stream());
    match group.delimiter() {
        Delimiter::Parenthesis => format!("({inside})"),
        Delimiter::Bracket => format!("[{inside}]"),
        Delimiter::Brace if inside.is_empty() => "{}".to_owned(),
        Delimiter::Brace => format!("{{ {inside} }}"),
        Delimiter::None => inside,
    }
}

/// An expression's own name, as the key of a field: `id` of `order.id`, `Shop::id` and `self.id()`. Without one, `value`.
pub(crate) fn key_for(value: &[TokenTree]) -> String {
    let tokens = match value {
        [head @ .., TokenTree::Group(group)]
            if group.delimiter() == Delimiter::Parenthesis && group.stream().is_empty() && head.len() > 1 =>
        {
            head
        }
        all => all,
    };
    let is_path = tokens.iter().all(|token| match token {
        TokenTree::Punct(punct) => matches!(punct.as_char(), '.' | ':' | '&' | '*'),
        TokenTree::Ident(ident) => !is_operator_word(&ident.to_string()),
        TokenTree::Literal(_) => true,
        TokenTree::Group(_) => false,
    });
    match tokens.last() {
        Some(TokenTree::Ident(name)) if is_path && name != "self" => name.to_string(),
        _ => "value".to_owned(),
    }
}

/// The tokens of a text that may be an expression.
pub(crate) fn tokens_of(text: &str) -> Option<Vec<TokenTree>> {
    Some(text.parse::<TokenStream>().ok()?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_written_as_people_write_them() {
        for text in [
            r#"target: "t""#,
            "Level::Info",
            r#"format!("{}", 1)"#,
            "&x",
            "&mut *x.y",
            "f(&t, -1)?.g[0]",
            "x + y * -z",
            "a == b && !c || *d <= 1 << 3",
            "x as u32",
            r#"if b { "x" } else { "y" }"#,
            "Some(\"x\").unwrap_or(\"y\")",
            "f::<A, B>(1)",
            "<A as T<B, C>>::f()",
            "x as M<A, Vec<B>>",
            "list.iter().map(|x| x + 1).max()",
            "spawn(move || 7)",
            "0..n",
            "Point { x: 1, y: 2 }",
            "a = %x, b = ?y, c = #?z, #e",
            "r#type = 'c'",
            "&'static x",
            "(1, [2, 3])",
            "x < y",
            "{}",
        ] {
            assert_eq!(text_of(&tokens_of(text).unwrap_or_default()), text);
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        let text = text_of(&tokens_of(&format!("\"{}\"", "é".repeat(80))).unwrap_or_default());
        assert_eq!(text, format!("\"{} ...", "é".repeat(59)));
    }

    #[test]
    fn a_value_has_a_key_of_its_own_name() {
        for (value, key) in [
            ("order.id", "id"),
            ("self.id()", "id"),
            ("&self.shop.name", "name"),
            ("Self::LIMIT", "LIMIT"),
            ("pair.0", "value"),
            ("f(x)", "value"),
            ("f()", "value"),
            ("x + y", "value"),
            ("7", "value"),
            ("*self", "value"),
        ] {
            assert_eq!(key_for(&tokens_of(value).unwrap_or_default()), key, "{value}");
        }
    }
}
