//! Context that many events of a batch have in common.

use fapilog_plugin::event::FieldRef;
use fapilog_record::text::fixed::FixedText;

/// The context that the last event shared with others, as it stands in a line.
#[derive(Debug, Default)]
pub(crate) struct SharedText {
    /// Where the fields are, and how many: within one batch, that tells them from all others.
    of: (usize, usize),
    text: Vec<u8>,
    fixed: FixedText,
}

impl SharedText {
    /// A new batch begins, whose arena may have other fields at the same place.
    pub(crate) fn forget(&mut self) {
        self.of = (0, 0);
    }

    /// Sees to it that the text is that of these fields: `render` appends it, if it is not.
    #[inline]
    pub(crate) fn learn(&mut self, fields: &[FieldRef<'_>], render: impl FnOnce(&mut Vec<u8>, &[FieldRef<'_>])) {
        let of = (fields.as_ptr().addr(), fields.len());
        if of != self.of && !fields.is_empty() {
            self.of = of;
            self.text.clear();
            render(&mut self.text, fields);
            self.fixed.set(&self.text);
        }
    }

    /// The text that was learnt last.
    #[inline(always)]
    pub(crate) fn text(&self) -> &FixedText {
        &self.fixed
    }
}
