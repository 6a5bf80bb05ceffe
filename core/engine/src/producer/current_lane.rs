//! The lane that a thread used last, for the fast path of a log call.
//!
//! 1. The cell names a container and its lane, or none. While a call uses the lane, or a doorbell's lock, it names [`IN_CALL`] instead.
//! 2. A call on the same thread can find [`IN_CALL`] only in a signal handler that interrupted the other in the middle:
//!    the fast path runs no user code. The interrupted call has the ring half written, so the handler's event is counted as
//!    lost, and touches neither lane nor ring nor doorbell.
//! 3. Compiler fences keep the lane's use between the two writes of the cell. The handler runs on the same thread, so the
//!    processor has nothing to order.

use std::{
    cell::Cell,
    ptr::NonNull,
    sync::atomic::{Ordering, compiler_fence},
};

use crate::producer::ProducerLane;

/// No container has this number: they count from 1.
const NONE: u64 = 0;

/// The lane is in use. No container has this number: they count from 1, and no process makes so many.
const IN_CALL: u64 = u64::MAX;

/// The container and its lane.
#[derive(Debug)]
pub(super) struct CurrentLane {
    container: Cell<u64>,
    /// Valid if `container` is a container's.
    lane: Cell<NonNull<ProducerLane>>,
}

/// The container whose lane was used last, or none.
#[must_use]
pub(super) struct UsedLast(u64);

impl CurrentLane {
    pub(super) const fn none() -> Self {
        Self { container: Cell::new(NONE), lane: Cell::new(NonNull::dangling()) }
    }

    /// Names this lane. It must be cleared before the lane is used by other means, or dropped.
    pub(super) fn set(&self, container: u64, lane: NonNull<ProducerLane>) {
        debug_assert!(container != NONE && container != IN_CALL, "container {container} is none");
        self.lane.set(lane);
        self.container.set(container);
    }

    /// Clears it for a while, in which its lane is used by other means and no code of others runs. `None` within a call (rule 2).
    pub(super) fn take(&self) -> Option<UsedLast> {
        let used_last = UsedLast(self.container.get());
        (!self.is_in_call()).then(|| {
            self.clear();
            used_last
        })
    }

    /// Names the lane again that it has named before.
    pub(super) fn give_back(&self, UsedLast(container): UsedLast) {
        self.container.set(container);
    }

    pub(super) fn clear(&self) {
        self.container.set(NONE);
    }

    /// Whether this call interrupts another in the middle (rule 2).
    pub(super) fn is_in_call(&self) -> bool {
        self.container.get() == IN_CALL
    }

    /// Runs a part of a call that a signal handler's call must not meet (rule 2). It runs no user code.
    pub(super) fn in_call<R>(&self, part: impl FnOnce() -> R) -> R {
        let before = self.container.replace(IN_CALL);
        // pairs: none, rule 3.
        compiler_fence(Ordering::SeqCst);
        let result = part();
        // pairs: none, rule 3.
        compiler_fence(Ordering::SeqCst);
        self.container.set(before);
        result
    }

    /// The lane, if it is this container's; it is in use until [`end_call`](Self::end_call), and runs no user code meanwhile.
    #[inline(always)]
    pub(super) fn begin_call(&self, container: u64) -> Option<NonNull<ProducerLane>> {
        if self.container.get() != container {
            return None;
        }
        self.container.set(IN_CALL);
        // pairs: none, rule 3.
        compiler_fence(Ordering::SeqCst);
        Some(self.lane.get())
    }

    /// Ends the use that [`begin_call`](Self::begin_call) began for this container.
    #[inline(always)]
    pub(super) fn end_call(&self, container: u64) {
        // pairs: none, rule 3.
        compiler_fence(Ordering::SeqCst);
        self.container.set(container);
    }
}
