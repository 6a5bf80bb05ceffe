//! The source of a shard's batches: its rings, and all that makes events of their frames.

use std::sync::Arc;

use fapilog_record::call_site::DescriptorCache;
use fapilog_ring::seeded;

use crate::{
    clock::anchor::StampClock,
    port::{NewRing, ShardPort, hand_over::HandOver},
    producer::{Frontend, sources::SourceCache},
    shard::{in_band::LossReports, loss_place::LossPlace, ring_state::RingState},
};

/// The rings of a shard, with the caches that its events need.
pub(super) struct ShardSource {
    port: Arc<ShardPort>,
    frontend: Arc<Frontend>,
    pub(super) rings: Vec<RingState>,
    pub(super) registered: u64,
    /// The ring that the next group of merged rings starts with.
    pub(super) first: usize,
    pub(super) descriptors: DescriptorCache,
    pub(super) sources: SourceCache,
    pub(super) has_unknown_source: bool,
    pub(super) clock: StampClock,
    pub(super) losses: LossReports,
    /// Rings of an abandoned shard are among its rings. They come first, and so do their frames: threads go on in other rings.
    has_held_rings: bool,
}

impl ShardSource {
    pub(super) fn new(port: &Arc<ShardPort>, frontend: &Arc<Frontend>) -> Self {
        Self {
            port: Arc::clone(port),
            frontend: Arc::clone(frontend),
            rings: Vec::new(),
            registered: 0,
            first: 0,
            descriptors: DescriptorCache::new(),
            sources: SourceCache::new(Arc::clone(&frontend.sources)),
            has_unknown_source: false,
            clock: StampClock::new(frontend.stamps()),
            losses: LossReports::default(),
            has_held_rings: false,
        }
    }

    /// Takes over from a shard that was abandoned.
    ///
    /// # Safety
    /// That shard touches nothing of the port or of its rings any more, but for frames that it was given: rules 3 and 4 of the
    /// [take-over](crate::watchdog::take_over).
    pub(super) unsafe fn take_over(&mut self, hand_over: &HandOver) {
        debug_assert!(self.rings.is_empty(), "a shard takes over that has rings");
        // SAFETY: the caller promises that the abandoned shard touches no ring any more.
        self.rings.extend(hand_over.rings().into_iter().map(|ring| unsafe { RingState::take_over(ring) }));
        self.has_held_rings = true;
        self.registered = self.port.registrations.handed_out();
        self.losses.skip(&hand_over.accounts().known);
    }

    pub(super) fn is_pass_over(&self) -> bool {
        self.rings.iter().all(RingState::is_walked)
    }

    pub(super) fn adopt_rings(&mut self) {
        let (rings, hand_over) = (&mut self.rings, self.port.hand_over.get());
        self.port
            .registrations
            .take_new(&mut self.registered, |ring: NewRing| rings.push(RingState::new(ring, hand_over)));
    }

    pub(super) fn take_snapshots(&mut self) {
        if self.has_held_rings {
            self.first = 0;
        }
        let mut fullest = 0;
        for ring in &mut self.rings {
            fullest = fullest.max(ring.take_snapshot());
        }
        self.port.ring_fill.record(fullest as u64);
    }

    /// Collects the losses of threads.
    pub(super) fn collect_losses(&mut self) {
        for ring in &mut self.rings {
            add_losses(ring, &mut self.losses);
        }
    }

    /// Takes back rings whose threads are gone.
    pub(super) fn retire_rings(&mut self) {
        for mut ring in self.rings.extract_if(.., |ring| ring.is_finished()) {
            add_losses(&mut ring, &mut self.losses);
            self.frontend.lane_registry.leave(&ring.counters);
            if let Some(hand_over) = self.port.hand_over.get() {
                hand_over.remove_ring(&ring.counters);
            }
            let is_kept = ring.into_consumer().into_idle().is_ok_and(|idle| self.port.keep_idle(idle));
            if !is_kept {
                self.frontend.forget_ring();
            }
        }
    }

    /// Whether every ring is empty, those that have just been registered among them.
    pub(super) fn is_drained(&mut self) -> bool {
        self.adopt_rings();
        self.rings.iter().all(RingState::is_drained)
    }

    /// Whether a ring was registered, filled or closed since the last look.
    pub(super) fn has_something_to_take(&self) -> bool {
        let has_new_ring =
            !self.port.registrations.is_seen(self.registered) && !seeded::bug("last_look_without_new_rings");
        let has_closed_ring =
            self.rings.iter().any(RingState::is_closed) && !seeded::bug("last_look_without_closed_rings");
        has_new_ring || has_closed_ring || !self.rings.iter().all(RingState::is_drained)
    }
}

fn add_losses(ring: &mut RingState, reports: &mut LossReports) {
    if let Some(new) = ring.counters.refused.lost.read_new(&mut ring.reported) {
        reports.add(LossPlace::Threads, &new);
    }
}
