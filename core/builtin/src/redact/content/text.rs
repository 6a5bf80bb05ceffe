//! The text under the scan: reads that cannot fail, and the limits of words.

/// Bytes that are mostly UTF-8. A place outside of them reads as zero, which is in no class.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScannedText<'a>(pub(super) &'a [u8]);

impl<'a> ScannedText<'a> {
    #[inline]
    pub(super) const fn len(self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(super) fn at(self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// The byte before a place.
    #[inline]
    pub(super) fn before(self, at: usize) -> u8 {
        self.nth_before(at, 1)
    }

    /// The byte that stands `distance` bytes before a place.
    #[inline]
    pub(super) fn nth_before(self, at: usize, distance: usize) -> u8 {
        at.checked_sub(distance).map_or(0, |before| self.at(before))
    }

    /// The bytes from `start` to `end`; none if there are no such.
    pub(super) fn part(self, start: usize, end: usize) -> &'a [u8] {
        self.0.get(start..end).unwrap_or_default()
    }

    pub(super) fn has(self, at: usize, expected: &[u8]) -> bool {
        self.0.get(at..).is_some_and(|tail| tail.starts_with(expected))
    }

    /// Whether the text has this, in lower or upper case. `expected` is in lower case.
    pub(super) fn has_in_any_case(self, at: usize, expected: &[u8]) -> bool {
        self.0.get(at..at + expected.len()).is_some_and(|found| found.eq_ignore_ascii_case(expected))
    }

    /// The end of the bytes from `start` on that are of a class: at most `limit` of them.
    pub(super) fn run(self, start: usize, limit: usize, is: impl Fn(u8) -> bool) -> usize {
        let tail = self.0.get(start..).unwrap_or_default();
        start + tail.iter().take(limit).take_while(|byte| is(**byte)).count()
    }

    /// The start of the bytes before `end` that are of a class: at most `limit` of them.
    pub(super) fn run_back(self, end: usize, limit: usize, is: impl Fn(u8) -> bool) -> usize {
        let head = self.0.get(..end).unwrap_or_default();
        end - head.iter().rev().take(limit).take_while(|byte| is(**byte)).count()
    }

    /// Whether a word may begin at this place: no letter and no digit before it, or only as a part of `\n` or `%20`.
    #[inline]
    pub(super) fn starts_word(self, at: usize) -> bool {
        !self.before(at).is_ascii_alphanumeric() || self.follows_escape(at)
    }

    fn follows_escape(self, at: usize) -> bool {
        let second = self.nth_before(at, 2);
        second == b'\\' || self.nth_before(at, 3) == b'%' && second.is_ascii_hexdigit()
    }

    /// Whether a word that began before this place has its end at this place.
    #[inline]
    pub(super) fn ends_word(self, at: usize) -> bool {
        !self.at(at).is_ascii_alphanumeric()
    }
}

/// The number of different bytes, of the first 64.
pub(super) fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes
        .iter()
        .take(64)
        .filter(|byte| seen.get_mut(usize::from(**byte)).is_some_and(|seen| !std::mem::replace(seen, true)))
        .count()
}

/// Whether bytes look random enough for the body of a token: no `xxxxxxxx`, no `12341234`.
pub(super) fn is_diverse(bytes: &[u8]) -> bool {
    distinct(bytes) >= 6.min(bytes.len())
}

/// The entropy of a byte in bits, by the counts in these bytes (the first 128).
pub(super) fn entropy_bits(bytes: &[u8]) -> f32 {
    let bytes = bytes.get(..128).unwrap_or(bytes);
    let mut counts = [0_u8; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = bytes.len() as f32;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f32::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

/// Whether these bytes look like a secret beside a keyword: long, of letters and digits, and no repetition.
pub(super) fn is_high_entropy(bytes: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| bytes.iter().any(is);
    let is_hex = bytes.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    let needed = if is_hex { 2.8 } else { 3.2 };
    bytes.len() >= 16 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && entropy_bits(bytes) >= needed
}

pub(super) fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_starts_after_an_escape() {
        for (text, at, starts) in [
            ("a1", 1, false),
            ("-a", 1, true),
            ("a", 0, true),
            (r"x\na", 3, true),
            ("x%20a", 4, true),
            ("x200a", 4, false),
        ] {
            assert_eq!(ScannedText(text.as_bytes()).starts_word(at), starts, "{text}");
        }
    }

    #[test]
    fn random_text_is_of_high_entropy_and_words_are_not() {
        assert!(is_high_entropy(b"9f86d081884c7d659a2feaa0c55ad015"));
        assert!(is_high_entropy(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
        assert!(!is_high_entropy(b"authenticationManager"));
        assert!(!is_high_entropy(b"1111111111111111a"));
    }
}
