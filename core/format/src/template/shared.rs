//! Context that many events of a batch have in common.

use fapilog_plugin::event::FieldRef;
use fapilog_record::text::fixed::FixedText;

/// The context that the last event shared with others, as it stands in a line.
#[derive(Debug, Default)]
pub(crate) struct SharedText {
    /// Address and number of the fields: within one batch, they differ from those of all other fields.
    cached: (usize, usize),
    text: Vec<u8>,
    fixed: FixedText,
}

impl SharedText {
    /// Forgets the fields: the arena of the next batch may have other fields at the same address.
    pub(crate) fn clear(&mut self) {
        self.cached = (0, 0);
    }

    /// Makes the text that of these fields: `render` appends it, if it is not cached.
    #[inline]
    pub(crate) fn cache(&mut self, fields: &[FieldRef<'_>], render: impl FnOnce(&[FieldRef<'_>], &mut Vec<u8>)) {
        let wanted = (fields.as_ptr().addr(), fields.len());
        if wanted != self.cached && !fields.is_empty() {
            self.cached = wanted;
            self.text.clear();
            render(fields, &mut self.text);
            self.fixed.set(&self.text);
        }
    }

    /// The text that was cached last.
    #[inline(always)]
    pub(crate) fn text(&self) -> &FixedText {
        &self.fixed
    }
}
