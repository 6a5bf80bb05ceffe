//! Characters that can do harm where a line is printed.

/// Whether a character can do harm where it is printed: it moves a cursor, ends a line, or reverses text.
///
/// These are C0, DEL and C1 (ECMA-48: the starts of a terminal's sequences are among them), the line and paragraph
/// separators, and the controls of bidirectional text (Unicode Standard Annex 9, section 2).
pub(super) const fn is_control(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f'
        | '\x7f'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}')
}

/// Whether a control character beyond ASCII may start with this byte of UTF-8: those up to U+00BF, of U+0600 to U+063F, and
/// of U+2000 to U+2FFF.
#[inline(always)]
pub(super) const fn may_start_control(byte: u8) -> bool {
    (byte == 0xc2) | (byte == 0xd8) | (byte == 0xe2)
}

/// Distance of a byte from the closest one that [`may_start_control`]: zero for those.
#[inline(always)]
pub(super) fn distance_to_control_start(byte: u8) -> u8 {
    // 0xc2 and 0xe2 differ in one bit.
    ((byte | 0x20) ^ 0xe2).min(byte ^ 0xd8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_may_start_a_control_character_where_its_distance_is_none() {
        assert!((0..=u8::MAX).all(|byte| may_start_control(byte) == (distance_to_control_start(byte) == 0)));
    }

    #[test]
    fn every_control_character_beyond_ascii_starts_with_a_byte_that_is_looked_at() {
        for c in ('\u{80}'..=char::MAX).filter(|c| is_control(*c)) {
            assert!(may_start_control(c.encode_utf8(&mut [0; 4]).as_bytes()[0]), "{c:?}");
        }
    }
}
