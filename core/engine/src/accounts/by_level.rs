//! Counts of events by their level.

use std::sync::atomic::{AtomicU64, Ordering};

use fapilog_record::level::Level;

const LEVELS: usize = Level::ALL.len();

/// The place of a level in a list of all.
const fn index(level: Level) -> usize {
    level as usize - Level::Trace as usize
}

/// A count for each [`Level`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountsByLevel([u64; LEVELS]);

impl CountsByLevel {
    /// How many events of this level there were.
    #[must_use]
    pub fn of(&self, level: Level) -> u64 {
        self.0.get(index(level)).copied().unwrap_or(0)
    }

    /// How many events there were, of all levels.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The levels of which there was an event, with the counts, the least level first.
    pub fn iter(&self) -> impl Iterator<Item = (Level, u64)> + '_ {
        Level::ALL.into_iter().map(|level| (level, self.of(level))).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }
}

/// The counters behind [`CountsByLevel`]. These are figures for reports, on which nothing depends: no model need see them.
#[derive(Debug, Default)]
pub(crate) struct LevelCounters([AtomicU64; LEVELS]);

impl LevelCounters {
    pub(crate) const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; LEVELS])
    }

    /// Adds `n`. Only its one writer may call this.
    pub(crate) fn add(&self, level: Level, n: u64) {
        if let Some(counter) = self.0.get(index(level)) {
            // Relaxed, both: one writer, and readers want a figure only.
            counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
        }
    }

    /// Adds `n` where several threads may write at once.
    pub(crate) fn add_shared(&self, level: Level, n: u64) {
        if let Some(counter) = self.0.get(index(level)) {
            // Relaxed: see `add`.
            counter.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Adds these counts where several threads may write at once.
    pub(crate) fn add_all_shared(&self, counts: &CountsByLevel) {
        counts.iter().for_each(|(level, n)| self.add_shared(level, n));
    }

    pub(crate) fn read(&self) -> CountsByLevel {
        // Relaxed: see `add`.
        self.read_by(|counter| counter.load(Ordering::Relaxed))
    }

    /// Reads the counts, and sets them to zero.
    pub(crate) fn take(&self) -> CountsByLevel {
        // Relaxed: see `add`.
        self.read_by(|counter| counter.swap(0, Ordering::Relaxed))
    }

    fn read_by(&self, read: impl Fn(&AtomicU64) -> u64) -> CountsByLevel {
        let mut counts = CountsByLevel::default();
        for (count, counter) in counts.0.iter_mut().zip(&self.0) {
            *count = read(counter);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_a_count_of_its_own() {
        let counters = LevelCounters::new();
        for (level, n) in Level::ALL.into_iter().zip(1..) {
            counters.add(level, n);
            counters.add_shared(level, n);
        }
        let counts = counters.read();
        let expected: Vec<_> = Level::ALL.into_iter().zip((1..).map(|n| 2 * n)).collect();
        assert_eq!(counts.iter().collect::<Vec<_>>(), expected);
        assert_eq!(counts.total(), 2 * (1..=8).sum::<u64>());
    }

    #[test]
    fn counts_that_are_taken_are_gone_and_can_be_added_elsewhere() {
        let (from, to) = (LevelCounters::new(), LevelCounters::new());
        from.add(Level::Error, 3);
        to.add(Level::Error, 4);
        to.add_all_shared(&from.take());
        assert_eq!((from.read().total(), to.read().of(Level::Error)), (0, 7));
    }
}
