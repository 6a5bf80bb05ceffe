//! The id of an event.

use std::{
    fmt, process,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Serialize, Serializer};

/// Container, producer and sequence number: no other event has the same, of whatever process or machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct EventId {
    /// The container.
    pub instance: InstanceId,
    /// The producer's number in the container, from 1; 0 for the library itself.
    pub producer: u32,
    /// The event's number at its producer, from 1.
    pub sequence: u64,
}

/// `instance-producer-sequence`, as in `4fk2m09q7vh1-3-1024`.
impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.instance, self.producer, self.sequence)
    }
}

/// The random number of a container: no other container has it, of whatever process or machine. It has 60 bits: among a
/// million containers, two share a number with a probability of one to two million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct InstanceId(u64);

impl InstanceId {
    /// Characters of an id as text.
    pub const TEXT_BYTES: usize = 12;

    /// A new id: random bits of the system. Hidden, because only the engine makes containers.
    #[doc(hidden)]
    #[must_use]
    pub fn random() -> Self {
        let mut random = [0; 8];
        Self(match getrandom::fill(&mut random) {
            Ok(()) => u64::from_ne_bytes(random) & Self::MASK,
            Err(_) => Self::of_the_moment(),
        })
    }

    /// The number. Hidden, because only the engine stores it.
    #[doc(hidden)]
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The instance of a number that was stored.
    #[doc(hidden)]
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits & Self::MASK)
    }

    const MASK: u64 = (1 << (Self::BITS_A_CHARACTER * Self::TEXT_BYTES as u32)) - 1;
    const BITS_A_CHARACTER: u32 = 5;

    /// Bits of time, process and a counter, for a system without randomness.
    fn of_the_moment() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Relaxed: the number differs from all others, and orders nothing.
        let count = NEXT.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        (now ^ (u64::from(process::id()) << 30)).wrapping_add(count << 50) & Self::MASK
    }

    /// The text: digits of base 32 (RFC 4648, section 7, in lower case), the highest first.
    #[must_use]
    pub fn encode(self) -> [u8; Self::TEXT_BYTES] {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
        let mut text = [b'0'; Self::TEXT_BYTES];
        let mut left = self.0;
        for place in text.iter_mut().rev() {
            *place = DIGITS.get((left % 32) as usize).copied().unwrap_or(b'0');
            left /= 32;
        }
        text
    }
}

/// Twelve characters, as in `4fk2m09q7vh1`.
impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ASCII is UTF-8.
        f.write_str(std::str::from_utf8(&self.encode()).unwrap_or_default())
    }
}

/// As its text.
impl Serialize for InstanceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_event_id_has_instance_producer_and_sequence() {
        let id = EventId { instance: InstanceId(32 * 31 + 10), producer: 3, sequence: 1024 };
        assert_eq!(id.to_string(), "0000000000va-3-1024");
    }

    #[test]
    fn the_greatest_instance_fills_its_text() {
        assert_eq!(InstanceId(InstanceId::MASK).to_string(), "vvvvvvvvvvvv");
    }

    #[test]
    fn instances_differ_with_and_without_randomness() {
        let random: HashSet<_> = (0..1000).map(|_| InstanceId::random()).collect();
        let moments: HashSet<_> = (0..1000).map(|_| InstanceId::of_the_moment()).collect();
        assert_eq!((random.len(), moments.len()), (1000, 1000));
        assert!(random.iter().all(|id| id.0 <= InstanceId::MASK));
    }
}
