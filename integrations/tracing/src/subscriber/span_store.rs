//! The spans of a subscriber, by their ids.
//!
//! An id is a slot's number and the slot's generation, which differs each time that the slot is used: the id of a closed span is never
//! another's, until the slot has had 2^32 spans. Slots are in blocks that double in size and are never moved or freed, so that no lock is for all.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, Ordering},
};

use fapilog::plugin::undivided;
use tracing_core::span::Id;

use crate::{fork_lock::ForkLock, span::SpanNode};

/// Slots of the first block.
const FIRST_BLOCK_LEN: usize = 64;
/// Blocks for all numbers but the last 64.
const BLOCKS: usize = 26;

#[derive(Debug)]
pub(super) struct SpanStore {
    blocks: [OnceLock<Box<[Slot]>>; BLOCKS],
    /// The first of the slots that were used and are free again. Each has the next one: nothing is allocated for the list, because the
    /// program's allocator may log.
    free: ForkLock<Option<u32>>,
    /// The first slot that was never used.
    unused: AtomicU32,
}

#[derive(Debug, Default)]
struct Slot(ForkLock<SlotState>);

#[derive(Debug, Default)]
struct SlotState {
    generation: u32,
    span: Option<OpenSpan>,
    next_free: Option<u32>,
}

#[derive(Debug)]
struct OpenSpan {
    node: Arc<SpanNode>,
    parent: Option<Id>,
    handles: usize,
}

/// A span without handles.
#[derive(Debug)]
pub(super) struct ClosedSpan {
    pub(super) node: Arc<SpanNode>,
    /// Its handle on the parent, which is the caller's now.
    pub(super) parent: Option<Id>,
}

impl SpanStore {
    pub(super) fn new() -> Self {
        Self { blocks: [const { OnceLock::new() }; BLOCKS], free: ForkLock::default(), unused: AtomicU32::new(0) }
    }

    /// Adds a span with a single handle. `parent` is a handle, which the span takes over.
    pub(super) fn add(&self, node: Arc<SpanNode>, parent: Option<Id>) -> Id {
        // Relaxed: a number for this caller alone.
        let number = self.take_free().unwrap_or_else(|| self.unused.fetch_add(1, Ordering::Relaxed));
        let slot = self.slot_or_new(number);
        let generation = slot.and_then(|slot| {
            let mut state = slot.0.lock()?;
            state.span = Some(OpenSpan { node, parent, handles: 1 });
            Some(state.generation)
        });
        id_of(number, generation.unwrap_or(0))
    }

    fn take_free(&self) -> Option<u32> {
        let mut free = self.free.lock()?;
        let number = (*free)?;
        // The list behind a slot that a forked child cannot lock is not known.
        *free = self.slot(number).and_then(|slot| slot.0.lock()).and_then(|mut slot| slot.next_free.take());
        Some(number)
    }

    fn give_back(&self, number: u32) {
        let Some(mut free) = self.free.lock() else { return };
        if let Some(mut slot) = self.slot(number).and_then(|slot| slot.0.lock()) {
            slot.next_free = free.replace(number);
        }
    }

    pub(super) fn get(&self, id: &Id) -> Option<Arc<SpanNode>> {
        self.with_span(id, |span| Arc::clone(&span.node))
    }

    /// Returns whether there is such a span.
    pub(super) fn add_handle(&self, id: &Id) -> bool {
        self.with_span(id, |span| span.handles += 1).is_some()
    }

    /// The span, if that was its last handle.
    pub(super) fn remove_handle(&self, id: &Id) -> Option<ClosedSpan> {
        let (number, generation) = parts_of(id);
        let mut state = self.slot(number)?.0.lock()?;
        let is_current = state.generation == generation;
        let span = state.span.as_mut().filter(|_| is_current)?;
        span.handles -= 1;
        if span.handles > 0 {
            return None;
        }
        let OpenSpan { node, parent, .. } = state.span.take()?;
        state.generation = state.generation.wrapping_add(1);
        drop(state);
        self.give_back(number);
        Some(ClosedSpan { node, parent })
    }

    fn with_span<R>(&self, id: &Id, run: impl FnOnce(&mut OpenSpan) -> R) -> Option<R> {
        let (number, generation) = parts_of(id);
        let mut state = self.slot(number)?.0.lock()?;
        let is_current = state.generation == generation;
        state.span.as_mut().filter(|_| is_current).map(run)
    }

    fn slot(&self, number: u32) -> Option<&Slot> {
        let (block, place) = place_of(number);
        self.blocks.get(block)?.get()?.get(place)
    }

    fn slot_or_new(&self, number: u32) -> Option<&Slot> {
        let (block, place) = place_of(number);
        let slots = self.blocks.get(block)?;
        if slots.get().is_none() {
            // Made ahead, and set with no fork in the midst of it.
            let new = std::iter::repeat_with(Slot::default).take(FIRST_BLOCK_LEN << block).collect();
            let _ = undivided(|| slots.set(new));
        }
        slots.get()?.get(place)
    }
}

/// The block of a slot, and its place there: 64 slots are in block 0, 128 in block 1, and so on.
fn place_of(number: u32) -> (usize, usize) {
    let from_start = number as usize + FIRST_BLOCK_LEN;
    let block = from_start.ilog2() - FIRST_BLOCK_LEN.ilog2();
    (block as usize, from_start - (FIRST_BLOCK_LEN << block))
}

fn id_of(number: u32, generation: u32) -> Id {
    // An id is not zero. The sum does not overflow: the highest number has no slot, and its generation is 0.
    Id::from_u64(((u64::from(generation) << 32) | u64::from(number)) + 1)
}

fn parts_of(id: &Id) -> (u32, u32) {
    let parts = id.into_u64() - 1;
    (parts as u32, (parts >> 32) as u32)
}

#[cfg(test)]
mod tests {
    use tracing_core::{
        Kind, Level, Metadata, callsite::Callsite, field::FieldSet, identify_callsite, subscriber::Interest,
    };

    use super::*;
    use crate::{settings::SpanNames, site::Site, visit::Collected};

    struct TestCallsite;

    static TEST_CALLSITE: TestCallsite = TestCallsite;
    static TEST_METADATA: Metadata<'static> = Metadata::new(
        "span",
        "target",
        Level::INFO,
        None,
        None,
        None,
        FieldSet::new(&[], identify_callsite!(&TEST_CALLSITE)),
        Kind::SPAN,
    );

    impl Callsite for TestCallsite {
        fn set_interest(&self, _: Interest) {}

        fn metadata(&self) -> &Metadata<'_> {
            &TEST_METADATA
        }
    }

    fn node() -> Arc<SpanNode> {
        SpanNode::new(Site::of(&TEST_METADATA), None, SpanNames::None, None, &Collected::default())
    }

    #[test]
    fn a_span_is_there_until_its_last_handle_is_removed() {
        let (store, node) = (SpanStore::new(), node());
        let id = store.add(Arc::clone(&node), None);
        assert!(store.add_handle(&id));
        assert!(store.remove_handle(&id).is_none());
        assert!(Arc::ptr_eq(&store.get(&id).unwrap(), &node));
        assert!(Arc::ptr_eq(&store.remove_handle(&id).unwrap().node, &node));
        assert!(store.get(&id).is_none() && !store.add_handle(&id) && store.remove_handle(&id).is_none());
    }

    #[test]
    fn the_id_of_a_closed_span_is_not_that_of_the_next_in_its_slot() {
        let store = SpanStore::new();
        let closed = store.add(node(), None);
        store.remove_handle(&closed).unwrap();
        let next = store.add(node(), None);
        assert_eq!(parts_of(&closed).0, parts_of(&next).0);
        assert!(store.get(&closed).is_none() && store.get(&next).is_some());
    }

    #[test]
    fn each_number_has_a_slot_of_its_own_in_some_block() {
        let places: Vec<_> = [0, 63, 64, 191, 192, 447, 448].into_iter().map(place_of).collect();
        assert_eq!(places, [(0, 0), (0, 63), (1, 0), (1, 127), (2, 0), (2, 255), (3, 0)]);
        assert_eq!(place_of(u32::MAX - FIRST_BLOCK_LEN as u32).0, BLOCKS - 1);
        assert_eq!(place_of(u32::MAX).0, BLOCKS);
    }

    #[test]
    fn spans_of_several_threads_are_not_mixed_up() {
        let store = SpanStore::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let nodes: Vec<_> = (0..20).map(|_| node()).collect();
                        let ids: Vec<_> = nodes.iter().map(|node| store.add(Arc::clone(node), None)).collect();
                        for (id, node) in ids.iter().zip(&nodes) {
                            assert!(Arc::ptr_eq(&store.get(id).unwrap(), node));
                            assert!(Arc::ptr_eq(&store.remove_handle(id).unwrap().node, node));
                        }
                    }
                });
            }
        });
        // Relaxed: all threads have ended.
        assert!(store.unused.load(Ordering::Relaxed) <= 80);
        let free: Vec<_> = std::iter::from_fn(|| store.take_free()).collect();
        assert_eq!(free.len(), store.unused.load(Ordering::Relaxed) as usize);
    }
}
