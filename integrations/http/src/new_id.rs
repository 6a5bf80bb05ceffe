//! New ids for requests: UUIDs of version 7.

use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
    time::{SystemTime, UNIX_EPOCH},
};

/// Bytes of a UUID as text.
const TEXT_BYTES: usize = 36;

/// A UUID of version 7 (RFC 9562, section 5.7) as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NewId([u8; TEXT_BYTES]);

impl NewId {
    /// An id that no other request has.
    ///
    /// The random bits are a keyed hash (SipHash) of a counter and the time, with a key that the system's randomness gave the
    /// thread once. So an id costs no system call. It is unique, and cannot be guessed; it is no secret, because each response
    /// shows it.
    pub(crate) fn generate() -> Self {
        thread_local! {
            static RANDOM: (RandomState, Cell<u64>) = (RandomState::new(), const { Cell::new(0) });
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // The nanoseconds keep the ids of a forked child apart from those of its parent: both have one key and one counter.
        let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let random = RANDOM.try_with(|(keys, counter)| {
            let number = counter.get().wrapping_add(1);
            counter.set(number);
            [keys.hash_one((nanos, number, 0_u8)), keys.hash_one((nanos, number, 1_u8))]
        });
        // The thread ends, and its variables are gone: keys for this id alone.
        let random = random.unwrap_or_else(|_| {
            let keys = RandomState::new();
            [keys.hash_one((nanos, 0_u8)), keys.hash_one((nanos, 1_u8))]
        });
        Self::of(nanos / 1_000_000, random)
    }

    fn of(millis: u64, [high, low]: [u64; 2]) -> Self {
        const VERSION: u128 = 0x7000 << 64;
        const VARIANT: u128 = 0b10 << 126 >> 64;
        let time = u128::from(millis & 0xFFFF_FFFF_FFFF) << 80;
        let random = (u128::from(high & 0xFFF) << 64) | u128::from(low & 0x3FFF_FFFF_FFFF_FFFF);
        Self(as_text(time | VERSION | VARIANT | random))
    }

    pub(crate) fn as_str(&self) -> &str {
        // ASCII is UTF-8.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The 32 digits in five groups, as in `018bcfe5-687b-7def-8123-456789abcdef`.
fn as_text(bits: u128) -> [u8; TEXT_BYTES] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; TEXT_BYTES];
    let places = text.iter_mut().enumerate().filter(|(index, _)| !matches!(index, 8 | 13 | 18 | 23));
    for (digit, (_, place)) in places.enumerate() {
        let nibble = (bits >> (124 - 4 * digit)) & 0xF;
        *place = DIGITS.get(nibble as usize).copied().unwrap_or(b'0');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_example_of_the_rfc_comes_out() {
        // RFC 9562, appendix A.6.
        let id = NewId::of(0x017F_22E2_79B0, [0xCC3, 0x18C4_DC0C_0C07_398F]);
        assert_eq!(id.as_str(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    }

    #[test]
    fn ids_of_several_threads_differ() {
        let make = || (0..1000).map(|_| NewId::generate().0).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(make)).collect();
        let ids: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(ids.len(), 4000);
    }

    #[test]
    fn version_and_variant_are_set_whatever_the_random_bits_are() {
        for random in [[0, 0], [u64::MAX, u64::MAX]] {
            let id = NewId::of(u64::MAX, random);
            let text = id.as_str();
            assert_eq!(&text[14..15], "7");
            assert!(["8", "b"].contains(&&text[19..20]), "{text}");
        }
    }

    #[test]
    fn ids_sort_by_time() {
        let earlier = NewId::of(1, [u64::MAX; 2]);
        let later = NewId::of(2, [0; 2]);
        assert!(earlier.as_str() < later.as_str());
    }
}
