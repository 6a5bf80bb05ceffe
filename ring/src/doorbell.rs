//! How a sleeping consumer learns of a frame.

use std::{sync::Arc, task::Waker};

use crossbeam_utils::CachePadded;

use crate::{
    fence, seeded,
    sync::{AtomicU32, Mutex, Ordering, lock},
};

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;
const PARKED: u32 = 2;

/// How deep the consumer sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sleep {
    /// For a short while, after which it looks by itself: only an urgent frame wakes it.
    Timed,
    /// Until it is woken: any frame wakes it.
    Park,
}

/// One consumer's bell (rule 8). All producers of one consumer share it.
#[derive(Debug, Default)]
pub struct Doorbell {
    /// On cache lines of its own: every producer loads it with every frame, and what stands beside a bell is the consumer's.
    state: CachePadded<AtomicU32>,
    /// Shared, so that no foreign code, which cloning or dropping a waker may be, runs under the lock.
    waker: Mutex<Option<Arc<Waker>>>,
}

impl Doorbell {
    /// A bell beside an awake consumer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The producer's side, after a publish: rings if the consumer has said that it sleeps.
    #[inline(always)]
    pub fn after_publish(&self, urgent: bool) {
        if self.is_ring_due(urgent) {
            self.ring();
        }
    }

    /// The producer's side, after a publish: whether it must [`ring`](Self::ring). For producers that want to put their
    /// things in order first, since ringing runs the waker, which is foreign code.
    ///
    /// One load and a predicted branch while the consumer does not park.
    #[inline(always)]
    #[must_use]
    pub fn is_ring_due(&self, urgent: bool) -> bool {
        if !seeded::bug("knock_without_fence") {
            fence::light();
        }
        // Relaxed: the fence orders it behind the publish; rule 8, pairs with the swap in `fall_asleep`. Which of the two
        // kinds of sleep it is may be out of date by the time of the ring, which then does nothing or too much.
        let state = self.state.load(Ordering::Relaxed);
        if urgent && !seeded::bug("dozing_left_alone") { state != AWAKE } else { state == PARKED }
    }

    /// Wakes the consumer if it sleeps, however deep.
    pub fn ring(&self) {
        // AcqRel: of several callers one gets to ring, and what it did before is visible to the woken consumer, whose
        // `wake_up` pairs with this.
        if self.state.swap(AWAKE, Ordering::AcqRel) == AWAKE {
            return;
        }
        // Woken outside the lock: a waker is foreign code. It may be spurious by now, which a waker must bear.
        let waker = lock(&self.waker).clone();
        if let Some(waker) = waker {
            waker.wake_by_ref();
        }
    }

    /// The consumer's side: who is to be woken. To be called before the first [`fall_asleep`](Self::fall_asleep), and
    /// again when the waker changes.
    pub fn register(&self, waker: &Waker) {
        let known = lock(&self.waker).clone();
        if !known.is_some_and(|old| old.will_wake(waker)) {
            let new = Arc::new(waker.clone());
            let _dropped_outside_the_lock = lock(&self.waker).replace(new);
        }
    }

    /// The consumer's side: nobody is to be woken any more. Rings that come later, or run at this moment, may find the old
    /// waker once more, or none.
    pub fn deregister(&self) {
        let _dropped_outside_the_lock = lock(&self.waker).take();
    }

    /// The consumer's side: says that it is about to sleep. It must look at all its rings once more after this, and
    /// call [`wake_up`](Self::wake_up) instead of sleeping if it finds anything.
    ///
    /// Returns `false` when it must not sleep without a time limit (see [`fence::heavy`]).
    #[must_use]
    pub fn fall_asleep(&self, sleep: Sleep) -> bool {
        let state = match sleep {
            Sleep::Timed => ASLEEP,
            Sleep::Park => PARKED,
        };
        // Said already, and not taken back since: a store would only take the line away from the producers, who read it
        // with every frame. Whoever has health meanwhile has put it back to awake.
        let may_be_said = sleep == Sleep::Timed || seeded::bug("park_taken_for_said");
        if may_be_said && self.is_marked_asleep() {
            return true;
        }
        // Relaxed as a store: the heavy fence orders it before the last look; rule 8, pairs with the load in
        // `after_publish`. Acquire as a load, and for its sake a swap: a caller of `ring` that found us awake asked
        // for something before, and the last look must find it. Pairs with the swap in `ring`, which passes no fence.
        if seeded::bug("asleep_by_a_store") {
            self.state.store(state, Ordering::Relaxed);
        } else {
            self.state.swap(state, Ordering::Acquire);
        }
        match sleep {
            // A wake-up lost here costs no more than the rest of the sleep, so the producers are spared the
            // interruption.
            Sleep::Timed => true,
            Sleep::Park if seeded::bug("park_without_fence") => true,
            Sleep::Park => fence::heavy(),
        }
    }

    fn is_marked_asleep(&self) -> bool {
        // Acquire: as for the swap in `fall_asleep`.
        let said = self.state.load(Ordering::Acquire);
        said == ASLEEP || said == AWAKE && seeded::bug("sleep_marked_once")
    }

    /// The consumer's side: says that it is awake.
    pub fn wake_up(&self) {
        // Acquire half: pairs with the swap in `ring`.
        self.state.swap(AWAKE, Ordering::AcqRel);
    }
}
