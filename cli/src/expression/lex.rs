//! The tokens of an expression.

use std::ops::Range;

use crate::expression::error::ExpressionError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ExpressionToken {
    /// A name or a word, with dots in it.
    Word(String),
    /// A text between quotes, as it stands between them.
    Quoted(String),
    /// A number, with a unit behind it if there is one.
    Number(String),
    Symbol(&'static str),
    End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlacedToken {
    pub(super) token: ExpressionToken,
    pub(super) place: Range<usize>,
}

/// The longer ones first.
const SYMBOLS: [&str; 19] =
    ["==", "!=", "<=", ">=", "!~", "&&", "||", "=~", "=", "<", ">", "~", "!", "(", ")", "[", "]", ",", "."];

pub(super) fn tokens(text: &str) -> Result<Vec<PlacedToken>, ExpressionError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|tail| tail.chars().next()) {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (token, length) = token(text, at, c)?;
        tokens.push(PlacedToken { token, place: at..at + length });
        at += length;
    }
    tokens.push(PlacedToken { token: ExpressionToken::End, place: text.len()..text.len() });
    Ok(tokens)
}

fn token(text: &str, at: usize, c: char) -> Result<(ExpressionToken, usize), ExpressionError> {
    let tail = text.get(at..).unwrap_or_default();
    if c == '"' || c == '\'' {
        return quoted(text, at, c);
    }
    let is_number = c.is_ascii_digit()
        || c == '-' && tail.get(1..).is_some_and(|tail| tail.starts_with(|c: char| c.is_ascii_digit()));
    if is_number {
        let number = prefix(tail, |c| c.is_alphanumeric() || matches!(c, '.' | '-' | '+' | '_'));
        return Ok((ExpressionToken::Number(number.to_owned()), number.len()));
    }
    if is_word_start(c) {
        let word = prefix(tail, |c| is_word_start(c) || c.is_ascii_digit() || matches!(c, '-' | '.' | ':' | '/'));
        // A dot before a quoted name is the path's.
        let word = word.trim_end_matches('.');
        return Ok((ExpressionToken::Word(word.to_owned()), word.len()));
    }
    let symbol = SYMBOLS.into_iter().find(|symbol| tail.starts_with(symbol));
    symbol.map(|symbol| (ExpressionToken::Symbol(symbol), symbol.len())).ok_or_else(|| ExpressionError {
        expression: text.to_owned(),
        place: at..at + c.len_utf8(),
        message: format!("{c:?} has no meaning; a text stands between quotes"),
    })
}

const fn is_word_start_ascii(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | '@' | '$' | '#')
}

fn is_word_start(c: char) -> bool {
    is_word_start_ascii(c) || c.is_alphabetic()
}

fn prefix(text: &str, is_part: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// A backslash and the character behind it are a pair, whichever they are: a quote in a pair ends nothing.
fn quoted(text: &str, at: usize, quote: char) -> Result<(ExpressionToken, usize), ExpressionError> {
    let inside = text.get(at + 1..).unwrap_or_default();
    let mut chars = inside.char_indices();
    while let Some((index, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote {
            return Ok((ExpressionToken::Quoted(inside.get(..index).unwrap_or_default().to_owned()), index + 2));
        }
    }
    let message = format!("the text has no closing {quote}");
    Err(ExpressionError { expression: text.to_owned(), place: at..at + 1, message })
}
