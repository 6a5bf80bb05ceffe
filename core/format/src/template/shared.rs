//! Context that many events of a batch have in common.

use fapilog_plugin::event::FieldRef;
use fapilog_record::text::fixed::FixedText;

use crate::template::keys::KeySet;

/// The context that the last event shared with others, as it stands in a line.
#[derive(Debug, Default)]
pub(super) struct SharedText {
    /// Address and number of the fields: within one batch, they differ from those of all other fields.
    cached: (usize, usize),
    text: Vec<u8>,
    fixed: FixedText,
    keys: KeySet,
    /// Whether a field may stand in another part of the line.
    may_be_lifted: bool,
}

impl SharedText {
    /// Forgets the fields: the arena of the next batch may have other fields at the same address.
    pub(super) fn clear(&mut self) {
        self.cached = (0, 0);
    }

    /// Makes the text that of these fields: `render` appends it, and their keys in a format that has common ones, if it is not
    /// cached. `render` returns whether a field may be lifted.
    #[inline]
    pub(super) fn cache(
        &mut self,
        fields: &[FieldRef<'_>],
        render: impl FnOnce(&[FieldRef<'_>], &mut Vec<u8>, &mut KeySet) -> bool,
    ) {
        let wanted = (fields.as_ptr().addr(), fields.len());
        if wanted != self.cached && !fields.is_empty() {
            self.cached = wanted;
            self.text.clear();
            self.keys.clear();
            self.may_be_lifted = render(fields, &mut self.text, &mut self.keys);
            self.fixed.set(&self.text);
        }
    }

    /// The text that was cached last.
    #[inline(always)]
    pub(super) fn text(&self) -> &FixedText {
        &self.fixed
    }

    /// Whether all fields have their place in a template, beside fields of these keys.
    pub(super) fn fits(&self, others: [&KeySet; 2]) -> bool {
        !self.may_be_lifted && !self.keys.has_twins() && !others.into_iter().any(|other| other.meets(&self.keys))
    }
}
