//! Context that many events of a batch have in common, as members of the object in the column `fields`.

use fapilog_plugin::event::FieldRef;

use crate::csv::{column::CsvColumn, row::put_member};

/// The members of the context that the last event shared with others: those that have no column of their own, each behind a comma.
#[derive(Debug, Default)]
pub(super) struct SharedMembers {
    /// Address and number of the fields: within one batch, they differ from those of all other fields.
    cached: (usize, usize),
    text: Vec<u8>,
}

impl SharedMembers {
    /// Forgets the fields: the arena of the next batch may have other fields at the same address.
    pub(super) fn clear(&mut self) {
        self.cached = (0, 0);
    }

    #[inline]
    pub(super) fn cache(&mut self, fields: &[FieldRef<'_>], columns: &[CsvColumn]) {
        let wanted = (fields.as_ptr().addr(), fields.len());
        if wanted != self.cached && !fields.is_empty() {
            self.cached = wanted;
            self.text.clear();
            // Shared fields are UTF-8: none is marked.
            fields.iter().for_each(|field| {
                put_member(field, columns, &mut self.text);
            });
        }
    }

    /// The members, each behind a comma.
    #[inline(always)]
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }
}
