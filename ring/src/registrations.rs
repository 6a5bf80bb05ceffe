//! How new rings reach their consumer's thread.

use crate::{
    seeded,
    sync::{AtomicU64, Mutex, Ordering, lock},
};

/// Things on their way to the thread that drains: rings, with whatever belongs to them (rule 9).
///
/// Any thread [register](Registrations::register); the draining thread [takes](Registrations::take_new) before each look at its rings,
/// which costs one load while there is nothing new.
#[derive(Debug)]
pub struct Registrations<T> {
    /// The number of items ever registered. Written under the lock.
    registered: AtomicU64,
    waiting: Mutex<Vec<T>>,
}

impl<T> Default for Registrations<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Registrations<T> {
    /// An empty registrations.
    #[must_use]
    pub fn new() -> Self {
        Self { registered: AtomicU64::new(0), waiting: Mutex::new(Vec::new()) }
    }

    /// Puts `item` on the registrations. To be done before the first frame of a ring is published.
    pub fn register(&self, item: T) {
        let mut waiting = lock(&self.waiting);
        waiting.push(item);
        // Relaxed: the lock publishes the item itself. The count is seen in time because of the event that brings the
        // draining thread to look: the fences of rule 8 before a park, and the acquire load of a flush or shutdown
        // request. (A single access and not a load and a store: behind its own load, loom would overlook that the store
        // races with `take_new`.)
        self.registered.fetch_add(1, Ordering::Relaxed);
    }

    /// Hands all that was registered since the last call to `adopt`, oldest first. `taken` is the caller's memory of how
    /// many it has had; it starts as zero.
    #[inline]
    pub fn take_new(&self, taken: &mut u64, adopt: impl FnMut(T)) {
        // Relaxed: rule 9, see `register`.
        if self.registered.load(Ordering::Relaxed) != *taken {
            self.take_waiting(taken, adopt);
        }
    }

    /// Whether nothing was registered since a [`take_new`](Self::take_new) that left the caller's memory at `taken`.
    #[must_use]
    pub fn is_seen(&self, taken: u64) -> bool {
        // Relaxed: rule 9, see `register`; before a park the heavy fence of rule 8 comes between.
        self.registered.load(Ordering::Relaxed) == taken
    }

    /// The memory of how many were handed out, for a caller that takes over from another (rule 10).
    #[must_use]
    pub fn handed_out(&self) -> u64 {
        let waiting = lock(&self.waiting);
        // Relaxed: the lock orders it, see `register`.
        self.registered.load(Ordering::Relaxed) - waiting.len() as u64
    }

    #[cold]
    fn take_waiting(&self, taken: &mut u64, adopt: impl FnMut(T)) {
        let items = {
            let mut waiting = lock(&self.waiting);
            *taken += waiting.len() as u64;
            // Relaxed: the lock orders it, see `register`.
            debug_assert_eq!(*taken, self.registered.load(Ordering::Relaxed), "rule 9: an item is taken once");
            std::mem::take(&mut *waiting)
        };
        if seeded::bug("registrations_counted_after_take") {
            // Relaxed: the planted bug.
            *taken = self.registered.load(Ordering::Relaxed);
        }
        items.into_iter().for_each(adopt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_takes_over_gets_what_was_not_handed_out() {
        let registrations = Registrations::new();
        registrations.register("first");
        let mut items = Vec::new();
        registrations.take_new(&mut 0, |item| items.push(item));
        registrations.register("second");
        let mut taken = registrations.handed_out();
        assert_eq!((taken, registrations.is_seen(taken)), (1, false));
        registrations.take_new(&mut taken, |item| items.push(item));
        assert_eq!((items, registrations.is_seen(taken)), (vec!["first", "second"], true));
    }
}
