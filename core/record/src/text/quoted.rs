//! Texts that the library has not made, as its reports show them: errors of plugins, of the system and of other libraries.
//!
//! Such a text may hold what a user logged, and anything else. A report shows it in one way: between double quotes, 1 KiB at
//! most, with each character that can do harm as an escape. So its beginning and its end are seen, and it is a part of one line.

use std::fmt::{self, Display, Write};

use crate::text::control::is_control;

/// The most bytes of such a text between its quotes.
pub const QUOTED_MAX_BYTES: usize = 1024;

/// The mark of a text that was cut. It stands behind the quotes, where no text can put it.
const CUT: &str = "...";

/// A text between double quotes: `"no such place"`. A quote, a backslash and a [control character](is_control) in it are escapes,
/// as in a literal of Rust. A longer text than [`QUOTED_MAX_BYTES`] is cut: `"no such"...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotedText(String);

impl QuotedText {
    /// The text of a value, whose `Display` does not fail.
    pub fn new(text: impl Display) -> Self {
        let (text, is_cut) = bounded(text, is_escaped_in_quotes);
        Self(format!("\"{text}\"{}", if is_cut { CUT } else { "" }))
    }

    /// The text with its quotes.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Display for QuotedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that has a field of its own: without quotes, and otherwise as [`QuotedText`].
#[must_use]
pub fn escaped_text(text: impl Display) -> String {
    let (mut text, is_cut) = bounded(text, is_control);
    text.push_str(if is_cut { CUT } else { "" });
    text
}

/// Writes a value with each [control character](is_control) as an escape: for paths, in errors.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<T>(pub T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping { out: f, is_escaped: is_control }, "{}", self.0)
    }
}

/// The front of a text that may have such texts in it: `bytes_max` bytes at most. If it was cut between quotes, they are closed.
#[must_use]
pub fn front_with_quotes(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let (mut is_quoted, mut is_escaped, mut end) = (false, false, (0, false));
    for (place, character) in text.char_indices() {
        if place + "\"".len() + CUT.len() > bytes_max {
            break;
        }
        if !is_escaped {
            end = (place, is_quoted);
        }
        is_quoted ^= character == '"' && !is_escaped;
        is_escaped = is_quoted && character == '\\' && !is_escaped;
    }
    let (end, is_quoted) = end;
    let quote = if is_quoted { "\"" } else { "" };
    format!("{}{quote}{CUT}", text.get(..end).unwrap_or_default())
}

fn is_escaped_in_quotes(c: char) -> bool {
    is_control(c) || matches!(c, '"' | '\\')
}

/// A text of a limited length. A piece that does not fit is not taken, and nothing behind it.
struct WholePieces {
    text: String,
    bytes_max: usize,
    is_cut: bool,
}

impl Write for WholePieces {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.is_cut |= self.text.len() + piece.len() > self.bytes_max;
        if self.is_cut {
            return Err(fmt::Error);
        }
        self.text.push_str(piece);
        Ok(())
    }
}

/// Writes each character to `out`, or its escape: a piece for each.
struct Escaping<'out, W> {
    out: &'out mut W,
    is_escaped: fn(char) -> bool,
}

impl<W: Write> Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| {
            if !(self.is_escaped)(character) {
                return self.out.write_str(character.encode_utf8(&mut [0; 4]));
            }
            let escape: String = character.escape_default().collect();
            self.out.write_str(&escape)
        })
    }
}

/// The front of a text with escapes, and whether it was cut.
fn bounded(text: impl Display, is_escaped: fn(char) -> bool) -> (String, bool) {
    let mut front = WholePieces { text: String::new(), bytes_max: QUOTED_MAX_BYTES, is_cut: false };
    // An error means that it was cut.
    let _ = write!(Escaping { out: &mut front, is_escaped }, "{text}");
    (front.text, front.is_cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> String {
        QuotedText::new(text).into_string()
    }

    #[test]
    fn a_text_stands_between_quotes_and_cannot_end_them() {
        assert_eq!(quoted("no such place"), r#""no such place""#);
        assert_eq!(quoted(r#"a" and \"b"#), r#""a\" and \\\"b""#);
    }

    #[test]
    fn a_text_is_on_one_line_and_does_not_act_on_a_terminal() {
        assert_eq!(quoted("a\nb\r\t\x1b[31m\u{202e}\u{200b}ü"), r#""a\nb\r\t\u{1b}[31m\u{202e}\u{200b}ü""#);
        assert_eq!(escaped_text("a\n\"b\""), r#"a\n"b""#);
        assert_eq!(Escaped("a\n\"b\"\u{2066}").to_string(), r#"a\n"b"\u{2066}"#);
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters_and_the_cut_is_marked_behind_its_quotes() {
        let text = quoted(&format!("x{}", "ü".repeat(1 << 19)));
        assert!(text.starts_with("\"xü") && text.ends_with("ü\"..."), "{text}");
        assert_eq!(text.len(), QUOTED_MAX_BYTES - 1 + 5);
        assert_eq!(quoted(&"x".repeat(QUOTED_MAX_BYTES)).len(), QUOTED_MAX_BYTES + 2);
        assert!(escaped_text("y".repeat(1 << 20)).ends_with("y..."));
    }

    #[test]
    fn the_front_of_a_text_closes_its_quotes() {
        assert_eq!(front_with_quotes("file: \"no place\"", 17), "file: \"no place\"");
        assert_eq!(front_with_quotes("file: \"no place left\"", 17), "file: \"no pla\"...");
        assert_eq!(front_with_quotes("a text without any", 12), "a text w...");
        // No cut is between a backslash and its character.
        for bytes_max in 5..20 {
            let front = front_with_quotes(r#""\"\"\"\"\"\"\"\"\"\"\"""#, bytes_max);
            assert!(front.len() <= bytes_max && front.ends_with("\"..."), "{front}");
            assert!(front.trim_end_matches("\"...").replace("\\\"", "") == "\"", "{front}");
        }
    }
}
