//! From rings to a batch.

use bumpalo::Bump;
use fapilog_plugin::event::{Batch, Event};
use fapilog_record::call_site::DescriptorCache;

use crate::{
    clock::anchor::StampClock,
    order::EventOrder,
    producer::sources::SourceCache,
    shard::ring_state::{Next, RingState, ViewError},
};

/// The most rings whose frames are merged into one batch. More rings form groups, read one after the other.
const MERGED_RINGS_MAX: usize = 16;

/// The rings whose frames may be merged into one batch.
pub(super) fn group_of(rings: &[RingState], first: usize) -> &[RingState] {
    let end = rings.len().min(first + MERGED_RINGS_MAX);
    rings.get(first..end).unwrap_or_default()
}

/// The group that comes after, once this one is walked.
pub(super) fn next_group(rings: &[RingState], first: usize) -> usize {
    if !group_of(rings, first).iter().all(RingState::is_walked) {
        return first;
    }
    let next = first + MERGED_RINGS_MAX;
    if next < rings.len() { next } else { 0 }
}

/// Reads frames of rings into a batch.
pub(super) struct BatchReader<'batch, 'shard> {
    pub(super) rings: &'batch [RingState],
    pub(super) order: EventOrder,
    pub(super) clock: &'shard StampClock,
    pub(super) descriptors: &'shard mut DescriptorCache,
    pub(super) sources: &'batch SourceCache,
    pub(super) arena: &'batch Bump,
    pub(super) events_max: usize,
    /// The sources have just been brought up to date: one that is still unknown does not exist.
    pub(super) sources_are_new: bool,
    pub(super) unreadable: u64,
}

impl<'batch> BatchReader<'batch, '_> {
    /// Takes frames in order until the batch is full or the snapshots are walked. `false` if it met a source that is not
    /// known yet.
    pub(super) fn fill(&mut self, batch: &mut Batch<'batch>) -> bool {
        match (self.order, self.rings) {
            // With one ring there is nothing to compare.
            (_, [ring]) => self.fill_from(ring, batch),
            (EventOrder::ByTime, _) => self.merge(batch),
            (EventOrder::ByProducer, rings) => rings.iter().all(|ring| self.fill_from(ring, batch)),
        }
    }

    fn fill_from(&mut self, ring: &'batch RingState, batch: &mut Batch<'batch>) -> bool {
        while batch.len() < self.events_max {
            let Some(next) = ring.peek(self.clock) else { break };
            if !self.take(ring, &next, batch) {
                return false;
            }
        }
        true
    }

    fn merge(&mut self, batch: &mut Batch<'batch>) -> bool {
        let mut heads: [Option<Next<'batch>>; MERGED_RINGS_MAX] = [None; MERGED_RINGS_MAX];
        for (head, ring) in heads.iter_mut().zip(self.rings) {
            *head = ring.peek(self.clock);
        }
        while batch.len() < self.events_max {
            let heads = heads.iter_mut().zip(self.rings);
            let earliest = heads
                .filter_map(|(head, ring)| head.map(|next| (next, head, ring)))
                .min_by_key(|(next, _, _)| next.unix_nanos);
            let Some((next, head, ring)) = earliest else { break };
            if !self.take(ring, &next, batch) {
                return false;
            }
            *head = ring.peek(self.clock);
        }
        true
    }

    /// `false` if its source is not known yet: it is left where it is.
    #[inline(always)]
    fn take(&mut self, ring: &'batch RingState, next: &Next<'batch>, batch: &mut Batch<'batch>) -> bool {
        if next.is_dynamic() {
            return self.take_dynamic(ring, next, batch);
        }
        let parts = next.parts(ring, self.descriptors, self.sources, self.arena);
        match parts.and_then(|parts| Ok(Event::of_call_site(parts)?)) {
            Ok(event) => {
                let has_own_severity = event.descriptor().has_own_severity();
                batch.push(event);
                // Once it stands in the batch: its address is not to be taken before.
                if has_own_severity && let Some(event) = batch.events_mut().last_mut() {
                    event.apply_own_severity();
                }
            }
            Err(error) => return self.skip(ring, next, error),
        }
        ring.take(next);
        true
    }

    #[cold]
    #[inline(never)]
    fn take_dynamic(&mut self, ring: &'batch RingState, next: &Next<'batch>, batch: &mut Batch<'batch>) -> bool {
        let parts = next.parts(ring, self.descriptors, self.sources, self.arena);
        match parts.and_then(|parts| Ok(Event::of_itself(parts)?)) {
            Ok(event) => batch.push(event),
            Err(error) => return self.skip(ring, next, error),
        }
        ring.take(next);
        true
    }

    #[cold]
    #[inline(never)]
    fn skip(&mut self, ring: &'batch RingState, next: &Next<'batch>, error: ViewError) -> bool {
        if error == ViewError::UnknownSource && !self.sources_are_new {
            return false;
        }
        self.unreadable += 1;
        ring.take(next);
        true
    }
}
