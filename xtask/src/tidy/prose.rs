//! Text for readers: comments and Markdown as paragraphs.

use super::lexer::{Token, TokenKind};

/// Lines of text that belong together, without comment markers and code fences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paragraph {
    pub(crate) lines: Vec<NumberedLine>,
}

/// A line of a paragraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NumberedLine {
    pub(crate) number: usize,
    pub(crate) text: String,
}

/// Neighbouring comments of one kind, joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comment {
    pub(crate) kind: TokenKind,
    pub(crate) lines: Vec<NumberedLine>,
}

impl Comment {
    /// The text in one line.
    pub(crate) fn text(&self) -> String {
        self.lines.iter().map(|line| line.text.trim()).collect::<Vec<_>>().join(" ")
    }
}

/// The comments among the tokens. Comments of one kind on neighbouring lines are one, unless code stands between.
pub(crate) fn comments(tokens: &[Token]) -> Vec<Comment> {
    let mut comments: Vec<Comment> = Vec::new();
    let mut can_join = false;
    for token in tokens {
        if !token.is_comment() {
            can_join = false;
            continue;
        }
        let lines = without_markers(token);
        let next = |comment: &Comment| comment.lines.last().is_some_and(|last| last.number + 1 == token.line);
        match comments.last_mut() {
            Some(last) if can_join && last.kind == token.kind && next(last) => last.lines.extend(lines),
            _ => comments.push(Comment { kind: token.kind, lines }),
        }
        can_join = true;
    }
    comments
}

fn without_markers(token: &Token) -> Vec<NumberedLine> {
    let text = &*token.text;
    let body = if text.starts_with("/*") {
        text.trim_end_matches("*/").trim_start_matches("/*").trim_start_matches(['*', '!'])
    } else {
        text.trim_start_matches('/').trim_start_matches('!')
    };
    body.lines().enumerate().map(|(at, text)| NumberedLine { number: token.line + at, text: text.to_owned() }).collect()
}

/// A Markdown page as numbered lines.
pub(crate) fn lines(page: &str) -> Vec<NumberedLine> {
    page.lines().enumerate().map(|(at, text)| NumberedLine { number: at + 1, text: text.to_owned() }).collect()
}

/// The paragraphs of a Markdown text. Every list item and every heading is one of its own; fences and tables are none.
pub(crate) fn paragraphs(lines: &[NumberedLine]) -> Vec<Paragraph> {
    let mut paragraphs = vec![Paragraph::default()];
    let mut is_in_fence = false;
    for line in lines {
        let text = line.text.trim_start();
        let is_fence = text.starts_with("```");
        is_in_fence ^= is_fence;
        let is_text = !(is_fence || is_in_fence || text.is_empty() || text.starts_with('|'));
        let begins_anew = !is_text || text.starts_with('#') || without_bullet(text).is_some();
        if begins_anew {
            paragraphs.push(Paragraph::default());
        }
        if let Some(last) = paragraphs.last_mut().filter(|_| is_text) {
            let text = without_bullet(text).unwrap_or(text).trim_start_matches(['#', '>', ' ']);
            last.lines.push(NumberedLine { number: line.number, text: text.to_owned() });
        }
        if text.starts_with('#') {
            paragraphs.push(Paragraph::default());
        }
    }
    paragraphs.retain(|paragraph| !paragraph.lines.is_empty());
    paragraphs
}

/// The text of a list item: behind `*`, `-` or `1.`.
fn without_bullet(text: &str) -> Option<&str> {
    let digits = text.trim_start_matches(|first: char| first.is_ascii_digit());
    let is_numbered = digits.len() < text.len();
    let text = if is_numbered { digits.strip_prefix('.')? } else { text.strip_prefix(['*', '-', '+'])? };
    text.strip_prefix(' ')
}

/// The fenced code blocks of a Markdown text: the line of the fence, and the language it names.
pub(crate) fn fences(lines: &[NumberedLine]) -> Vec<(usize, &str)> {
    let fences = lines.iter().filter_map(|line| Some((line.number, line.text.trim_start().strip_prefix("```")?)));
    fences.step_by(2).map(|(number, language)| (number, language.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::lexer::lex, *};

    fn texts(markdown: &str) -> Vec<(usize, String)> {
        let text_of = |paragraph: Paragraph| {
            let first = paragraph.lines.first().unwrap().number;
            let texts: Vec<String> = paragraph.lines.into_iter().map(|line| line.text).collect();
            (first, texts.join(" "))
        };
        paragraphs(&lines(markdown)).into_iter().map(text_of).collect()
    }

    #[test]
    fn line_comments_on_neighbouring_lines_are_one() {
        let found = comments(&lex("// a\n// b\n\n// c\n/// d\nfn e() {} // f\n// g"));
        let texts: Vec<String> = found.iter().map(Comment::text).collect();
        assert_eq!(texts, ["a b", "c", "d", "f g"]);
    }

    #[test]
    fn code_between_two_comments_parts_them() {
        assert_eq!(comments(&lex("a, // b\nc, // d")).len(), 2);
    }

    #[test]
    fn paragraphs_are_parted_by_empty_lines_headings_and_list_items() {
        let found = texts("# A\nb\nc\n\n* d\n  e\n1. f\n> g");
        let expected = [(1, "A"), (2, "b c"), (5, "d e"), (7, "f g")];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn fences_and_tables_are_no_paragraphs() {
        assert_eq!(texts("```rust\na\n```\n| b |\n|---|\nc"), [(6, "c".to_owned())]);
    }

    #[test]
    fn a_fence_has_a_line_and_a_language() {
        assert_eq!(fences(&lines("a\n```rust\nb\n```\n```\nc\n```")), [(2, "rust"), (5, "")]);
    }
}
