//! Keys of formats in which different fields may have one key, such as those without groups.
//!
//! A line has each key once. A template whose fields, with those of the scope and the shared context, have keys of their own is filled
//! as any other. All other events are written part by part, and a key that the line has already gets a number.

use std::collections::HashSet;

use fapilog_plugin::event::FieldRef;

use crate::template::{
    LineFormat,
    scope::{hash, spread},
};

/// The keys of some fields, by their hashes.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    hashes: Vec<u64>,
    /// A bit for each: two sets without a common bit have no common key.
    bits: [u64; 4],
    /// Whether a key came twice.
    has_twins: bool,
    /// Memory for a key's text.
    text: Vec<u8>,
}

impl KeySet {
    pub(super) const EMPTY: Self = Self { hashes: Vec::new(), bits: [0; 4], has_twins: false, text: Vec::new() };

    /// Removes all keys; the memory stays.
    pub(super) fn clear(&mut self) {
        self.hashes.clear();
        (self.bits, self.has_twins) = ([0; 4], false);
    }

    pub(super) fn add(&mut self, key: &[u8]) {
        let hash = hash(key);
        let bit = spread(hash) >> 56;
        if let Some(word) = self.bits.get_mut((bit >> 6) as usize) {
            *word |= 1 << (bit & 63);
        }
        self.has_twins |= self.hashes.contains(&hash);
        self.hashes.push(hash);
    }

    /// Adds the key that a format gives to a field.
    pub(super) fn add_of<F: LineFormat>(&mut self, format: &F, field: &FieldRef<'_>) {
        let mut key = std::mem::take(&mut self.text);
        key.clear();
        format.put_key(field.group, field.name, &mut key);
        self.add(&key);
        self.text = key;
    }

    /// Whether a key came twice, or two keys have one hash.
    pub(super) fn has_twins(&self) -> bool {
        self.has_twins
    }

    /// Whether a key is in both, or two keys have one hash.
    #[inline]
    pub(super) fn meets(&self, other: &Self) -> bool {
        let common = self.bits.iter().zip(&other.bits).fold(0, |met, (one, other)| met | (one & other));
        common != 0 && self.hashes.iter().any(|hash| other.hashes.contains(hash))
    }
}

/// The keys of the shared context, and whether its text has a place in templates.
#[derive(Debug, Default)]
pub(super) struct SharedKeys {
    keys: KeySet,
    /// Whether a field may stand in another part of the line.
    may_be_lifted: bool,
}

impl SharedKeys {
    /// Makes them those of other fields.
    pub(super) fn set(&mut self, may_be_lifted: bool) -> &mut KeySet {
        self.may_be_lifted = may_be_lifted;
        self.keys.clear();
        &mut self.keys
    }

    /// Whether all fields have their place in a template, beside fields of these keys.
    pub(super) fn fits(&self, others: [&KeySet; 2]) -> bool {
        !self.may_be_lifted && !self.keys.has_twins() && !others.into_iter().any(|other| other.meets(&self.keys))
    }
}

/// The keys of the line that is written part by part.
#[derive(Debug, Default)]
pub(super) struct LineKeys {
    hashes: HashSet<u64>,
    /// How many of its keys got a number.
    numbered: u32,
}

impl LineKeys {
    /// Forgets those of the line before; the memory stays.
    pub(super) fn clear(&mut self) {
        self.hashes.clear();
        self.numbered = 0;
    }

    /// Appends a key, by `put_own`, or by `put_numbered` if the line has that one already.
    pub(super) fn put(
        &mut self,
        out: &mut Vec<u8>,
        put_own: impl FnOnce(&mut Vec<u8>),
        put_numbered: impl Fn(u32, &mut Vec<u8>),
    ) {
        let start = out.len();
        put_own(out);
        // The number grows with every attempt, so a line with many such fields takes few of them.
        while !self.hashes.insert(hash(out.get(start..).unwrap_or_default())) {
            out.truncate(start);
            self.numbered = self.numbered.saturating_add(1);
            put_numbered(self.numbered.saturating_add(1), out);
            if self.numbered == u32::MAX {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(keys: &[&str]) -> KeySet {
        let mut set = KeySet::default();
        keys.iter().for_each(|key| set.add(key.as_bytes()));
        set
    }

    #[test]
    fn sets_meet_where_they_have_a_key_in_common() {
        let many: Vec<String> = (0..200).map(|number| format!("key{number}")).collect();
        let many = set(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(many.meets(&set(&["other", "key7"])) && !many.meets(&set(&["other", "key200"])));
        assert!(!many.meets(&KeySet::EMPTY) && !many.has_twins());
        let mut twins = set(&["a", "b", "a"]);
        assert!(twins.has_twins());
        twins.clear();
        assert!(!twins.has_twins() && !twins.meets(&set(&["a"])));
    }

    #[test]
    fn a_key_that_the_line_has_gets_a_number_until_the_next_line() {
        let mut keys = LineKeys::default();
        let put = |keys: &mut LineKeys, key: &str| {
            let mut out = b"{".to_vec();
            let own = |out: &mut Vec<u8>| out.extend_from_slice(key.as_bytes());
            keys.put(&mut out, own, |number, out| out.extend_from_slice(format!("{key}_{number}").as_bytes()));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(["a", "b", "a", "a_3", "a"].map(|key| put(&mut keys, key)), ["{a", "{b", "{a_2", "{a_3", "{a_4"]);
        keys.clear();
        assert_eq!(put(&mut keys, "a"), "{a");
    }
}
