//! Text in XML: on one line, and of characters that XML 1.0 has.

use fapilog_record::text::hex::hex;

use crate::{
    clean_text,
    control_characters::{distance_to_control_start, is_control, may_start_control},
    replaced::put_replacing,
};

/// Bytes that must be checked: those of XML's syntax, control characters, and the first bytes of others that XML does not have or
/// that do harm on a screen.
#[inline(always)]
const fn must_look(byte: u8) -> bool {
    (byte < 0x20)
        | (byte == b'<')
        | (byte == b'>')
        | (byte == b'&')
        | (byte == b'"')
        | (byte == 0x7f)
        | may_start_control(byte)
}

/// Distance of a byte from the closest one that [`must_look`]: zero for those.
#[inline(always)]
fn distance(byte: u8) -> u8 {
    byte.saturating_sub(0x1f)
        // `<` and `>` differ in one bit, and so do `"` and `&`.
        .min((byte | 2) ^ b'>')
        .min((byte | 4) ^ b'&')
        .min(byte ^ 0x7f)
        .min(distance_to_control_start(byte))
}

/// Whether text can be copied as it is.
#[inline]
fn is_clean(text: &[u8]) -> bool {
    clean_text::is_clean(text, must_look, distance)
}

/// How many bytes at the front can be copied as they are.
fn clean_bytes(text: &[u8]) -> usize {
    clean_text::clean_bytes(text, must_look, distance)
}

/// Whether XML 1.0 has no such character, not even as a reference (section 2.2).
const fn is_illegal(c: char) -> bool {
    matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

/// Where a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextPlace {
    Content,
    Attribute,
}

/// Appends text as the content of an element, behind the end of its start tag: `>text`, or ` escaped="true">text` if XML does not
/// have all of its characters.
#[inline]
pub(super) fn put_content(out: &mut Vec<u8>, text: &str) {
    if is_clean(text.as_bytes()) {
        out.push(b'>');
        out.extend_from_slice(text.as_bytes());
    } else {
        put_dirty_content(out, text);
    }
}

/// As [`put_content`], with the name of a group and a dot in front of the text.
pub(super) fn put_path_content(out: &mut Vec<u8>, group: &str, name: &str) {
    let start = out.len();
    put_content(out, name);
    let tag_end = out.iter().skip(start).position(|byte| *byte == b'>').unwrap_or_default();
    out.extend_from_slice(group.as_bytes());
    out.push(b'.');
    out.get_mut(start + tag_end + 1..).unwrap_or_default().rotate_right(group.len() + 1);
}

#[cold]
fn put_dirty_content(out: &mut Vec<u8>, text: &str) {
    if text.contains(is_illegal) {
        put_escaped_content(out, text.as_bytes());
    } else {
        out.push(b'>');
        put_referenced(out, text, TextPlace::Content);
    }
}

/// As [`put_content`], for bytes. Returns `false` if they are not UTF-8.
pub(super) fn put_bytes_content(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            put_content(out, text);
            true
        }
        Err(_) => {
            put_escaped_content(out, bytes);
            false
        }
    }
}

#[cold]
fn put_escaped_content(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b" escaped=\"true\">");
    for chunk in bytes.utf8_chunks() {
        put_escaped(out, chunk.valid(), TextPlace::Content);
        put_in_hex(out, chunk.invalid());
    }
}

/// Appends text as it stands in an attribute, escaped in any case: a backslash is `\\`.
pub(super) fn put_attribute(out: &mut Vec<u8>, text: &str) {
    if is_clean(text.as_bytes()) && !text.contains('\\') {
        out.extend_from_slice(text.as_bytes());
    } else {
        put_escaped(out, text, TextPlace::Attribute);
    }
}

/// Each backslash becomes two, and a byte of a character that XML does not have `\xNN`: the form that `decode_marked_text` reads.
fn put_escaped(out: &mut Vec<u8>, text: &str, place: TextPlace) {
    for piece in text.split_inclusive(|c| c == '\\' || is_illegal(c)) {
        let mut chars = piece.chars();
        match chars.next_back() {
            Some('\\') => {
                put_referenced(out, chars.as_str(), place);
                out.extend_from_slice(br"\\");
            }
            Some(c) if is_illegal(c) => {
                put_referenced(out, chars.as_str(), place);
                put_in_hex(out, c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => put_referenced(out, piece, place),
        }
    }
}

fn put_in_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        out.extend_from_slice(b"\\x");
        out.extend_from_slice(&hex(byte));
    }
}

/// Appends text of legal characters, with references for those of the syntax and those that do harm on a screen.
fn put_referenced(out: &mut Vec<u8>, text: &str, place: TextPlace) {
    put_replacing(out, text, clean_bytes, |out, c| {
        let name = match c {
            '<' => "&lt;",
            '>' => "&gt;",
            '&' => "&amp;",
            '"' if place == TextPlace::Attribute => "&quot;",
            c if is_control(c) => {
                put_number_of(out, c);
                return true;
            }
            _ => return false,
        };
        out.extend_from_slice(name.as_bytes());
        true
    });
}

/// The number of a character in hexadecimal, without leading zeros.
fn put_number_of(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(b"&#x");
    let digits = u32::from(c).to_be_bytes().map(hex);
    let zeros = digits.as_flattened().iter().take_while(|digit| **digit == b'0').count();
    out.extend(digits.as_flattened().iter().skip(zeros));
    out.push(b';');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode_marked_text;

    fn content(text: &str) -> String {
        let mut out = Vec::new();
        put_content(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    fn attribute(text: &str) -> String {
        let mut out = Vec::new();
        put_attribute(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_byte_must_be_looked_at_where_its_distance_is_none() {
        assert!((0..=u8::MAX).all(|byte| must_look(byte) == (distance(byte) == 0)));
    }

    #[test]
    fn syntax_and_control_characters_are_references() {
        assert_eq!(content("grüße, \"世界\" 'x' C:\\dir"), ">grüße, \"世界\" 'x' C:\\dir");
        assert_eq!(content("a<b>&c]]>"), ">a&lt;b&gt;&amp;c]]&gt;");
        assert_eq!(content("one\r\n\ttwo\u{202e}\u{85}\x7f"), ">one&#xd;&#xa;&#x9;two&#x202e;&#x85;&#x7f;");
        assert_eq!(attribute("a<b \"c\"\n\\"), "a&lt;b &quot;c&quot;&#xa;\\\\");
    }

    #[test]
    fn a_character_that_xml_does_not_have_escapes_the_text() {
        assert_eq!(content("\x1b[31m<C:\\"), r#" escaped="true">\x1b[31m&lt;C:\\"#);
        assert_eq!(content("\u{ffff}"), r#" escaped="true">\xef\xbf\xbf"#);
        assert_eq!(attribute("\0 \\"), r"\x00 \\");
        assert_eq!(decode_marked_text(r"\xef\xbf\xbf\x00 \\").unwrap(), "\u{ffff}\0 \\".as_bytes());
    }

    #[test]
    fn the_name_of_a_group_stands_in_front_of_a_key_of_any_characters() {
        let path = |name| {
            let mut out = b"<a>".to_vec();
            put_path_content(&mut out, "tags", name);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(path("region"), "<a>>tags.region");
        assert_eq!(path("<"), "<a>>tags.&lt;");
        assert_eq!(path("\0>"), r#"<a> escaped="true">tags.\x00&gt;"#);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_escaped_and_reported() {
        let mut out = Vec::new();
        assert!(put_bytes_content(&mut out, "grün\\".as_bytes()));
        assert!(!put_bytes_content(&mut out, b"\\<\xff"));
        assert_eq!(String::from_utf8(out).unwrap(), r#">grün\ escaped="true">\\&lt;\xff"#);
    }

    /// By the parser of the tests: a reference to a character that XML does not have is an error there.
    #[test]
    fn exactly_those_characters_are_illegal_that_a_parser_refuses() {
        for c in (0..0x300).chain(0xfd00..0x1_0100).filter_map(char::from_u32) {
            let is_refused = roxmltree::Document::parse(&format!("<a>&#x{:x};</a>", u32::from(c))).is_err();
            assert_eq!(is_illegal(c), is_refused, "{c:?}");
        }
    }
}
