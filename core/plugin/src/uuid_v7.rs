//! Ids that sort by time: UUIDs of version 7.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use fapilog_record::timestamp::Timestamp;

/// Bytes of an id as text.
pub const TEXT_BYTES: usize = 36;

/// The random bits of an id; version and variant replace six of them.
pub type RandomPart = [u8; 10];

/// A UUID of version 7 (RFC 9562, section 5.7): 48 bits of milliseconds since 1970, then 74 random bits.
///
/// ```
/// use fapilog_plugin::{timestamp::Timestamp, uuid_v7::{UuidV7, random_part}};
///
/// let id = UuidV7::new(Timestamp::from_unix_nanos(1_700_000_000_123_000_000), random_part());
/// assert!(id.to_string().starts_with("018bcfe5-687b-7"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UuidV7([u8; 16]);

impl UuidV7 {
    /// The id of this time and these bits.
    #[must_use]
    pub fn new(time: Timestamp, random: RandomPart) -> Self {
        let [_, _, a, b, c, d, e, f] = (time.unix_nanos() / 1_000_000).to_be_bytes();
        let [version, g, variant, h, i, j, k, l, m, n] = random;
        Self([a, b, c, d, e, f, version & 0x0F | 0x70, g, variant & 0x3F | 0x80, h, i, j, k, l, m, n])
    }

    /// The 16 bytes, in the order of the text.
    #[must_use]
    pub fn into_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Writes the text, as in `018bcfe5-687b-7def-8123-456789abcdef`, and returns it.
    pub fn encode(self, buffer: &mut [u8; TEXT_BYTES]) -> &mut str {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
        let mut places = buffer.iter_mut();
        for (index, byte) in self.0.into_iter().enumerate() {
            let hyphen = matches!(index, 4 | 6 | 8 | 10).then_some(b'-');
            let text = hyphen.into_iter().chain([digit(byte >> 4), digit(byte & 0xF)]);
            text.for_each(|character| places.by_ref().take(1).for_each(|place| *place = character));
        }
        // ASCII is UTF-8.
        std::str::from_utf8_mut(buffer).unwrap_or_default()
    }
}

/// The text, in lower case.
impl fmt::Display for UuidV7 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encode(&mut [0; TEXT_BYTES]))
    }
}

/// Random bits of the system. On a system without randomness, a counter stands in for them: the ids of a process still
/// differ from each other.
#[must_use]
pub fn random_part() -> RandomPart {
    random_part_of(getrandom::fill)
}

fn random_part_of(fill: impl FnOnce(&mut [u8]) -> Result<(), getrandom::Error>) -> RandomPart {
    let mut random = RandomPart::default();
    if fill(&mut random).is_err() {
        random = counted_part();
    }
    random
}

/// A part that differs from every other of the process. It stands in for random bits on a system without randomness.
#[must_use]
pub fn counted_part() -> RandomPart {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Relaxed: the number differs from all others, and orders nothing.
    let [a, b, c, d, e, f, g, h] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    [0, 0, a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn at_millis(millis: u64) -> Timestamp {
        Timestamp::from_unix_nanos(millis * 1_000_000)
    }

    #[test]
    fn the_example_of_the_rfc_comes_out() {
        // RFC 9562, appendix A.6.
        let random = [0x0C, 0xC3, 0x18, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F];
        let id = UuidV7::new(at_millis(0x017F_22E2_79B0), random);
        assert_eq!(id.to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
        assert_eq!(id.into_bytes()[..2], [0x01, 0x7F]);
    }

    #[test]
    fn version_and_variant_are_set_whatever_the_random_bits_are() {
        for byte in [0x00, 0xFF, 0x5A] {
            let text = UuidV7::new(at_millis(1), [byte; 10]).to_string();
            assert_eq!((&text[14..15], text.len()), ("7", TEXT_BYTES));
            assert!(["8", "9", "a", "b"].contains(&&text[19..20]), "{text}");
        }
    }

    #[test]
    fn ids_sort_by_time() {
        let earlier = UuidV7::new(at_millis(1), [0xFF; 10]);
        let later = UuidV7::new(at_millis(2), [0; 10]);
        assert!(earlier < later && earlier.to_string() < later.to_string());
    }

    #[test]
    fn without_randomness_ids_of_a_process_still_differ() {
        let part = || random_part_of(|_| Err(getrandom::Error::UNSUPPORTED));
        let ids: HashSet<_> = (0..1000).map(|_| UuidV7::new(at_millis(1), part())).collect();
        assert_eq!(ids.len(), 1000);
        assert_ne!(random_part(), random_part());
    }
}
