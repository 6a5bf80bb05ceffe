//! The limit for values of labels: each makes a time series in the database, for good.

use std::collections::{HashMap, HashSet};

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
}

impl LabelLimit {
    pub(crate) fn new(values_max: usize) -> Self {
        Self { values_max, admitted: HashMap::new() }
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
    fn values_from_fixed_lists_are_never_other() {
        let mut limit = LabelLimit::new(1);
        assert_eq!(
            ["ring_full", "too_long"].map(|reason| limit.admit("app", "reason", reason)),
            ["ring_full", "too_long"]
        );
    }
}
