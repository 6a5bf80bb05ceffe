//! Bytes of a body, counted where the body is read.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Counts the bytes of a request's body. The handler reads the body, and the exchange logs the sum.
#[derive(Debug, Clone, Default)]
pub struct ByteCounter(Arc<AtomicU64>);

impl ByteCounter {
    /// Adds bytes.
    pub fn add(&self, bytes: u64) {
        // Relaxed: a sum that orders nothing.
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The sum so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        // Relaxed: a sum that orders nothing.
        self.0.load(Ordering::Relaxed)
    }
}
