//! Names of attributes: a record has each once.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

/// The names of the record that is written part by part.
#[derive(Debug, Default)]
pub(super) struct AttributeNames {
    hashes: HashSet<u64>,
    hasher: RandomState,
    /// How many names got a number.
    numbered: u32,
    text: Vec<u8>,
}

impl AttributeNames {
    /// Forgets those of the record before; the memory stays.
    pub(super) fn clear(&mut self) {
        self.hashes.clear();
        self.numbered = 0;
    }

    /// Adds a name. Returns the number that stands behind it, if the record has it already: as the formatter `otel_json` counts them.
    pub(super) fn number_of(&mut self, (prefix, name): (&str, &str)) -> Option<u32> {
        self.text.clear();
        self.text.extend_from_slice(prefix.as_bytes());
        self.text.extend_from_slice(name.as_bytes());
        let own_len = self.text.len();
        let mut number = None;
        // The number grows with every attempt, so a record with many such fields takes few of them.
        while !self.hashes.insert(self.hasher.hash_one(self.text.as_slice())) && self.numbered < u32::MAX - 1 {
            self.numbered += 1;
            number = Some(self.numbered + 1);
            self.text.truncate(own_len);
            self.text.push(b'_');
            fapilog_plugin::text::number::put_u64(&mut self.text, (self.numbered + 1).into());
        }
        number
    }
}

/// A list of names, in memory that is used again.
#[derive(Debug, Default)]
pub(super) struct NameList {
    text: Vec<u8>,
    ends: Vec<usize>,
    has_twins: bool,
}

impl NameList {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.has_twins = false;
    }

    pub(super) fn add(&mut self, (prefix, name): (&str, &str)) {
        let start = self.text.len();
        self.text.extend_from_slice(prefix.as_bytes());
        self.text.extend_from_slice(name.as_bytes());
        let added = self.text.get(start..).unwrap_or_default();
        let is_known = self.iter().any(|known| known == added);
        self.has_twins |= is_known;
        self.ends.push(self.text.len());
    }

    /// Whether a name came twice.
    pub(super) fn has_twins(&self) -> bool {
        self.has_twins
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.iter().any(|name| other.iter().any(|known| known == name))
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let name = self.text.get(start..*end).unwrap_or_default();
            start = *end;
            name
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_the_record_has_gets_a_number_until_the_next_record() {
        let mut names = AttributeNames::default();
        let numbers = ["a", "b", "a", "a_3", "a"].map(|name| names.number_of(("", name)));
        assert_eq!(numbers, [None, None, Some(2), None, Some(4)]);
        names.clear();
        assert_eq!(names.number_of(("", "a")), None);
    }

    #[test]
    fn lists_meet_where_they_have_a_name_in_common() {
        let list = |names: &[(&'static str, &str)]| {
            let mut list = NameList::default();
            names.iter().for_each(|name| list.add(*name));
            list
        };
        let list_of_two = list(&[("", "a"), ("field.", "b")]);
        assert!(list_of_two.meets(&list(&[("", "x"), ("", "field.b")])) && !list_of_two.meets(&list(&[("", "b")])));
        assert!(!list_of_two.has_twins() && list(&[("", "a"), ("", "b"), ("", "a")]).has_twins());
    }
}
