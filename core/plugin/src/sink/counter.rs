//! Counters of a sink's own.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::threads::lock;

/// A counter of a sink's own, in the sink's [accounts](crate::sink::SinkContext::counter). Any thread may add to it.
#[derive(Clone, Default)]
pub struct SinkCounter(Arc<AtomicU64>);

impl SinkCounter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        // Relaxed: a figure for reports, on which nothing depends.
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count.
    #[must_use]
    pub fn get(&self) -> u64 {
        // Relaxed: see `add`.
        self.0.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for SinkCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SinkCounter").field(&self.get()).finish()
    }
}

/// The counters of a sink, by name. Hidden, because only the engine reads them.
#[doc(hidden)]
#[derive(Debug, Clone, Default)]
pub struct SinkCounterList(Arc<Mutex<Vec<(&'static str, SinkCounter)>>>);

impl SinkCounterList {
    /// The counter of this name, which is made if there is none.
    pub(crate) fn get(&self, name: &'static str) -> SinkCounter {
        let mut counters = lock(&self.0);
        if let Some((_, known)) = counters.iter().find(|(known, _)| *known == name) {
            return known.clone();
        }
        let counter = SinkCounter::default();
        counters.push((name, counter.clone()));
        counter
    }

    /// All counts, in the order in which the counters were made.
    #[must_use]
    pub fn read(&self) -> Vec<(&'static str, u64)> {
        lock(&self.0).iter().map(|(name, counter)| (*name, counter.get())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_made_once_for_each_name() {
        let list = SinkCounterList::default();
        list.get("files").add(2);
        list.get("bytes").add(5);
        list.get("files").add(1);
        assert_eq!(list.read(), [("files", 3), ("bytes", 5)]);
    }
}
