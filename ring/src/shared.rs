//! The words that both sides of a ring share.

use crossbeam_utils::CachePadded;

use crate::{
    seeded,
    storage::Storage,
    sync::{Arc, AtomicBool, AtomicU32, AtomicU64, Ordering},
};

/// The state that producer and consumer share. Each word is written by a single side, on cache lines of its own.
#[derive(Debug)]
pub(crate) struct SharedRing {
    /// Position behind the last whole frame. Written by the producer.
    pub(crate) published: CachePadded<AtomicU64>,
    /// Position below which all bytes are free again. Written by the consumer.
    pub(crate) released: CachePadded<AtomicU64>,
    /// The producer is gone. Written once a generation.
    pub(crate) closed: CachePadded<AtomicBool>,
    /// The consumer is gone. Written once.
    pub(crate) abandoned: AtomicBool,
    /// The number of producers that the ring has had.
    pub(crate) generation: AtomicU32,
    pub(crate) storage: Storage,
}

impl SharedRing {
    pub(crate) fn new(storage: Storage) -> Self {
        Self {
            published: CachePadded::new(AtomicU64::new(0)),
            released: CachePadded::new(AtomicU64::new(0)),
            closed: CachePadded::new(AtomicBool::new(true)),
            abandoned: AtomicBool::new(false),
            generation: AtomicU32::new(0),
            storage,
        }
    }
}

/// Looks at a ring from any thread, for metrics.
#[derive(Debug, Clone)]
pub struct RingGauge {
    pub(crate) shared: Arc<SharedRing>,
}

impl RingGauge {
    /// Bytes published and not yet released, at about this moment.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        // Nothing is read on the strength of this figure. `released` first and acquire (rule 2): the consumer had seen
        // `published` at least as high before it stored it, so the difference errs upwards and never below zero.
        // Relaxed for `published`: ordered by that.
        let released = self.shared.released.load(seeded::ordering(Ordering::Acquire, "gauge_relaxed"));
        let published = self.shared.published.load(Ordering::Relaxed);
        published.saturating_sub(released)
    }

    /// Bytes that the ring can hold.
    #[must_use]
    pub fn capacity_bytes(&self) -> u64 {
        self.shared.storage.capacity().capacity_bytes() as u64
    }
}
