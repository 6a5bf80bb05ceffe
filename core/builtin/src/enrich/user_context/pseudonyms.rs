//! The pseudonyms of a batch.

use std::fmt::Write as _;

use bumpalo::{
    Bump,
    collections::{String as BumpString, Vec as BumpVec},
};
use fapilog_record::{keyed_hash::KeyedHash, value::ValueRef};

/// The most values of a batch that are kept with their pseudonyms. Comparing with so many takes less than a hash.
const KEPT_MAX: usize = 16;

/// Values of a batch with their pseudonyms, and names in its arena.
pub(super) struct KnownPseudonyms<'batch> {
    arena: &'batch Bump,
    /// Used as a ring: the newest replaces the oldest.
    pseudonyms: BumpVec<'batch, (&'batch str, &'batch str)>,
    next: usize,
    names: BumpVec<'batch, &'batch str>,
}

impl<'batch> KnownPseudonyms<'batch> {
    pub(super) fn new(arena: &'batch Bump) -> Self {
        Self { arena, pseudonyms: BumpVec::new_in(arena), next: 0, names: BumpVec::new_in(arena) }
    }

    /// The value with a pseudonym in its place. Nothing, empty texts and what is redacted already stay.
    pub(super) fn of(&mut self, value: ValueRef<'batch>, hash: &KeyedHash, scratch: &mut String) -> ValueRef<'batch> {
        let plain: &'batch str = match value {
            ValueRef::None | ValueRef::Text("") => return value,
            value if value.is_redaction() => return value,
            ValueRef::Text(text) => text,
            value => {
                let mut text = BumpString::new_in(self.arena);
                // Memory for it is all that it needs.
                let _ = write!(text, "{value}");
                text.into_bump_str()
            }
        };
        ValueRef::Text(self.of_text(plain, hash, scratch))
    }

    fn of_text(&mut self, plain: &'batch str, hash: &KeyedHash, scratch: &mut String) -> &'batch str {
        if let Some((_, pseudonym)) = self.pseudonyms.iter().find(|(known, _)| *known == plain) {
            return pseudonym;
        }
        scratch.clear();
        hash.put(plain, scratch);
        let pseudonym: &'batch str = self.arena.alloc_str(scratch);
        match self.pseudonyms.get_mut(self.next) {
            Some(oldest) => *oldest = (plain, pseudonym),
            None => self.pseudonyms.push((plain, pseudonym)),
        }
        self.next = (self.next + 1) % KEPT_MAX;
        pseudonym
    }

    /// The name in the batch's arena, copied once.
    pub(super) fn name(&mut self, name: &str) -> &'batch str {
        if let Some(known) = self.names.iter().find(|known| **known == name) {
            return known;
        }
        let name: &'batch str = self.arena.alloc_str(name);
        self.names.push(name);
        name
    }
}
