//! Facts about the names of fields that are known at run time only.

use std::collections::HashMap;

use crate::redact::{
    content_search::ContentSearch,
    names::{NamedData, sensitive},
    rules::Rules,
};

/// The most names that are kept. Most programs have some hundred; one that makes up names must not fill the memory.
const KEYS_MAX: usize = 4096;
/// The longest name that is kept, in bytes.
const KEY_MAX_BYTES: usize = 128;

/// The facts that follow from a name, whatever the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyFacts {
    pub(super) named: Option<NamedData>,
    /// The name itself holds sensitive data: `{"ada@example.com": 3}`.
    pub(super) is_sensitive: bool,
}

/// The facts about names, each found out once.
#[derive(Debug, Default)]
pub(super) struct KeyCache {
    known: HashMap<Box<str>, KeyFacts>,
}

impl KeyCache {
    pub(super) fn facts(&mut self, rules: &Rules, key: &str, search: &mut ContentSearch) -> KeyFacts {
        if let Some(known) = self.known.get(key) {
            return *known;
        }
        let facts = facts_of(rules, key, search);
        if key.len() <= KEY_MAX_BYTES {
            if self.known.len() >= KEYS_MAX {
                self.known.clear();
            }
            self.known.insert(key.into(), facts);
        }
        facts
    }
}

/// The data under the name of an argument. The name is a text of the program, and holds no data itself.
pub(super) fn named(rules: &Rules, key: &str) -> Option<NamedData> {
    sensitive(key).filter(|named| rules.names.has(named.class))
}

fn facts_of(rules: &Rules, key: &str, search: &mut ContentSearch) -> KeyFacts {
    KeyFacts { named: named(rules, key), is_sensitive: search.finds(key) }
}
