//! The errors of a ring, as data.

use thiserror::Error;

/// Why a [`Capacity`](crate::Capacity) was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CapacityError {
    /// The capacity is not a power of two, or outside the range a ring can have.
    #[error("ring capacity_bytes is {capacity_bytes}; it must be a power of two from {min_bytes} to {max_bytes}")]
    Capacity {
        /// The requested size.
        capacity_bytes: usize,
        /// The least that is allowed.
        min_bytes: usize,
        /// The most that is allowed.
        max_bytes: usize,
    },
    /// The longest payload does not fit the ring.
    #[error(
        "ring payload_max_bytes is {payload_max_bytes}; it must be from 1 to {max_bytes}, a quarter of the ring's capacity less the frame header"
    )]
    Payload {
        /// The requested size.
        payload_max_bytes: usize,
        /// The most that is allowed with this capacity.
        max_bytes: usize,
    },
}

/// The system refused memory for a ring.
#[derive(Debug, Error)]
#[error("no memory for a ring of {bytes} bytes")]
pub struct StorageError {
    /// The number of bytes asked for.
    pub bytes: usize,
    /// The system's error.
    #[source]
    pub source: std::io::Error,
}

/// Why [`Producer::reserve`](crate::Producer::reserve) gave no grant. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// The consumer has not yet released enough bytes; trying again later can succeed.
    #[error("the ring is full: {wanted_bytes} bytes wanted, {free_bytes} free")]
    Full {
        /// The frame's length with its header, rounded up to the frame alignment, and the space to be left free.
        wanted_bytes: usize,
        /// The number of free bytes.
        free_bytes: usize,
    },
    /// The payload is longer than this ring ever takes.
    #[error("a payload of {payload_bytes} bytes is too long: this ring takes at most {payload_max_bytes}")]
    TooLong {
        /// The requested size.
        payload_bytes: usize,
        /// The longest payload of this ring.
        payload_max_bytes: usize,
    },
    /// The ring is full and its consumer is gone: no space will ever come.
    #[error("the ring is full and its consumer is gone")]
    Abandoned,
}
