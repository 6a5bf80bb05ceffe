//! Text that stays on its line and stays what it is.

use crate::control_characters::{is_control, may_start_control, put_code};

/// The properties of a text's bytes: bits, or-ed together.
const ESCAPE: u8 = 1;
/// May be the first byte of a character that must be escaped, or of a space.
const LOOK: u8 = 1 << 1;
const SPACE: u8 = 1 << 2;
const EQUALS: u8 = 1 << 3;
/// The syntax of lists and maps: brackets, braces and commas.
const LIST: u8 = 1 << 4;

/// How many bytes are looked at in one go. The loop over them has no early exit, so that it becomes vector code.
const CHUNK_BYTES: usize = 16;

/// Whether a character cannot stand between quotes as it is.
const fn must_escape(c: char) -> bool {
    is_control(c) || matches!(c, '"' | '\\')
}

/// Compares only, and has no branch.
#[inline(always)]
const fn asks_for(byte: u8) -> u8 {
    let escape = (byte < 0x20) | (byte == b'"') | (byte == b'\\') | (byte == 0x7f);
    let equals = byte == b'=';
    let list = (byte == b'[') | (byte == b']') | (byte == b'{') | (byte == b'}') | (byte == b',');
    let space = byte == b' ';
    escape as u8 * ESCAPE
        + may_start_control(byte) as u8 * LOOK
        + space as u8 * SPACE
        + equals as u8 * EQUALS
        + list as u8 * LIST
}

#[inline]
fn scan(text: &[u8]) -> u8 {
    let (chunks, tail) = text.as_chunks::<CHUNK_BYTES>();
    let chunked = chunks.iter().fold(0, |any, chunk| any | chunk.iter().fold(0, |any, &byte| any | asks_for(byte)));
    tail.iter().fold(chunked, |any, &byte| any | asks_for(byte))
}

/// Whether text can stand without quotes as a key, or as a value or an element of a list: it is not empty, and has in it
/// nothing that must be escaped, no space, and nothing of `=[]{},`.
#[inline]
#[must_use]
pub fn is_atom(text: &str) -> bool {
    match scan(text.as_bytes()) {
        0 => !text.is_empty(),
        LOOK => text.chars().all(|c| !must_escape(c) && !c.is_whitespace()),
        _ => false,
    }
}

/// Whether text can stand without quotes as a message: it is not empty, has in it nothing that must be escaped and no
/// `=`, and neither begins nor ends with a space.
#[inline]
#[must_use]
pub fn is_prose(text: &str) -> bool {
    let asked = scan(text.as_bytes());
    let is_plain = asked & (ESCAPE | EQUALS) == 0 && (asked & LOOK == 0 || !text.contains(must_escape));
    let is_edge = |c: Option<char>| c.is_none_or(char::is_whitespace);
    is_plain && !is_edge(text.chars().next()) && !is_edge(text.chars().next_back())
}

/// Appends text between quotes: a JSON string (RFC 8259, section 7).
pub fn put_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    put_escaped(out, text);
    out.push(b'"');
}

/// Appends text as it stands between quotes.
#[inline]
pub(super) fn put_escaped(out: &mut Vec<u8>, text: &str) {
    if scan(text.as_bytes()) & (ESCAPE | LOOK) == 0 {
        out.extend_from_slice(text.as_bytes());
    } else {
        put_dirty(out, text);
    }
}

/// Appends text of which some may have to be escaped.
#[cold]
fn put_dirty(out: &mut Vec<u8>, text: &str) {
    put_escaping(out, text, must_escape);
}

/// Appends text with its control characters escaped, and quotes and backslashes as they are: it stands between no quotes.
pub fn put_harmless(out: &mut Vec<u8>, text: &str) {
    put_escaping(out, text, is_control);
}

fn put_escaping(out: &mut Vec<u8>, text: &str, must_escape: fn(char) -> bool) {
    for piece in text.split_inclusive(must_escape) {
        let mut chars = piece.chars();
        match chars.next_back() {
            Some(c) if must_escape(c) => {
                out.extend_from_slice(chars.as_str().as_bytes());
                put_escape(out, c);
            }
            _ => out.extend_from_slice(piece.as_bytes()),
        }
    }
}

fn put_escape(out: &mut Vec<u8>, c: char) {
    let short = match c {
        '"' => b'"',
        '\\' => b'\\',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        _ => return put_code(out, c),
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn quoted(text: &str) -> String {
        let mut out = Vec::new();
        put_quoted(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    fn all_chars() -> impl Iterator<Item = char> {
        let last = if cfg!(miri) { 0x2100 } else { 0x10_ffff };
        (0..=last).filter_map(char::from_u32)
    }

    #[test]
    fn every_character_between_quotes_reads_back_as_json() {
        for c in all_chars() {
            for text in [c.to_string(), format!("0123456789abcdef{c}0123456789abcdef")] {
                assert_eq!(serde_json::from_str::<String>(&quoted(&text)).unwrap(), text);
            }
        }
    }

    /// A second list of all characters, so that an error in the first shows.
    fn controls() -> HashSet<char> {
        let single = [0xad, 0x34f, 0x61c, 0x17b4, 0x17b5, 0x180e, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029];
        let ranges = [(0x202a, 0x202e), (0x2060, 0x206f), (0xfff0, 0xfffb), (0x1bca0, 0x1bca3), (0x1d173, 0x1d17a)];
        let beyond = [(0xe0000, 0xe00ff), (0xe01f0, 0xe0fff), (0x3164, 0x3164), (0xfeff, 0xfeff), (0xffa0, 0xffa0)];
        let ranges = ranges.into_iter().chain(beyond).flat_map(|(first, last)| first..=last);
        let codes = (0..0x20).chain(0x7f..0xa0).chain(single).chain(ranges);
        codes.map(|code| char::from_u32(code).unwrap()).collect()
    }

    #[test]
    fn words_and_emoji_that_need_joiners_and_selectors_stay_as_they_are() {
        for text in ["می\u{200c}خواهم", "क्\u{200d}ष", "👩\u{200d}🚀", "❤\u{fe0f}", "葛\u{e0100}"] {
            assert_eq!(quoted(text), format!("\"{text}\""));
        }
        assert_eq!(quoted("a\u{200b}b\u{e0041}"), r#""a\u200bb\udb40\udc41""#);
    }

    #[test]
    fn no_control_character_comes_out_as_it_is() {
        let controls = controls();
        let all = String::from_iter(controls.iter());
        assert!(quoted(&all).chars().all(|c| !controls.contains(&c)));
        for c in controls {
            assert!(!is_atom(&format!("a{c}b")) && !is_prose(&format!("a{c}b")), "{c:?}");
        }
    }

    #[test]
    fn only_a_control_character_or_a_quote_or_a_backslash_is_escaped() {
        let controls = controls();
        for c in all_chars().filter(|c| !controls.contains(c) && !['"', '\\'].contains(c)) {
            assert_eq!(quoted(&c.to_string()), format!("\"{c}\""));
        }
    }

    #[test]
    fn an_atom_has_neither_space_nor_syntax_in_it() {
        let controls = controls();
        for c in all_chars() {
            let is_syntax = "\"\\=[]{},".contains(c) || c.is_whitespace() || controls.contains(&c);
            assert_eq!(is_atom(&format!("ab{c}cd")), !is_syntax, "{c:?}");
        }
        assert!(!is_atom(""));
    }

    #[test]
    fn prose_is_a_sentence_without_quotes_and_equals_signs() {
        for text in ["order filled", "a, b [c]: d", "grüße, 世界", "1 000 €", "a\u{3000}b"] {
            assert!(is_prose(text), "{text}");
        }
        for text in ["", " a", "a ", "a=b", "the \"a\"", r"C:\a", "a\u{3000}", "a\nb", "a\u{202e}b"] {
            assert!(!is_prose(text), "{text}");
        }
    }
}
