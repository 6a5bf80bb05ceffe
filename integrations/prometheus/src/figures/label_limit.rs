//! The limit for values of labels: each makes a time series in the database, for good.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use crate::figures::{FigureNumber, Labels};

/// The value in the place of those beyond the limit.
pub(super) const OTHER: &str = "other";

/// The labels whose values come from the program. All others have values from fixed lists.
const LIMITED: [&str; 3] = ["sink", "plugin", "name"];

/// The values that have a series of their own: the first that came, for as long as the exporter lives. So a program that adds
/// and removes sinks for ever has no more series than one that does not.
#[derive(Debug)]
pub(crate) struct LabelLimit {
    values_max: usize,
    /// By container and label.
    admitted: HashMap<(String, &'static str), HashSet<String>>,
    /// The counters of `other` by family and labels.
    sums: HashMap<(&'static str, Labels), SumOfOthers>,
}

/// The sum of counters of which some may end, with the sink that they belong to.
#[derive(Debug)]
struct SumOfOthers {
    /// The counts of those that have ended.
    ended: FigureNumber,
    /// The sum when it was last read, without those.
    last: FigureNumber,
}

impl LabelLimit {
    pub(crate) fn new(values_max: usize) -> Self {
        Self { values_max, admitted: HashMap::new(), sums: HashMap::new() }
    }

    /// The value, or `other`.
    pub(super) fn admit(&mut self, container: &str, label: &'static str, value: &str) -> String {
        if !LIMITED.contains(&label) {
            return value.to_owned();
        }
        let admitted = self.admitted.entry((container.to_owned(), label)).or_default();
        if !admitted.contains(value) {
            if admitted.len() >= self.values_max {
                return OTHER.to_owned();
            }
            admitted.insert(value.to_owned());
        }
        value.to_owned()
    }

    /// The sum of counters that share the value `other`, with the counts of those that have ended. To a database, a counter that falls
    /// has begun anew, and all of it is growth.
    pub(super) fn sum_of_others(&mut self, family: &'static str, labels: &Labels, sum: FigureNumber) -> FigureNumber {
        match self.sums.entry((family, labels.clone())) {
            Entry::Vacant(vacant) => {
                vacant.insert(SumOfOthers { ended: sum.none(), last: sum });
                sum
            }
            Entry::Occupied(mut known) => {
                let SumOfOthers { ended, last } = known.get_mut();
                *ended = ended.plus(last.minus(sum));
                *last = sum;
                ended.plus(sum)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_values_keep_their_names_and_later_ones_are_other() {
        let mut limit = LabelLimit::new(2);
        let mut admit = |value| limit.admit("app", "sink", value);
        assert_eq!(["a", "b", "c", "a", "d", "b"].map(&mut admit), ["a", "b", "other", "a", "other", "b"]);
    }

    #[test]
    fn each_container_and_each_label_has_a_limit_of_its_own() {
        let mut limit = LabelLimit::new(1);
        let places = [("app", "sink"), ("app", "plugin"), ("audit", "sink")];
        let admitted = places.map(|(container, label)| limit.admit(container, label, container));
        assert_eq!(admitted, ["app", "app", "audit"]);
    }

    #[test]
    fn a_sum_does_not_fall_when_a_part_of_it_ends() {
        let mut limit = LabelLimit::new(1);
        let labels = vec![("sink", OTHER.to_owned())];
        let mut whole = |sum: u64| limit.sum_of_others("family", &labels, sum.into());
        assert_eq!([10, 15, 5, 6, 0, 2].map(&mut whole), [10, 15, 15, 16, 16, 18].map(FigureNumber::Whole));
        let mut real = |sum: f64| limit.sum_of_others("other family", &labels, sum.into());
        assert_eq!([1.5, 0.5, 1.0].map(&mut real), [1.5, 1.5, 2.0].map(FigureNumber::Real));
    }

    #[test]
    fn values_from_fixed_lists_are_never_other() {
        let mut limit = LabelLimit::new(1);
        assert_eq!(
            ["ring_full", "too_long"].map(|reason| limit.admit("app", "reason", reason)),
            ["ring_full", "too_long"]
        );
    }
}
