//! Escapes of the Common Event Format.

use fapilog_record::text::hex::hex;

use crate::control_characters::{is_control, may_start_control};

/// A text of the header that is empty: parsers refuse a header with an empty part.
const NO_TEXT: u8 = b'-';

/// Appends a text of the header: `\` and `|` are escaped. The header has no line ends, so each control character is a space.
pub(super) fn put_header(out: &mut Vec<u8>, text: &str) {
    if text.trim().is_empty() {
        return out.push(NO_TEXT);
    }
    put_escaped(out, text, b'|', |out, _| out.push(b' '));
}

/// Appends a value of the extension: `\` and `=` are escaped, and line ends are `\n` and `\r`. The format has no escapes for other control
/// characters: they are the text `\u001b`, whose backslash is escaped.
#[inline]
pub(super) fn put_extension(out: &mut Vec<u8>, text: &str) {
    put_escaped(out, text, b'=', |out, c| match c {
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        c => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(b"\\\\u");
                let [high, low] = unit.to_be_bytes();
                out.extend_from_slice(&hex(high));
                out.extend_from_slice(&hex(low));
            }
        }
    });
}

/// Appends a text with a backslash before each `mark` and each backslash, and its control characters by `put_control`.
#[inline(always)]
fn put_escaped(out: &mut Vec<u8>, text: &str, mark: u8, put_control: impl Fn(&mut Vec<u8>, char)) {
    let must_look = |byte: u8| byte < 0x20 || byte == mark || byte == b'\\' || byte == 0x7f || may_start_control(byte);
    let mut tail = text;
    while let Some(place) = tail.bytes().position(must_look) {
        // Such a byte is the first of a character.
        let (clean, behind) = tail.split_at_checked(place).unwrap_or((tail, ""));
        out.extend_from_slice(clean.as_bytes());
        let mut characters = behind.chars();
        let Some(c) = characters.next() else { return };
        if c == char::from(mark) || c == '\\' {
            out.push(b'\\');
            out.push(c as u8);
        } else if c.is_ascii() || is_control(c) {
            put_control(out, c);
        } else {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        tail = characters.as_str();
    }
    out.extend_from_slice(tail.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(put: fn(&mut Vec<u8>, &str), text: &str) -> String {
        let mut out = Vec::new();
        put(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_header_escapes_pipes_and_backslashes_and_has_no_line_ends() {
        assert_eq!([text(put_header, ""), text(put_header, " \n")], ["-", "-"]);
        assert_eq!(text(put_header, "a|b\\c=d\r\ne\u{1b}\u{85}é"), "a\\|b\\\\c=d  e  é");
    }

    #[test]
    fn the_extension_escapes_equal_signs_backslashes_and_line_ends() {
        assert_eq!(text(put_extension, "a=b\\n|c\r\nd é"), "a\\=b\\\\n|c\\r\\nd é");
        assert_eq!(text(put_extension, "\u{1b}[2J\u{202e}\u{e0001}"), "\\\\u001b[2J\\\\u202e\\\\udb40\\\\udc01");
    }
}
