//! A ring between two owners.

use crate::{
    consumer::Consumer,
    producer::Producer,
    shared::SharedRing,
    storage::{Capacity, Storage},
    sync::{Arc, Ordering},
};

/// A ring without a writer and a reader: new, or closed and read to its end (rule 7).
///
/// Making a ring costs about a millisecond, most of it for touching its pages; keeping one costs nothing.
#[derive(Debug)]
pub struct IdleRing {
    shared: Arc<SharedRing>,
}

impl IdleRing {
    /// A new ring on `storage`.
    #[must_use]
    pub fn new(storage: Storage) -> Self {
        Self { shared: Arc::new(SharedRing::new(storage)) }
    }

    pub(crate) fn reclaimed(shared: Arc<SharedRing>) -> Self {
        Self { shared }
    }

    /// Puts the ring to use under the next generation.
    #[must_use]
    pub fn split(self) -> (Producer, Consumer) {
        let shared = self.shared;
        // Relaxed: as below.
        debug_assert!(shared.closed.load(Ordering::Relaxed), "rule 7: a ring is closed before it has a new owner");
        // Relaxed, all three: the ring is ours alone (rule 7); a thread that receives an end synchronises on the
        // hand-over.
        shared.generation.fetch_add(1, Ordering::Relaxed);
        shared.abandoned.store(false, Ordering::Relaxed);
        shared.closed.store(false, Ordering::Relaxed);
        (Producer::new(Arc::clone(&shared)), Consumer::new(shared))
    }

    /// The size it was made for.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.shared.storage.capacity()
    }
}
