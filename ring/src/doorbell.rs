//! The doorbell: a published frame wakes a sleeping consumer.

use std::{sync::Arc, task::Waker};

use crossbeam_utils::CachePadded;

use crate::{
    fence, seeded,
    sync::{AtomicU32, Mutex, Ordering, lock},
};

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;
const PARKED: u32 = 2;

/// The depth of the consumer's sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sleep {
    /// For a short while, after which it looks by itself: only an urgent frame wakes it.
    Timed,
    /// Until it is woken: any frame wakes it.
    Park,
}

/// The doorbell of a consumer (rule 8). All producers of the consumer share it.
#[derive(Debug, Default)]
pub struct Doorbell {
    /// On cache lines of its own: every producer loads it with every frame, and the fields beside a doorbell are the
    /// consumer's.
    state: CachePadded<AtomicU32>,
    /// In an `Arc`, so that no user code runs under the lock: cloning or dropping a waker may run user code.
    waker: Mutex<Option<Arc<Waker>>>,
}

impl Doorbell {
    /// A doorbell beside an awake consumer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The producer's side, after a publish: rings if the consumer has announced that it sleeps.
    #[inline(always)]
    pub fn after_publish(&self, urgent: bool) {
        if self.is_ring_due(urgent) {
            self.ring();
        }
    }

    /// The producer's side, after a publish: whether it must [`ring`](Self::ring). For producers that put their own
    /// state in order first, since ringing runs the waker, which is user code.
    ///
    /// The cost is a load and a predicted branch while the consumer does not park.
    #[inline(always)]
    #[must_use]
    pub fn is_ring_due(&self, urgent: bool) -> bool {
        if !seeded::bug("knock_without_fence") {
            fence::light();
        }
        // Relaxed: the fence orders it behind the publish; rule 8, pairs with the swap in `fall_asleep`. The kind of
        // sleep may be out of date by the time of the ring, which then does nothing or too much.
        let state = self.state.load(Ordering::Relaxed);
        let is_urgent = urgent && !seeded::bug("urgent_frame_skips_timed_sleep");
        const { assert!(AWAKE + 1 == ASLEEP && ASLEEP + 1 == PARKED, "an urgent frame counts one state further") };
        state + u32::from(is_urgent) >= PARKED
    }

    /// Wakes the consumer if it sleeps, however deep.
    pub fn ring(&self) {
        // The waker runs outside the lock: it is user code. The wake-up may be spurious by now, which a waker must
        // tolerate.
        if let Some(waker) = self.begin_ring() {
            waker.wake_by_ref();
        }
    }

    /// The first part of [`ring`](Self::ring): returns the waker that the caller calls next. For callers that keep signal handlers away
    /// from the lock.
    #[must_use]
    pub fn begin_ring(&self) -> Option<Arc<Waker>> {
        // Release: what the caller asked for before is visible to the consumer that finds the ring; pairs with the
        // swaps in `fall_asleep` and `wake_up`. A swap: a single caller of several gets to ring. Nothing is read on the
        // strength of the old value, so it is no acquire.
        if self.state.swap(AWAKE, seeded::ordering(Ordering::Release, "ring_relaxed")) == AWAKE {
            return None;
        }
        lock(&self.waker).clone()
    }

    /// The consumer's side: sets the waker. It must be called before the first [`fall_asleep`](Self::fall_asleep), and
    /// again when the waker changes.
    pub fn register(&self, waker: &Waker) {
        let known = lock(&self.waker).clone();
        if !known.is_some_and(|old| old.will_wake(waker)) {
            let new = Arc::new(waker.clone());
            let _dropped_outside_the_lock = lock(&self.waker).replace(new);
        }
    }

    /// The consumer's side: removes the waker. Rings that come later, or run at this moment, may find the old
    /// waker once more, or none.
    pub fn deregister(&self) {
        let _dropped_outside_the_lock = lock(&self.waker).take();
    }

    /// The consumer's side: announces that it is about to sleep. It must look at all its rings once more after this,
    /// and call [`wake_up`](Self::wake_up) instead of sleeping if it finds anything.
    ///
    /// Returns `false` when it must not sleep without a time limit (see [`fence::heavy`]).
    #[must_use]
    pub fn fall_asleep(&self, sleep: Sleep) -> bool {
        let state = match sleep {
            Sleep::Timed => ASLEEP,
            Sleep::Park => PARKED,
        };
        // Announced already, and not withdrawn since: a store would only take the cache line away from the producers,
        // which read it with every frame. A ring in between has set the state to awake.
        let may_skip_announcement = sleep == Sleep::Timed || seeded::bug("park_not_announced");
        if may_skip_announcement && self.is_marked_asleep() {
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
            // A lost wake-up costs at most the remaining time of the sleep, so the producers are spared the
            // interruption.
            Sleep::Timed => true,
            Sleep::Park if seeded::bug("park_without_fence") => true,
            Sleep::Park => fence::heavy(),
        }
    }

    fn is_marked_asleep(&self) -> bool {
        // Relaxed: it orders nothing. The consumer alone stores ASLEEP, by the swap in `fall_asleep`, which has acquired all
        // rings before it; and any other value leads to that swap. A ring that this load misses costs what any missed
        // wake-up of a timed sleep costs: the time that is left of it.
        let announced = self.state.load(Ordering::Relaxed);
        announced == ASLEEP || announced == AWAKE && seeded::bug("sleep_marked_once")
    }

    /// The consumer's side: announces that it is awake.
    pub fn wake_up(&self) {
        // Acquire: pairs with the swap in `ring`, so that the turn after the sleep finds the request. A swap and no store: it
        // passes on to the next `fall_asleep` what an earlier `ring` has released.
        self.state.swap(AWAKE, seeded::ordering(Ordering::Acquire, "wake_up_relaxed"));
    }
}
