//! Strings and numbers: where they end, by RFC 8259.

/// The end of a string, behind its closing quote.
pub(super) struct StringEnd {
    pub(super) end: usize,
    pub(super) has_escapes: bool,
}

/// Reads a string whose opening quote is at `start`. The bytes are UTF-8.
pub(super) fn string_end(bytes: &[u8], start: usize) -> Option<StringEnd> {
    let mut has_escapes = false;
    let mut at = start + 1;
    loop {
        at += special_in(bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => return Some(StringEnd { end: at + 1, has_escapes }),
            b'\\' => {
                has_escapes = true;
                at = escape_end(bytes, at)?;
            }
            _ => return None,
        }
    }
}

/// The first byte that cannot stand in a string as it is: a quote, a backslash, or a control character.
#[inline]
fn special_in(tail: &[u8]) -> Option<usize> {
    let (words, last) = tail.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let special = specials_of(u64::from_le_bytes(*word));
        if special != 0 {
            return Some(index * 8 + special.trailing_zeros() as usize / 8);
        }
    }
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    last.iter().position(is_special).map(|at| words.len() * 8 + at)
}

/// A bit for the first special byte of eight. Bytes behind it may have bits too, because a subtraction borrows from them.
#[inline]
const fn specials_of(word: u64) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = LOW << 7;
    const fn below(word: u64, bound: u8) -> u64 {
        word.wrapping_sub(LOW * bound as u64) & !word & HIGH
    }
    let (quote, backslash) = (word ^ (LOW * b'"' as u64), word ^ (LOW * b'\\' as u64));
    below(word, 0x20) | below(quote, 1) | below(backslash, 1)
}

/// The end of an escape whose backslash is at `at`. Halves of surrogate pairs come in pairs.
fn escape_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => match code_unit(bytes, at)? {
            0xd800..=0xdbff => matches!(code_unit(bytes, at + 6)?, 0xdc00..=0xdfff).then_some(at + 12),
            0xdc00..=0xdfff => None,
            _ => Some(at + 6),
        },
        _ => None,
    }
}

/// The code unit of `\uNNNN`.
pub(super) fn code_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0_u16, |unit, &digit| {
        let value = char::from(digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(value).ok()?)
    })
}

/// The end of a number that begins at `start`.
pub(crate) fn number_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + usize::from(bytes.get(start) == Some(&b'-'));
    at = match bytes.get(at)? {
        b'0' => at + 1,
        b'1'..=b'9' => digits_end(bytes, at),
        _ => return None,
    };
    if bytes.get(at) == Some(&b'.') {
        at = some_digits_end(bytes, at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let has_sign = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
        at = some_digits_end(bytes, at + 1 + usize::from(has_sign))?;
    }
    Some(at)
}

fn some_digits_end(bytes: &[u8], start: usize) -> Option<usize> {
    Some(digits_end(bytes, start)).filter(|&end| end > start)
}

fn digits_end(bytes: &[u8], start: usize) -> usize {
    start + bytes.iter().skip(start).take_while(|byte| byte.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_special_byte_is_found(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'a'), 0x1e..0x24_u8], 0..40)) {
            let expected = bytes.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\');
            prop_assert_eq!(special_in(&bytes), expected);
        }
    }
}
