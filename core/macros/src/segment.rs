//! A call cut into the pieces between its commas.

use proc_macro2::{Delimiter, Spacing, Span, TokenStream, TokenTree};

use crate::error::CallError;

/// The tokens between two commas; one or more.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    tokens: Vec<TokenTree>,
}

impl Segment {
    pub(crate) fn tokens(&self) -> &[TokenTree] {
        &self.tokens
    }

    /// The span of its first token.
    pub(crate) fn span(&self) -> Span {
        self.tokens.first().map_or_else(Span::call_site, TokenTree::span)
    }

    /// As the program's text has it, more or less.
    pub(crate) fn text(&self) -> String {
        text_of(&self.tokens)
    }

    pub(crate) fn stream(&self) -> TokenStream {
        self.tokens.iter().cloned().collect()
    }
}

/// Tokens as text: short enough for an error.
pub(crate) fn text_of(tokens: &[TokenTree]) -> String {
    const TEXT_MAX_CHARS: usize = 60;
    let text = tokens.iter().cloned().collect::<TokenStream>().to_string();
    match text.char_indices().nth(TEXT_MAX_CHARS) {
        Some((end, _)) => format!("{} ...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Cuts tokens at their commas. A comma behind the last piece is allowed.
///
/// A comma inside brackets is inside one token. Those between `<` and `>` of generic arguments are found by Rust's own rule:
/// in an expression, `<` opens generic arguments behind `::`, at the place of an operand (`<T as Trait>::f()`), and behind the
/// path of a type after `as`; everywhere else it compares.
pub(crate) fn split(tokens: TokenStream) -> Result<Vec<Segment>, CallError> {
    let mut segments = Vec::new();
    let mut current = Vec::new();
    let mut angles = Angles::default();
    for token in tokens {
        if angles.is_outside() && is_punct(&token, ',') {
            if current.is_empty() {
                return Err(CallError::new(token.span(), "there is nothing in front of this comma"));
            }
            segments.push(Segment { tokens: std::mem::take(&mut current) });
            angles = Angles::default();
        } else {
            angles.pass(&token);
            current.push(ungrouped(token));
        }
    }
    if !current.is_empty() {
        segments.push(Segment { tokens: current });
    }
    Ok(segments)
}

/// A literal that came through another macro's `$text:literal` stands in a group without brackets.
fn ungrouped(token: TokenTree) -> TokenTree {
    if let TokenTree::Group(group) = &token
        && group.delimiter() == Delimiter::None
    {
        let mut inside = group.stream().into_iter();
        if let (Some(only @ TokenTree::Literal(_)), None) = (inside.next(), inside.next()) {
            return only;
        }
    }
    token
}

pub(crate) fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

/// Where in an expression the walk is, as far as it matters for `<`.
#[derive(Debug, Default)]
struct Angles {
    depth: usize,
    before: Before,
    /// Behind `as`, in the path of a type.
    is_in_cast: bool,
}

/// The token before.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// None, or an operator: an operand comes next.
    #[default]
    Operator,
    Operand,
    Colon,
    PathSeparator,
    /// The first half of `->` or `=>`.
    Arrow,
    /// The first half of `<<` or `<=`.
    Less,
}

impl Angles {
    fn is_outside(&self) -> bool {
        self.depth == 0
    }

    fn pass(&mut self, token: &TokenTree) {
        let punct = match token {
            TokenTree::Punct(punct) => Some(punct.as_char()),
            _ => None,
        };
        match punct {
            Some('<') if self.opens() => self.depth += 1,
            Some('>') if self.depth > 0 && self.before != Before::Arrow => {
                self.depth -= 1;
                self.before = Before::Operand;
                return;
            }
            _ => {}
        }
        self.is_in_cast = match token {
            TokenTree::Ident(ident) => self.is_in_cast || ident == "as",
            TokenTree::Punct(_) => self.is_in_cast && matches!(punct, Some(':' | '<' | '>' | '&' | '*' | '\'')),
            _ => false,
        };
        self.before = match (punct, self.before) {
            (None, _) => match token {
                TokenTree::Ident(ident) if is_operator_word(&ident.to_string()) => Before::Operator,
                _ => Before::Operand,
            },
            (Some(':'), Before::Colon) => Before::PathSeparator,
            (Some(':'), _) => Before::Colon,
            (Some('-' | '='), _) => Before::Arrow,
            (Some('<'), _) if is_joint(token) => Before::Less,
            (Some('?'), Before::Operand) => Before::Operand,
            (Some(_), _) => Before::Operator,
        };
    }

    /// Whether a `<` that comes now opens generic arguments.
    fn opens(&self) -> bool {
        let is_at_operand = matches!(self.before, Before::Operator | Before::PathSeparator | Before::Arrow);
        self.depth > 0 || is_at_operand || self.is_in_cast
    }
}

/// Whether the next token is part of the same operator.
fn is_joint(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint)
}

/// Words behind which an operand comes.
fn is_operator_word(word: &str) -> bool {
    matches!(word, "return" | "break" | "in" | "match" | "if" | "else" | "move" | "mut" | "ref" | "as")
}
