//! Counters by name.

use std::{cmp::Reverse, collections::HashMap};

use serde::Serialize;

/// How many names are counted by themselves. Events of further names are counted together.
const MAX_NAMES: usize = 100_000;

/// How much of a name is kept.
const MAX_NAME_BYTES: usize = 256;

/// Events and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct EventsAndBytes {
    events: u64,
    bytes: u64,
}

/// Counters by name.
#[derive(Debug, Default)]
pub(super) struct NameCounts {
    by_name: HashMap<String, EventsAndBytes>,
    others: EventsAndBytes,
}

/// A name and its counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CountedName {
    pub(crate) name: String,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

/// The first names of an order, and the counters of all others.
#[derive(Debug, Serialize)]
pub(crate) struct TopNames {
    pub(crate) names: Vec<CountedName>,
    pub(crate) other_events: u64,
    pub(crate) other_bytes: u64,
}

impl NameCounts {
    pub(super) fn add(&mut self, name: &str, bytes: u64) {
        let name = bounded(name);
        let has_room = self.by_name.len() < MAX_NAMES;
        let counts = match self.by_name.get_mut(name) {
            Some(counts) => counts,
            None if has_room => self.by_name.entry(name.to_owned()).or_default(),
            None => &mut self.others,
        };
        counts.events += 1;
        counts.bytes += bytes;
    }

    /// The names with the most events.
    pub(super) fn by_events(&self, count: usize) -> TopNames {
        self.top(count, |name| name.events)
    }

    /// The names with the most bytes.
    pub(super) fn by_bytes(&self, count: usize) -> TopNames {
        self.top(count, |name| name.bytes)
    }

    fn top(&self, count: usize, measure: impl Fn(&CountedName) -> u64) -> TopNames {
        let counted = self.by_name.iter();
        let mut names: Vec<_> =
            counted.map(|(name, it)| CountedName { name: name.clone(), events: it.events, bytes: it.bytes }).collect();
        names.sort_by(|one, other| (Reverse(measure(one)), &one.name).cmp(&(Reverse(measure(other)), &other.name)));
        let others = names.split_off(count.min(names.len()));
        TopNames {
            names,
            other_events: self.others.events + others.iter().map(|name| name.events).sum::<u64>(),
            other_bytes: self.others.bytes + others.iter().map(|name| name.bytes).sum::<u64>(),
        }
    }
}

/// The front of a name that is too long.
pub(super) fn bounded(name: &str) -> &str {
    name.get(..name.floor_char_boundary(MAX_NAME_BYTES)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_names_are_those_with_the_most() {
        let mut counts = NameCounts::default();
        for (name, bytes) in [("a", 1), ("b", 50), ("a", 1), ("c", 2)] {
            counts.add(name, bytes);
        }
        let names = |top: TopNames| top.names.into_iter().map(|name| name.name).collect::<Vec<_>>();
        assert_eq!(names(counts.by_events(2)), ["a", "b"]);
        assert_eq!(names(counts.by_bytes(1)), ["b"]);
        let top = counts.by_events(1);
        assert_eq!((top.other_events, top.other_bytes), (2, 52));
    }

    #[test]
    fn names_beyond_the_limit_are_counted_together() {
        let mut counts = NameCounts::default();
        (0..MAX_NAMES + 5).for_each(|number| counts.add(&number.to_string(), 1));
        assert_eq!(counts.by_name.len(), MAX_NAMES);
        assert_eq!(counts.by_events(0).other_events, MAX_NAMES as u64 + 5);
    }
}
