//! Files as words: identifiers, comments, strings and pages, split at `_` and at capital letters.

use std::rc::Rc;

use crate::tidy::{
    lexer::{Token, TokenKind},
    tree::{MarkdownFile, SourceFile},
};

/// A word in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SplitWord {
    pub(super) text: String,
    pub(super) line: usize,
    /// The identifier that the word is a part of.
    pub(super) identifier: Rc<str>,
    /// Whether a phrase may hold this word and the one in front: no code and no end of a sentence parts them.
    pub(super) is_joined: bool,
}

/// The words of a Rust file. Strings count: users read them.
pub(super) fn words_of_source(source: &SourceFile) -> Vec<SplitWord> {
    let mut words = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Identifier => {
                let is_in_path =
                    at.checked_sub(1).and_then(|before| source.tokens.get(before)).is_some_and(|before| before.is(":"));
                add_identifier(&mut words, token.text.trim_start_matches("r#"), token.line, is_in_path);
            }
            TokenKind::Lifetime => add_text(&mut words, &token.text, token.line, false),
            TokenKind::Literal | TokenKind::Comment | TokenKind::OuterDoc | TokenKind::InnerDoc => {
                add_token(&mut words, source, at, token)
            }
            TokenKind::Number | TokenKind::Punctuation => {}
        }
    }
    words
}

/// A comment goes on in the next one: a phrase may span two lines.
fn add_token(words: &mut Vec<SplitWord>, source: &SourceFile, at: usize, token: &Token) {
    let goes_on = at.checked_sub(1).and_then(|before| source.tokens.get(before)).is_some_and(|before| {
        before.kind == token.kind && token.is_comment() && !before.text.trim_end().ends_with(['.', ';', ':'])
    });
    let text = if token.is_comment() { token.text.to_string() } else { without_escapes(&token.text) };
    for (offset, line) in text.lines().enumerate() {
        add_text(words, line, token.line + offset, goes_on || offset > 0);
    }
}

/// `\n` parts words.
fn without_escapes(literal: &str) -> String {
    literal.replace("\\n", "  ").replace("\\t", "  ").replace("\\r", "  ")
}

/// The words of a Markdown page.
pub(super) fn words_of_page(page: &MarkdownFile) -> Vec<SplitWord> {
    let mut words = Vec::new();
    for (at, line) in page.text.lines().enumerate() {
        add_text(&mut words, line, at + 1, true);
    }
    words
}

/// Adds the words of one line. Web addresses are none.
fn add_text(words: &mut Vec<SplitWord>, line: &str, number: usize, goes_on: bool) {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let mut is_joined = goes_on;
    for chunk in line.split(' ').filter(|chunk| !chunk.contains("://")) {
        let mut ahead = chunk;
        while let Some(start) = ahead.find(is_part) {
            let (gap, tail) = ahead.split_at(start);
            is_joined &= !gap.contains(['.', ';', ':', ',', '(', ')', '"', '|']) || gap == "::";
            let end = tail.find(|character| !is_part(character)).unwrap_or(tail.len());
            let (identifier, behind) = tail.split_at(end);
            add_identifier(words, identifier, number, is_joined);
            (ahead, is_joined) = (behind, true);
        }
        is_joined &= !ahead.contains(['.', ';', ':', ',', '(', ')', '"', '|']);
    }
}

fn add_identifier(words: &mut Vec<SplitWord>, identifier: &str, line: usize, is_joined: bool) {
    let whole: Rc<str> = identifier.into();
    for (at, part) in parts(identifier).into_iter().enumerate() {
        let is_joined = is_joined || at > 0;
        words.push(SplitWord { text: part.to_lowercase(), line, identifier: Rc::clone(&whole), is_joined });
    }
}

/// The parts of a name in snake case or camel case: `HttpSink` and `http_sink` have two, `HTTPSink` as well.
fn parts(identifier: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in identifier.split('_').filter(|part| !part.is_empty()) {
        let letters: Vec<(usize, char)> = part.char_indices().collect();
        let mut start = 0;
        for window in letters.windows(2) {
            let &[(_, before), (at, letter)] = window else { continue };
            let next = part.get(at + letter.len_utf8()..).and_then(|tail| tail.chars().next());
            let ends_capitals = before.is_uppercase() && next.is_some_and(char::is_lowercase);
            if letter.is_uppercase() && (!before.is_uppercase() || ends_capitals) {
                parts.extend(part.get(start..at));
                start = at;
            }
        }
        parts.extend(part.get(start..));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_underscores_and_capitals() {
        for (name, expected) in [
            ("last_rung", vec!["last", "rung"]),
            ("LastRung", vec!["Last", "Rung"]),
            ("LAST_RUNG", vec!["LAST", "RUNG"]),
            ("HTTPSink", vec!["HTTP", "Sink"]),
            ("_x", vec!["x"]),
            ("doorbell", vec!["doorbell"]),
        ] {
            assert_eq!(parts(name), expected, "{name}");
        }
    }

    #[test]
    fn sentences_and_punctuation_part_phrases() {
        let page = MarkdownFile { path: "a.md".to_owned(), text: "under way. so `it_is`, then\nby hand".to_owned() };
        let joined: Vec<_> = words_of_page(&page).into_iter().map(|word| (word.text, word.is_joined)).collect();
        let expected = [
            ("under", true),
            ("way", true),
            ("so", false),
            ("it", true),
            ("is", true),
            ("then", false),
            ("by", true),
            ("hand", true),
        ];
        assert_eq!(joined, expected.map(|(word, is_joined)| (word.to_owned(), is_joined)));
    }
}
