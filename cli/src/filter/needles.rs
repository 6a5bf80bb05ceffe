//! Needles: texts that stand in every line that matches.
//!
//! A text of JSON may be written in several ways. `"`, `\`, `/` and control characters have short escapes, and any character
//! may be `\uNNNN`. So a needle has none of the former, and a line with `\u` may match without the needle.

use regex_syntax::hir::{Hir, HirKind};

/// A text that stands in every line that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needle {
    pub(crate) bytes: Vec<u8>,
    pub(crate) kind: NeedleKind,
}

/// The place that a needle stands at. Later kinds are rarer in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NeedleKind {
    /// In a key.
    Key,
    /// In a text or a number.
    Value,
    /// In the line as it is: escapes are looked at as they stand.
    Line,
}

impl Needle {
    /// The needle of a string that is exactly this text.
    pub(crate) fn of_value(text: &str) -> Option<Self> {
        Self::new(NeedleKind::Value, longest_run(text, true, true)?)
    }

    /// The needle of a string that begins with this text.
    pub(crate) fn of_value_start(text: &str) -> Option<Self> {
        Self::new(NeedleKind::Value, longest_run(text, true, false)?)
    }

    /// The needle of a string or a number that has this text in it.
    pub(crate) fn of_part(text: &str) -> Option<Self> {
        Self::new(NeedleKind::Value, longest_run(text, false, false)?)
    }

    /// The needle of a key that ends with this text: its last letters, and the quote.
    pub(crate) fn of_key_end(text: &str) -> Option<Self> {
        let start = text.rfind(has_short_escape).map_or(0, |at| at + 1);
        let run = text.get(start..).unwrap_or_default();
        Self::new(NeedleKind::Key, format!("{run}\"").into_bytes())
    }

    /// The needle of a pattern that the line must match.
    pub(crate) fn of_line_pattern(pattern: &str) -> Option<Self> {
        Self::new(NeedleKind::Line, required_literal(pattern)?)
    }

    fn new(kind: NeedleKind, bytes: Vec<u8>) -> Option<Self> {
        (!bytes.is_empty()).then_some(Self { bytes, kind })
    }
}

/// Whether a character may be written as a backslash and one letter: RFC 8259, section 7. All are ASCII.
fn has_short_escape(c: char) -> bool {
    matches!(c, '"' | '\\' | '/' | '\0'..='\x1f')
}

/// The longest part without short escapes; with the quotes around the text where it is at an end.
fn longest_run(text: &str, starts: bool, ends: bool) -> Option<Vec<u8>> {
    let runs: Vec<&str> = text.split(has_short_escape).collect();
    let last = runs.len().checked_sub(1)?;
    let quoted = runs.iter().enumerate().map(|(index, run)| {
        let before = if starts && index == 0 { "\"" } else { "" };
        let behind = if ends && index == last { "\"" } else { "" };
        format!("{before}{run}{behind}").into_bytes()
    });
    quoted.max_by_key(Vec::len)
}

/// A text that is in everything that a pattern matches.
pub(crate) fn required_literal(pattern: &str) -> Option<Vec<u8>> {
    let hir = regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern).ok()?;
    longest_literal(&hir)
}

fn longest_literal(hir: &Hir) -> Option<Vec<u8>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(literal.0.to_vec()),
        HirKind::Capture(capture) => longest_literal(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => longest_literal(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().filter_map(longest_literal).max_by_key(Vec::len),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(needle: Option<Needle>) -> Option<String> {
        needle.map(|needle| String::from_utf8(needle.bytes).unwrap())
    }

    #[test]
    fn needles_have_no_character_with_a_short_escape() {
        assert_eq!(text(Needle::of_value("7f3a")).as_deref(), Some("\"7f3a\""));
        assert_eq!(text(Needle::of_value("a/bcde/f")).as_deref(), Some("bcde"));
        assert_eq!(text(Needle::of_value_start("db::pool")).as_deref(), Some("\"db::pool"));
        assert_eq!(text(Needle::of_part("/")).as_deref(), None);
        assert_eq!(text(Needle::of_key_end("a/status")).as_deref(), Some("status\""));
    }

    #[test]
    fn a_pattern_requires_its_longest_literal() {
        let literal = |pattern| required_literal(pattern).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(literal("^/api/v[0-9]+/orders").as_deref(), Some("/orders"));
        assert_eq!(literal("(timeout)+ after").as_deref(), Some("timeout"));
        assert_eq!(literal("refused|reset"), None);
        assert_eq!(literal("(?i)refused"), None);
        assert_eq!(literal("x*"), None);
    }
}
