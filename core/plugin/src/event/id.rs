//! The id of an event.

use std::fmt;

/// Producer and sequence number: no other event of the container has both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// The producer's number in the container, from 1.
    pub producer: u32,
    /// The event's number at its producer, from 1.
    pub sequence: u64,
}

/// `producer-sequence`, as in `3-1024`.
impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.producer, self.sequence)
    }
}
