//! JSON strings.

use fapilog_record::text::hex::hex;

use crate::control_characters::{distance_to_control_start, is_control, may_start_control, put_code};

/// How many bytes are looked at in one go. The loop over them has no early exit, so that it becomes vector code.
const CHUNK_BYTES: usize = 32;

/// Bytes that must be checked: those that a JSON string cannot hold as they are (RFC 8259, section 7), DEL, which a
/// terminal acts on, `<`, which begins a tag where a line is part of a page, and the first bytes of characters that do harm
/// on a screen.
#[inline(always)]
const fn must_look(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\') | (byte == b'<') | (byte == 0x7f) | may_start_control(byte)
}

/// Distance of a byte from the closest one that [`must_look`]: zero for those.
///
/// The compiler makes vector code of the least of distances, for chunks of any length. It makes bit tests of one byte after
/// another of a row of comparisons, which is better for a single byte.
#[inline(always)]
fn distance(byte: u8) -> u8 {
    byte.saturating_sub(0x1f)
        .min(byte ^ b'"')
        .min(byte ^ b'\\')
        .min(byte ^ b'<')
        .min(byte ^ 0x7f)
        .min(distance_to_control_start(byte))
}

#[inline(always)]
fn is_clean<const N: usize>(chunk: &[u8; N]) -> bool {
    !chunk.iter().fold(false, |any, &byte| any | (distance(byte) == 0))
}

/// How many bytes at the front can be copied as they are.
#[inline]
fn clean_bytes(text: &[u8]) -> usize {
    let (chunks, _) = text.as_chunks::<CHUNK_BYTES>();
    let clean = chunks.iter().position(|chunk| !is_clean(chunk)).unwrap_or(chunks.len()) * CHUNK_BYTES;
    let tail = text.get(clean..).unwrap_or_default();
    clean + tail.iter().position(|&byte| must_look(byte)).unwrap_or(tail.len())
}

/// Appends `text` as a JSON string, with its quotes. Control characters are escaped, those beyond ASCII too, and so is `<`, as the
/// [table](super) of values has it.
///
/// ```
/// let mut out = Vec::new();
/// fapilog_format::json::put_string(&mut out, "tab\t, <b>");
/// assert_eq!(out, br#""tab\t, \u003cb>""#);
/// ```
#[inline]
pub fn put_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    put_escaped(out, text.as_bytes());
    out.push(b'"');
}

/// Appends the key of a member: a [string](put_string), and the colon behind it.
///
/// ```
/// let mut out = Vec::new();
/// fapilog_format::json::put_key(&mut out, "order_id");
/// assert_eq!(out, br#""order_id":"#);
/// ```
#[inline]
pub fn put_key(out: &mut Vec<u8>, name: &str) {
    put_string(out, name);
    out.push(b':');
}

/// Appends a text as it stands between the quotes of a string.
#[inline]
pub(crate) fn put_escaped(out: &mut Vec<u8>, text: &[u8]) {
    let is_done = match text.len() {
        0 => true,
        1 => put_ends::<1>(out, text),
        2..4 => put_ends::<2>(out, text),
        4..8 => put_ends::<4>(out, text),
        8..16 => put_ends::<8>(out, text),
        16..=32 => put_ends::<16>(out, text),
        _ => return put_long(out, text),
    };
    if !is_done {
        put_dirty(out, text);
    }
}

/// Appends a text of `N` to `2 * N` bytes as its first and its last `N`, which may overlap: copies of fixed length.
/// Returns `false`, with nothing appended, if some of it must be escaped.
#[inline(always)]
fn put_ends<const N: usize>(out: &mut Vec<u8>, text: &[u8]) -> bool {
    match (text.first_chunk::<N>(), text.last_chunk::<N>()) {
        (Some(first), Some(last)) if is_clean(first) & is_clean(last) => {
            let start = out.len();
            out.extend_from_slice(first);
            out.truncate(start + text.len() - N);
            out.extend_from_slice(last);
            true
        }
        _ => false,
    }
}

/// Appends a text of a chunk at least: chunk by chunk, and the last chunk's worth of bytes over what is there already.
#[inline]
fn put_long(out: &mut Vec<u8>, text: &[u8]) {
    let start = out.len();
    let (chunks, tail) = text.as_chunks::<CHUNK_BYTES>();
    for chunk in chunks {
        if !is_clean(chunk) {
            let done = out.len() - start;
            return put_dirty(out, text.get(done..).unwrap_or_default());
        }
        out.extend_from_slice(chunk);
    }
    match text.last_chunk::<CHUNK_BYTES>() {
        Some(last) if is_clean(last) => {
            out.truncate(start + text.len() - CHUNK_BYTES);
            out.extend_from_slice(last);
        }
        _ => put_dirty(out, tail),
    }
}

/// Appends text of which some must be escaped.
#[cold]
fn put_dirty(out: &mut Vec<u8>, text: &[u8]) {
    let clean = clean_bytes(text);
    let (copied, mut text) = text.split_at_checked(clean).unwrap_or((text, &[]));
    out.extend_from_slice(copied);
    while let Some((&byte, behind)) = text.split_first() {
        let tail = if byte.is_ascii() {
            put_escape(out, byte);
            behind
        } else {
            put_character(out, text)
        };
        let clean = clean_bytes(tail);
        out.extend_from_slice(tail.get(..clean).unwrap_or(tail));
        text = tail.get(clean..).unwrap_or_default();
    }
}

/// Appends the first character of `text`, escaped if it does harm on a screen. Returns what comes behind it.
fn put_character<'t>(out: &mut Vec<u8>, text: &'t [u8]) -> &'t [u8] {
    // The cut may leave an incomplete character behind the first, which is ignored.
    let front = text.get(..4).unwrap_or(text).utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let Some(c) = front.chars().next() else { return text.get(1..).unwrap_or_default() };
    if is_control(c) {
        put_code(out, c);
    } else {
        out.extend_from_slice(text.get(..c.len_utf8()).unwrap_or_default());
    }
    text.get(c.len_utf8()..).unwrap_or_default()
}

fn put_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&hex(byte));
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends bytes that are not UTF-8 as a JSON string: each byte that is not becomes `\xNN`, and each backslash two,
/// before the JSON escapes. [`decode_marked_text`] reads it back.
///
/// ```
/// let mut out = Vec::new();
/// fapilog_format::json::put_marked_string(&mut out, b"C:\\ \xff");
/// assert_eq!(out, br#""C:\\\\ \\xff""#);
/// ```
pub fn put_marked_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        for (index, piece) in chunk.valid().split('\\').enumerate() {
            if index > 0 {
                // Two backslashes, each escaped for JSON.
                out.extend_from_slice(b"\\\\\\\\");
            }
            put_escaped(out, piece.as_bytes());
        }
        for &byte in chunk.invalid() {
            out.extend_from_slice(b"\\\\x");
            out.extend_from_slice(&hex(byte));
        }
    }
    out.push(b'"');
}

/// Decodes the text of a field that is named in `not_utf8` into the bytes that were logged: `\\` is a backslash and
/// `\xNN` a byte. The text is what a JSON parser gives, so JSON's own escapes are gone already.
///
/// Returns `None` for text that no formatter wrote.
#[must_use]
pub fn decode_marked_text(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut tail = text.as_bytes();
    while let Some((&byte, behind)) = tail.split_first() {
        if byte != b'\\' {
            bytes.push(byte);
            tail = behind;
            continue;
        }
        match behind {
            [b'\\', behind @ ..] => {
                bytes.push(b'\\');
                tail = behind;
            }
            [b'x', high, low, behind @ ..] => {
                let digit = |c: u8| char::from(c).to_digit(16);
                bytes.push((digit(*high)? << 4 | digit(*low)?) as u8);
                tail = behind;
            }
            _ => return None,
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> String {
        let mut out = Vec::new();
        put_string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_byte_must_be_looked_at_where_its_distance_is_none() {
        assert!((0..=u8::MAX).all(|byte| must_look(byte) == (distance(byte) == 0)));
    }

    #[test]
    fn plain_text_is_copied_between_quotes() {
        assert_eq!(string(""), r#""""#);
        assert_eq!(string("grüße, 世界"), "\"grüße, 世界\"");
    }

    #[test]
    fn plain_text_of_any_length_is_copied() {
        let text = "0123456789abcdefghijklmnopqrstuvwxyz".repeat(4);
        for len in 0..text.len() {
            assert_eq!(string(&text[..len]), format!("\"{}\"", &text[..len]));
        }
    }

    #[test]
    fn every_character_reads_back_at_every_place_of_a_chunk() {
        for code in (0..0x180).chain([0x2028, 0xfffd, 0x1f600]) {
            let c = char::from_u32(code).unwrap();
            for place in 0..2 * CHUNK_BYTES + 1 {
                for behind in ["", "b", "tail", "a tail of more than a chunk of text, to be sure"] {
                    let text = format!("{}{c}{behind}", "a".repeat(place));
                    let back: String = serde_json::from_str(&string(&text)).unwrap();
                    assert_eq!(back, text);
                }
            }
        }
    }

    #[test]
    fn no_control_character_comes_out_as_it_is() {
        let all: String = (0..0x20).chain([0x7f]).filter_map(char::from_u32).collect();
        assert!(string(&all).bytes().all(|byte| !byte.is_ascii_control()));
    }

    #[test]
    fn no_tag_begins_in_a_string_whatever_it_holds() {
        assert_eq!(string("<b>"), r#""\u003cb>""#);
        let mut out = Vec::new();
        put_marked_string(&mut out, b"</script>\xff");
        assert_eq!(out, br#""\u003c/script>\\xff""#);
        for place in 0..2 * CHUNK_BYTES + 1 {
            let text = format!("{}<!--{}", "a".repeat(place), "b".repeat(place % 7));
            let out = string(&text);
            assert!(!out.contains('<'), "{out}");
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn no_character_that_does_harm_on_a_screen_comes_out_as_it_is() {
        for c in
            ['\u{80}', '\u{9b}', '\u{61c}', '\u{200e}', '\u{2028}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{e0041}']
        {
            for place in 0..2 * CHUNK_BYTES + 1 {
                let text = format!("{}{c}—世", "a".repeat(place));
                let out = string(&text);
                assert!(!out.contains(c) && out.contains("—世"), "{out}");
                assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
            }
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_read_back_to_the_byte() {
        let cases: [&[u8]; 6] =
            [b"\xff", b"a\\b\xfe\"\n", b"\\xff\xff", b"\xe4\xb8", b"caf\xe9 \xe2\x82\xac\x80", b"\\\\\xc3"];
        for bytes in cases {
            let mut out = Vec::new();
            put_marked_string(&mut out, bytes);
            let text: String = serde_json::from_slice(&out).unwrap();
            assert_eq!(decode_marked_text(&text).unwrap(), bytes);
        }
    }

    #[test]
    fn text_that_no_formatter_wrote_is_refused() {
        for text in ["\\", "\\x", "\\xg0", "\\n", "abc\\x1"] {
            assert_eq!(decode_marked_text(text), None, "{text}");
        }
    }
}
