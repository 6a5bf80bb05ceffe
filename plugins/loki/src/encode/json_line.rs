//! A line as a string of JSON.
//!
//! Most lines are JSON themselves: about every sixth byte is a quote, which is escaped. [`put_string`] is made for texts with hardly any escape: each one
//! begins another search. A word of eight bytes is copied at once, and its remaining bytes once more behind each backslash.

use fapilog_format::json::put_string;

const WORD_BYTES: usize = 8;

/// The bytes for which room is made at once.
const BLOCK_BYTES: usize = 512;

const LOW_BITS: u64 = u64::MAX / 255;
const HIGH_BITS: u64 = LOW_BITS << 7;

/// Appends a line as a string. A line with control characters, which the lines of formatters do not have, goes to [`put_string`].
///
/// DEL, `<` and control characters beyond ASCII stay as they are: the string is read by Loki alone, which stores the line.
pub(super) fn put_line(line: &str, out: &mut Vec<u8>) {
    let line = line.as_bytes();
    // Without an early exit, it becomes vector code.
    if line.iter().fold(false, |any, byte| any | (*byte < 0x20)) {
        return put_string(out, std::str::from_utf8(line).unwrap_or_default());
    }
    out.push(b'"');
    line.chunks(BLOCK_BYTES).for_each(|block| put_block(block, out));
    out.push(b'"');
}

fn put_block(block: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    // Each byte may need a backslash, and a word is written as a whole.
    out.resize(start + 2 * block.len() + WORD_BYTES, 0);
    let (words, tail) = block.as_chunks::<WORD_BYTES>();
    let room = out.get_mut(start..).unwrap_or_default();
    let mut written = 0;
    for word in words {
        written += put_word(u64::from_le_bytes(*word), room, written);
    }
    for byte in tail {
        if matches!(byte, b'"' | b'\\') {
            put_byte(b'\\', room, &mut written);
        }
        put_byte(*byte, room, &mut written);
    }
    out.truncate(start + written);
}

/// Writes eight bytes at this place of the room. Returns the number of bytes with their backslashes.
#[inline(always)]
fn put_word(word: u64, room: &mut [u8], place: usize) -> usize {
    copy_word(word, room, place);
    let mut escapes = escapes(word);
    let mut backslashes = 0;
    while escapes != 0 {
        let bit = escapes.trailing_zeros() & !7;
        // The backslash, and the byte with all that is behind it.
        let byte = place + bit as usize / 8 + backslashes;
        if let Some(escape) = room.get_mut(byte) {
            *escape = b'\\';
        }
        copy_word(word >> bit, room, byte + 1);
        backslashes += 1;
        escapes &= escapes - 1;
    }
    WORD_BYTES + backslashes
}

#[inline(always)]
fn copy_word(word: u64, room: &mut [u8], place: usize) {
    if let Some(bytes) = room.get_mut(place..).and_then(|room| room.first_chunk_mut::<WORD_BYTES>()) {
        *bytes = word.to_le_bytes();
    }
}

#[inline(always)]
fn put_byte(byte: u8, room: &mut [u8], place: &mut usize) {
    if let Some(target) = room.get_mut(*place) {
        *target = byte;
        *place += 1;
    }
}

/// The high bit of each byte that is a quote or a backslash.
#[inline(always)]
const fn escapes(word: u64) -> u64 {
    zeros(word ^ (LOW_BITS * b'"' as u64)) | zeros(word ^ (LOW_BITS * b'\\' as u64))
}

/// The high bit of each byte that is 0, and of no other: the sum of a byte does not overflow into the next one.
#[inline(always)]
const fn zeros(word: u64) -> u64 {
    !(((word & !HIGH_BITS) + !HIGH_BITS) | word) & HIGH_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str) {
        let mut out = b"front".to_vec();
        put_line(line, &mut out);
        let json = out.strip_prefix(b"front").unwrap();
        assert_eq!(serde_json::from_slice::<String>(json).unwrap(), line);
    }

    #[test]
    fn a_line_is_read_as_it_was_wherever_its_escapes_are() {
        for length in 0..20 {
            for marks in 0_u32..1 << length.min(10) {
                let mark = |place: usize| if marks >> (place % 10) & 1 == 0 { 'x' } else { ['"', '\\'][place % 2] };
                check(&(0..length).map(mark).collect::<String>());
            }
        }
    }

    #[test]
    fn a_line_of_several_blocks_is_whole() {
        for length in [BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 5 * BLOCK_BYTES + 3] {
            for text in ["\"", "\\", "a", "ab\"", "größe \"", "\u{7f}\u{80}<", "\u{202e}!#[]"] {
                check(&text.repeat(length));
            }
        }
    }

    #[test]
    fn a_line_with_control_characters_is_one_string() {
        check("a\n\"b\"\t\u{0}\u{1f}\u{85}");
        check(&"\n".repeat(2 * BLOCK_BYTES));
    }

    #[test]
    fn only_quotes_and_backslashes_are_escaped() {
        let mut out = Vec::new();
        put_line(r#"{"a":"<b>\n"}"#, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#""{\"a\":\"<b>\\n\"}""#);
    }
}
