//! Gaps in event ids: `instance-producer-sequence`, where the sequence of a producer has no gaps.
//!
//! A number that is not there belongs to an event that was dropped, that a filter or a processor left out, or that is in another file.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Serialize;

/// How many producers and how many gaps of each are known.
const MAX_PRODUCERS: usize = 10_000;
const MAX_GAPS: usize = 1_000;
const MAX_ID_BYTES: usize = 256;

/// The ids of all producers.
#[derive(Debug, Default)]
pub(super) struct EventIds {
    producers: BTreeMap<String, SeenIds>,
    /// Events of producers beyond the limit, and ids of another form.
    not_checked: u64,
}

/// The ids of a producer.
#[derive(Debug)]
struct SeenIds {
    first: u64,
    last: u64,
    /// Numbers that are not there, in their order; both ends belong to a gap.
    gaps: Vec<(u64, u64)>,
    /// Numbers in gaps that were too many.
    other_missing: u64,
    duplicates: u64,
}

/// Findings of the ids.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct IdReport {
    pub(crate) producers: usize,
    pub(crate) missing: u64,
    pub(crate) duplicates: u64,
    pub(crate) not_checked: u64,
    /// The longest ones first.
    pub(crate) gaps: Vec<IdGap>,
}

/// Numbers of a producer that are not there.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct IdGap {
    pub(crate) producer: String,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl EventIds {
    pub(super) fn add(&mut self, id: &str) {
        let parsed = id.rsplit_once('-').and_then(|(producer, number)| Some((producer, number.parse().ok()?)));
        // An id of fapilog is short.
        let Some((producer, number)) = parsed.filter(|_| id.len() <= MAX_ID_BYTES) else {
            self.not_checked += 1;
            return;
        };
        let has_room = self.producers.len() < MAX_PRODUCERS;
        match self.producers.get_mut(producer) {
            Some(ids) => ids.add(number),
            None if has_room => {
                self.producers.insert(producer.to_owned(), SeenIds::new(number));
            }
            None => self.not_checked += 1,
        }
    }

    pub(super) fn report(&self, count: usize) -> IdReport {
        let gaps = self.producers.iter().flat_map(|(producer, ids)| ids.gaps.iter().map(move |gap| (producer, *gap)));
        let mut gaps: Vec<(&String, (u64, u64))> = gaps.collect();
        gaps.sort_by_key(|(_, (first, last))| Reverse(last - first));
        gaps.truncate(count);
        let gap = |(producer, (first, last)): (&String, _)| IdGap { producer: producer.clone(), first, last };
        IdReport {
            producers: self.producers.len(),
            // Ids of another writer may be any numbers.
            missing: self.producers.values().map(SeenIds::missing).fold(0, u64::saturating_add),
            duplicates: self.producers.values().map(|ids| ids.duplicates).sum(),
            not_checked: self.not_checked,
            gaps: gaps.into_iter().map(gap).collect(),
        }
    }
}

impl SeenIds {
    fn new(number: u64) -> Self {
        Self { first: number, last: number, gaps: Vec::new(), other_missing: 0, duplicates: 0 }
    }

    /// Numbers come in any order: files are read one after the other.
    fn add(&mut self, number: u64) {
        if number > self.last {
            self.add_gap(self.gaps.len(), self.last + 1, number - 1);
            self.last = number;
        } else if number < self.first {
            self.add_gap(0, number + 1, self.first - 1);
            self.first = number;
        } else {
            self.fill(number);
        }
    }

    fn add_gap(&mut self, index: usize, first: u64, last: u64) {
        if first > last {
        } else if self.gaps.len() < MAX_GAPS {
            self.gaps.insert(index, (first, last));
        } else {
            self.other_missing = self.other_missing.saturating_add(last - first + 1);
        }
    }

    /// Removes a number from its gap.
    fn fill(&mut self, number: u64) {
        let index = self.gaps.partition_point(|&(_, last)| last < number);
        match self.gaps.get(index).copied() {
            Some((first, last)) if first <= number => {
                self.gaps.remove(index);
                if number < last {
                    self.add_gap(index, number + 1, last);
                }
                if first < number {
                    self.add_gap(index, first, number - 1);
                }
            }
            // It may be in a gap that is not known.
            _ if self.other_missing > 0 => self.other_missing -= 1,
            _ => self.duplicates += 1,
        }
    }

    fn missing(&self) -> u64 {
        self.gaps.iter().map(|(first, last)| last - first + 1).fold(self.other_missing, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn report(ids: &[&str]) -> IdReport {
        let mut known = EventIds::default();
        ids.iter().for_each(|id| known.add(id));
        known.report(10)
    }

    #[test]
    fn a_number_that_is_not_there_is_in_a_gap() {
        let found = report(&["i-1-5", "i-1-6", "i-1-9", "i-2-0", "i-1-3", "i-2-1", "i-1-6", "other"]);
        let gap = |first, last| IdGap { producer: "i-1".to_owned(), first, last };
        assert_eq!(
            found,
            IdReport { producers: 2, missing: 3, duplicates: 1, not_checked: 1, gaps: vec![gap(7, 8), gap(4, 4)] }
        );
    }

    #[test]
    fn numbers_of_any_size_are_counted_up_to_the_greatest_number() {
        let greatest = u64::MAX.to_string();
        let ids = ["a-0".to_owned(), format!("a-{greatest}"), "b-0".to_owned(), format!("b-{greatest}")];
        let found = report(&ids.each_ref().map(String::as_str));
        assert_eq!((found.missing, found.gaps.len()), (u64::MAX, 2));
        assert_eq!((found.gaps[0].first, found.gaps[0].last), (1, u64::MAX - 1));
    }

    #[test]
    fn producers_of_several_containers_have_gaps_of_their_own() {
        let found = report(&["one-1-0", "two-1-7", "one-1-1", "two-1-9", "one-2-4"]);
        let gap = IdGap { producer: "two-1".to_owned(), first: 8, last: 8 };
        assert_eq!((found.producers, found.missing, found.gaps), (3, 1, vec![gap]));
    }

    proptest! {
        #[test]
        fn gaps_are_exactly_the_numbers_that_are_not_there(numbers in prop::collection::vec(0_u64..40, 1..60)) {
            let mut ids = EventIds::default();
            numbers.iter().for_each(|number| ids.add(&format!("i-1-{number}")));
            let there: BTreeSet<u64> = numbers.iter().copied().collect();
            let all = *there.first().unwrap()..=*there.last().unwrap();
            let missing: Vec<u64> = all.filter(|number| !there.contains(number)).collect();
            let mut report = ids.report(usize::MAX);
            report.gaps.sort_by_key(|gap| gap.first);
            let in_gaps: Vec<u64> = report.gaps.iter().flat_map(|gap| gap.first..=gap.last).collect();
            prop_assert_eq!(in_gaps, missing);
            prop_assert_eq!(report.duplicates, (numbers.len() - there.len()) as u64);
        }
    }
}
