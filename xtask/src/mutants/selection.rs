//! The choice of the mutants that a run is for.

use super::{day::Day, mutant::Mutant};

/// Which of the mutants are run, by their places in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    All,
    /// Every `shards`th mutant, from `index` on.
    Shard {
        index: usize,
        shards: usize,
    },
    /// `count` mutants at even distances, and so of all files. The day moves them by a place: each mutant has its day.
    Sample {
        count: usize,
        day: Day,
    },
}

impl Selection {
    pub(super) fn choose(self, mutants: Vec<Mutant>) -> Vec<Mutant> {
        let all = mutants.len();
        let numbered = mutants.into_iter().enumerate();
        numbered.filter(|(place, _)| self.has(*place, all)).map(|(_, mutant)| mutant).collect()
    }

    fn has(self, place: usize, all: usize) -> bool {
        match self {
            Self::All => true,
            Self::Shard { index, shards } => place % shards == index,
            Self::Sample { count, day } => {
                let all = all as u128;
                let moved = (place as u128 + u128::from(day.number())) % all;
                moved * count as u128 % all < count as u128
            }
        }
    }
}

/// A file or a folder that the mutants are in; the whole workspace where it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MutantsBelow(pub(super) String);

impl MutantsBelow {
    pub(super) fn has(&self, mutant: &Mutant) -> bool {
        let tail = mutant.file.strip_prefix(&self.0);
        self.0.is_empty() || tail.is_some_and(|tail| tail.is_empty() || tail.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn chosen(selection: Selection, all: usize) -> Vec<usize> {
        (0..all).filter(|place| selection.has(*place, all)).collect()
    }

    fn sample(count: usize, day: &str) -> Selection {
        Selection::Sample { count, day: Day::read(day).unwrap() }
    }

    #[test]
    fn the_shards_have_every_mutant_once() {
        let shards = (0..3).flat_map(|index| chosen(Selection::Shard { index, shards: 3 }, 10));
        let mut places: Vec<usize> = shards.collect();
        places.sort_unstable();
        assert_eq!(places, chosen(Selection::All, 10));
    }

    #[test]
    fn a_sample_has_the_count_asked_for() {
        for (count, all) in [(60, 2221), (60, 2220), (60, 61), (7, 60), (1, 3)] {
            assert_eq!(chosen(sample(count, "2026-05-02"), all).len(), count, "{count} of {all}");
        }
    }

    #[test]
    fn a_sample_that_is_larger_than_the_list_is_the_list() {
        assert_eq!(chosen(sample(60, "2026-05-02"), 20).len(), 20);
        assert_eq!(chosen(sample(60, "2026-05-02"), 0).len(), 0);
    }

    #[test]
    fn a_sample_is_spread_over_the_list() {
        let places = chosen(sample(60, "2026-05-02"), 2221);
        let widest = places.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert_eq!(widest, Some(2221 / 60 + 1));
    }

    #[test]
    fn a_sample_stays_the_same_for_a_day_and_differs_on_the_next() {
        let today = chosen(sample(60, "2026-05-02"), 2221);
        assert_eq!(today, chosen(sample(60, "2026-05-02"), 2221));
        let both: BTreeSet<usize> = today.into_iter().chain(chosen(sample(60, "2026-05-03"), 2221)).collect();
        assert_eq!(both.len(), 120);
    }

    #[test]
    fn every_mutant_is_in_a_sample_within_weeks() {
        let days =
            (1..=30).map(|day| format!("2026-04-{day:02}")).chain((1..=8).map(|day| format!("2026-05-{day:02}")));
        let places: BTreeSet<usize> = days.flat_map(|day| chosen(sample(60, &day), 2221)).collect();
        assert_eq!(places.len(), 2221);
    }

    #[test]
    fn a_folder_has_its_files_and_no_file_of_a_longer_name() {
        let below = MutantsBelow("core/engine/src/shard".to_owned());
        assert!(below.has(&Mutant::named("core/engine/src/shard/mod.rs:1:1: replace a with ()")));
        assert!(!below.has(&Mutant::named("core/engine/src/shards.rs:1:1: replace a with ()")));
        assert!(MutantsBelow(String::new()).has(&Mutant::named("ring/src/a.rs:1:1: replace a with ()")));
    }
}
