//! Figures of a sink's deliveries. The drain writes them, and any thread reads them; nothing depends on them, so that no model
//! need see them.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::accounts::BreakerState;

/// A figure with one writer.
#[derive(Debug, Default)]
pub(crate) struct Figure(AtomicU64);

impl Figure {
    #[inline]
    pub(crate) fn set(&self, value: u64) {
        // Relaxed: see the module.
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, value: u64) {
        self.set(self.get().wrapping_add(value));
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: see the module.
        self.0.load(Ordering::Relaxed)
    }
}

/// The figures of one sink of one shard.
#[derive(Debug, Default)]
pub(crate) struct DeliveryFigures {
    pub(crate) queued_payloads: Figure,
    pub(crate) queued_bytes: Figure,
    /// The time of the oldest event that waits, in nanoseconds of Unix time; 0: none waits.
    pub(crate) oldest_unix_nanos: Figure,
    /// Attempts whose time was up.
    pub(crate) timeouts: Figure,
    /// Events that the fallback has delivered. The delivered ones have them, too.
    pub(crate) fell_back: Figure,
    /// Payloads on disk that are not delivered, with their events and bytes.
    pub(crate) spilled_payloads: Figure,
    pub(crate) spilled_events: Figure,
    pub(crate) spilled_bytes: Figure,
    /// Events that went to disk so far.
    pub(crate) spilled: Figure,
    /// Events from disk that are delivered.
    pub(crate) replayed: Figure,
    /// Events in the file for dead letters.
    pub(crate) dead_lettered: Figure,
    /// Events that an earlier container has stored, and those of them that are delivered and lost.
    pub(crate) recovered: Figure,
    pub(crate) recovered_delivered: Figure,
    pub(crate) recovered_lost: Figure,
    breaker: AtomicU8,
}

impl DeliveryFigures {
    pub(crate) fn set_breaker(&self, state: BreakerState) {
        // Relaxed: see the module.
        self.breaker.store(state as u8, Ordering::Relaxed);
    }

    pub(crate) fn breaker(&self) -> BreakerState {
        // Relaxed: see the module.
        let byte = self.breaker.load(Ordering::Relaxed);
        let states = [BreakerState::Closed, BreakerState::HalfOpen, BreakerState::Open];
        states.into_iter().find(|state| *state as u8 == byte).unwrap_or_default()
    }
}
