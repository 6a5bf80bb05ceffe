//! A call cut into the pieces between its commas.

use proc_macro2::{Delimiter, Spacing, Span, TokenStream, TokenTree};

use crate::{error::CallError, written::text_of};

/// The tokens between two commas; one or more.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    tokens: Vec<TokenTree>,
}

impl Segment {
    fn of(tokens: Vec<TokenTree>) -> Result<Self, CallError> {
        check_commas(&tokens)?;
        Ok(Self { tokens })
    }

    pub(crate) fn tokens(&self) -> &[TokenTree] {
        &self.tokens
    }

    /// The span of its first token.
    pub(crate) fn span(&self) -> Span {
        self.tokens.first().map_or_else(Span::call_site, TokenTree::span)
    }

    /// As people write it.
    pub(crate) fn text(&self) -> String {
        text_of(&self.tokens)
    }

    pub(crate) fn stream(&self) -> TokenStream {
        self.tokens.iter().cloned().collect()
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
            segments.push(Segment::of(std::mem::take(&mut current))?);
            angles = Angles::default();
        } else {
            angles.pass(&token);
            current.push(ungrouped(token));
        }
    }
    if !current.is_empty() {
        segments.push(Segment::of(current)?);
    }
    Ok(segments)
}

/// Checks that no comma is missing: no operator stands between a literal and another operand.
fn check_commas(tokens: &[TokenTree]) -> Result<(), CallError> {
    let is_operand_end = |at: usize| match tokens.get(at) {
        Some(TokenTree::Ident(word)) => {
            let is_label =
                at.checked_sub(1).and_then(|before| tokens.get(before)).is_some_and(|mark| is_punct(mark, '\''));
            !is_label && !is_operator_word(&word.to_string())
        }
        Some(TokenTree::Group(group)) => matches!(group.delimiter(), Delimiter::Parenthesis | Delimiter::Bracket),
        Some(TokenTree::Literal(_)) => true,
        _ => false,
    };
    let is_missing = |at: usize| match tokens.get(at) {
        Some(TokenTree::Literal(_)) => at > 0 && is_operand_end(at - 1),
        Some(TokenTree::Ident(word)) => {
            at > 0 && matches!(tokens.get(at - 1), Some(TokenTree::Literal(_))) && word != "as" && word != "else"
        }
        _ => false,
    };
    let Some(at) = (0..tokens.len()).find(|at| is_missing(*at)) else { return Ok(()) };
    let (before, behind) = tokens.split_at(at);
    let (next, whole) = (text_of(behind.get(..1).unwrap_or_default()), text_of(behind));
    Err(CallError::new(
        behind.first().map_or_else(Span::call_site, TokenTree::span),
        format!("a comma is missing in front of `{next}`: write `{}, {whole}`", text_of(before)),
    ))
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
pub(crate) struct Angles {
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
    pub(crate) fn is_outside(&self) -> bool {
        self.depth == 0
    }

    pub(crate) fn pass(&mut self, token: &TokenTree) {
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
    pub(crate) fn opens(&self) -> bool {
        let is_at_operand = matches!(self.before, Before::Operator | Before::PathSeparator | Before::Arrow);
        self.depth > 0 || is_at_operand || self.is_in_cast
    }
}

/// Whether the next token is part of the same operator.
fn is_joint(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint)
}

/// Words behind which an operand comes.
pub(crate) fn is_operator_word(word: &str) -> bool {
    matches!(
        word,
        "return" | "break" | "in" | "match" | "if" | "else" | "move" | "mut" | "ref" | "as" | "let" | "while" | "const"
    )
}
