//! Rust source text as tokens: identifiers, literals, comments and punctuation, each with its line.
//!
//! The lexer knows as much of Rust as the rules need: a word in a string is no identifier, and a brace in a comment
//! opens no block. It accepts every text, also one that does not compile.

/// The class of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Identifiers and keywords. A raw identifier has its `r#`.
    Identifier,
    /// A lifetime or a label, with its apostrophe.
    Lifetime,
    Number,
    /// A string or a character, with its quotes and prefix.
    Literal,
    /// A single character.
    Punctuation,
    /// `// ...` or `/* ... */`.
    Comment,
    /// `/// ...` or `/** ... */`: documents the item below.
    OuterDoc,
    /// `//! ...` or `/*! ... */`: documents the file or the block it stands in.
    InnerDoc,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) text: Box<str>,
    /// The line that the token begins on. Lines count from 1.
    pub(crate) line: usize,
}

impl Token {
    pub(crate) fn is_comment(&self) -> bool {
        matches!(self.kind, TokenKind::Comment | TokenKind::OuterDoc | TokenKind::InnerDoc)
    }

    /// Whether this is the given keyword, identifier or punctuation.
    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self.kind, TokenKind::Identifier | TokenKind::Punctuation) && &*self.text == text
    }
}

/// Splits a source text. White space is dropped.
pub(crate) fn lex(text: &str) -> Vec<Token> {
    let mut cursor = Cursor { ahead: text, line: 1 };
    let mut tokens = Vec::new();
    while let Some(token) = cursor.next_token() {
        tokens.push(token);
    }
    tokens
}

struct Cursor<'a> {
    ahead: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    fn next_token(&mut self) -> Option<Token> {
        let trimmed = self.ahead.trim_start();
        self.take(self.ahead.len() - trimmed.len());
        let (kind, bytes) = measure(self.ahead)?;
        let line = self.line;
        Some(Token { kind, text: self.take(bytes).into(), line })
    }

    /// Moves on, and counts the lines passed.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, ahead) = self.ahead.split_at_checked(bytes).unwrap_or((self.ahead, ""));
        self.line += taken.matches('\n').count();
        self.ahead = ahead;
        taken
    }
}

/// The kind and the length of the token that `text` begins with. `None` at the end.
fn measure(text: &str) -> Option<(TokenKind, usize)> {
    let first = text.chars().next()?;
    Some(if text.starts_with("//") {
        (comment_kind(text), text.find('\n').unwrap_or(text.len()))
    } else if text.starts_with("/*") {
        (comment_kind(text), block_comment_length(text))
    } else if let Some(bytes) = raw_string_length(text).or_else(|| quoted_length(text)) {
        (TokenKind::Literal, bytes)
    } else if first == '\'' {
        (TokenKind::Lifetime, 1 + word_length(text.get(1..).unwrap_or_default()))
    } else if first.is_alphabetic() || first == '_' {
        let prefix = if text.starts_with("r#") { 2 } else { 0 };
        (TokenKind::Identifier, prefix + word_length(text.get(prefix..).unwrap_or_default()))
    } else if first.is_ascii_digit() {
        (TokenKind::Number, number_length(text))
    } else {
        (TokenKind::Punctuation, first.len_utf8())
    })
}

fn comment_kind(text: &str) -> TokenKind {
    let is_separator = text.starts_with("////") || text.starts_with("/***") || text.starts_with("/**/");
    if text.starts_with("//!") || text.starts_with("/*!") {
        TokenKind::InnerDoc
    } else if !is_separator && (text.starts_with("///") || text.starts_with("/**")) {
        TokenKind::OuterDoc
    } else {
        TokenKind::Comment
    }
}

/// Block comments nest.
fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'/', Some((_, b'*'))) => depth += 1,
            (b'*', Some((_, b'/'))) => depth -= 1,
            _ => continue,
        }
        bytes.next();
        if depth == 0 {
            return at + 2;
        }
    }
    text.len()
}

/// `r"..."`, `r#"..."#`, and the same with `b` or `c` in front.
fn raw_string_length(text: &str) -> Option<usize> {
    let after_prefix =
        text.strip_prefix("br").or_else(|| text.strip_prefix("cr")).or_else(|| text.strip_prefix('r'))?;
    let body = after_prefix.trim_start_matches('#');
    let hashes = after_prefix.len() - body.len();
    let body = body.strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&close).map_or(body.len(), |at| at + close.len());
    Some(text.len() - body.len() + end)
}

/// A string or a character in quotes, `\` before a quote making it part of the text. `None` for a lifetime.
fn quoted_length(text: &str) -> Option<usize> {
    let opened = text.strip_prefix(['b', 'c']).unwrap_or(text);
    let quote = opened.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let body = opened.get(1..)?;
    let is_character = || body.starts_with('\\') || body.chars().nth(1) == Some('\'');
    if quote == '\'' && !is_character() {
        return None;
    }
    let end = unescaped(body, quote).map_or(body.len(), |at| at + 1);
    Some(text.len() - body.len() + end)
}

/// The place of the first quote that has no `\` in front.
fn unescaped(body: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    body.char_indices().find_map(|(at, character)| {
        let is_end = character == quote && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        is_end.then_some(at)
    })
}

fn word_length(text: &str) -> usize {
    text.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(text.len())
}

/// A dot belongs to the number if a digit follows: `1.5`, but not `1..2` and `1.max(2)`.
fn number_length(text: &str) -> usize {
    let whole = word_length(text);
    match text.get(whole..).and_then(|ahead| ahead.strip_prefix('.')) {
        Some(fraction) if fraction.starts_with(|first: char| first.is_ascii_digit()) => {
            whole + 1 + word_length(fraction)
        }
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        TokenKind::{Comment, Identifier, InnerDoc, Lifetime, Literal, Number, OuterDoc, Punctuation},
        *,
    };

    fn kinds(text: &str) -> Vec<(TokenKind, String)> {
        lex(text).into_iter().map(|token| (token.kind, token.text.into())).collect()
    }

    fn check(text: &str, expected: &[(TokenKind, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(kind, text)| (*kind, (*text).to_owned())).collect();
        assert_eq!(kinds(text), expected);
    }

    #[test]
    fn a_word_in_a_string_or_a_comment_is_no_identifier() {
        check(
            "let a = \"unsafe { \\\" }\"; // unsafe {\nb",
            &[
                (Identifier, "let"),
                (Identifier, "a"),
                (Punctuation, "="),
                (Literal, "\"unsafe { \\\" }\""),
                (Punctuation, ";"),
                (Comment, "// unsafe {"),
                (Identifier, "b"),
            ],
        );
    }

    #[test]
    fn raw_strings_end_where_their_hashes_match() {
        check(
            "r#\"a \"b\" \\\"# br\"c\\\" x",
            &[(Literal, "r#\"a \"b\" \\\"#"), (Literal, "br\"c\\\""), (Identifier, "x")],
        );
    }

    #[test]
    fn a_raw_identifier_is_an_identifier() {
        check("r#type", &[(Identifier, "r#type")]);
    }

    #[test]
    fn characters_and_lifetimes_differ() {
        check(
            "'a' '\\'' 'b b'\"' 'ä' 'static",
            &[
                (Literal, "'a'"),
                (Literal, "'\\''"),
                (Lifetime, "'b"),
                (Literal, "b'\"'"),
                (Literal, "'ä'"),
                (Lifetime, "'static"),
            ],
        );
    }

    #[test]
    fn the_marker_decides_the_kind_of_a_comment() {
        for (text, kind) in [
            ("// a", Comment),
            ("//// a", Comment),
            ("/// a", OuterDoc),
            ("//! a", InnerDoc),
            ("/* a */", Comment),
            ("/** a */", OuterDoc),
            ("/*! a */", InnerDoc),
            ("/**/", Comment),
        ] {
            check(text, &[(kind, text)]);
        }
    }

    #[test]
    fn block_comments_nest() {
        check("/* a /* b */ c */ d", &[(Comment, "/* a /* b */ c */"), (Identifier, "d")]);
    }

    #[test]
    fn numbers_hold_a_dot_only_before_a_digit() {
        check(
            "1.5 1..2 0x_ff",
            &[(Number, "1.5"), (Number, "1"), (Punctuation, "."), (Punctuation, "."), (Number, "2"), (Number, "0x_ff")],
        );
    }

    #[test]
    fn lines_are_counted_through_every_kind_of_token() {
        let tokens = lex("a\n/* \n */ \"\n\" b");
        let lines: Vec<_> = tokens.iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 2, 3, 4]);
    }

    #[test]
    fn a_text_that_ends_too_early_is_one_token_to_its_end() {
        for text in ["\"open", "/* open", "r#\"open\"", "'"] {
            assert_eq!(lex(text).len(), 1, "{text}");
        }
    }
}
