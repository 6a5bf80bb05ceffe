//! Control characters in lines: their search, and their escapes in JSON.

pub(super) use fapilog_record::text::control::is_control;
use fapilog_record::text::hex::hex;

/// Appends the escape of a character in a JSON string: `\uNNNN`, two of them above U+FFFF (RFC 8259, section 7).
pub(super) fn put_code(out: &mut Vec<u8>, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.extend_from_slice(b"\\u");
        let [high, low] = unit.to_be_bytes();
        out.extend_from_slice(&hex(high));
        out.extend_from_slice(&hex(low));
    }
}

/// Whether a control character beyond ASCII may start with this byte of UTF-8: those up to U+00BF, of U+0340 to U+037F, of
/// U+0600 to U+063F, of U+1000 to U+3FFF, of U+F000 to U+FFFF, and above.
#[inline(always)]
pub(super) const fn may_start_control(byte: u8) -> bool {
    (byte == 0xc2)
        | (byte == 0xcd)
        | (byte == 0xd8)
        | ((byte >= 0xe1) & (byte <= 0xe3))
        | (byte == 0xef)
        | (byte >= 0xf0)
}

/// Distance of a byte from the closest one that [`may_start_control`]: zero for those.
#[inline(always)]
pub(super) fn distance_to_control_start(byte: u8) -> u8 {
    // 0xc2 and 0xe2 differ in one bit, and so do 0xe1 and 0xe3.
    let of_three = ((byte | 0x20) ^ 0xe2).min((byte | 2) ^ 0xe3).min(byte ^ 0xcd).min(byte ^ 0xd8);
    // From 0xef on.
    of_three.min(0xef_u8.saturating_sub(byte))
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
