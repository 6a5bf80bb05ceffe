//! Fields of a header: printable ASCII of a limited length.

/// The lengths of RFC 5424, section 6.
pub(super) const HOSTNAME_MAX: usize = 255;
pub(super) const APP_NAME_MAX: usize = 48;
pub(super) const MESSAGE_ID_MAX: usize = 32;
/// The length of a tag of RFC 3164, section 4.1.3.
pub(super) const TAG_MAX: usize = 32;

/// "No value" of RFC 5424.
const NIL: u8 = b'-';

/// Whether it may stand in a header of RFC 5424 as it is.
pub(super) fn is_header_text(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Appends a text, with `_` for each character that a header cannot have, up to a length; `-` for an empty one.
pub(super) fn put_header_text(text: &str, bytes_max: usize, out: &mut Vec<u8>) {
    put_sanitized(text, bytes_max, |c| c.is_ascii_graphic(), out);
    if text.is_empty() {
        out.push(NIL);
    }
}

/// Appends a tag of RFC 3164: `[` and `:` end it.
pub(super) fn put_tag(text: &str, out: &mut Vec<u8>) {
    put_sanitized(text, TAG_MAX, |c| c.is_ascii_graphic() && !"[]:<>".contains(c), out);
    if text.is_empty() {
        out.push(NIL);
    }
}

fn put_sanitized(text: &str, bytes_max: usize, is_allowed: impl Fn(char) -> bool, out: &mut Vec<u8>) {
    // Each character becomes a byte.
    out.extend(text.chars().take(bytes_max).map(|c| if is_allowed(c) { c as u8 } else { b'_' }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header_text(text: &str, bytes_max: usize) -> String {
        let mut out = Vec::new();
        put_header_text(text, bytes_max, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_header_has_printable_ascii_of_its_length() {
        assert_eq!(header_text("shop::orders", 32), "shop::orders");
        assert_eq!(header_text("ä b\u{7f}c\n", 32), "__b_c_");
        assert_eq!(header_text("abcdef", 3), "abc");
        assert_eq!(header_text("", 3), "-");
    }

    #[test]
    fn a_tag_has_no_character_that_ends_it() {
        let mut out = Vec::new();
        put_tag("a:b[1] c-d.e", &mut out);
        assert_eq!(out, b"a_b_1__c-d.e");
    }
}
