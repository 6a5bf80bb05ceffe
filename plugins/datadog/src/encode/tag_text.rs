//! The text of `ddtags`.

use fapilog_plugin::{event::FieldRef, text::plain::put_plain, value::ValueRef};

/// The longest tag, in characters: Datadog cuts longer ones.
pub(crate) const TAG_CHARS_MAX: usize = 200;

/// A longest tag in bytes, so that it is never more than [`TAG_CHARS_MAX`] characters.
const TAG_BYTES_MAX: usize = TAG_CHARS_MAX;

/// Tags behind so many bytes are fields of the entry alone.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// Joins the tags of the settings and those of an event. Its memory is kept.
#[derive(Debug, Default)]
pub(super) struct TagText {
    text: Vec<u8>,
}

impl TagText {
    /// The tags with commas between. `None`: there are none.
    pub(super) fn join(&mut self, constant: &str, tags: &[FieldRef<'_>]) -> Option<&str> {
        self.text.clear();
        self.text.extend_from_slice(constant.as_bytes());
        for tag in tags {
            self.add(tag);
        }
        std::str::from_utf8(&self.text).ok().filter(|text| !text.is_empty())
    }

    /// Adds `name:value`. Lists, maps and bytes that are no text are no tags.
    fn add(&mut self, tag: &FieldRef<'_>) {
        let before = self.text.len();
        if !self.text.is_empty() {
            self.text.push(b',');
        }
        let start = self.text.len();
        self.text.extend_from_slice(tag.name.as_bytes());
        self.text.push(b':');
        match tag.value {
            ValueRef::Text(text) => self.text.extend_from_slice(text.as_bytes()),
            ValueRef::None | ValueRef::Sequence(_) | ValueRef::Map(_) | ValueRef::Bytes(_) => {
                self.text.truncate(before)
            }
            value => put_plain(&mut self.text, value),
        }
        self.cut(start);
        if self.text.len() > TEXT_BYTES_MAX {
            self.text.truncate(before);
        }
        // A comma would begin another tag.
        if let Some(added) = self.text.get_mut(start..) {
            added.iter_mut().filter(|byte| **byte == b',').for_each(|byte| *byte = b'_');
        }
    }

    /// Cuts the tag that begins at `start`, between two characters.
    fn cut(&mut self, start: usize) {
        let mut end = start.saturating_add(TAG_BYTES_MAX);
        if self.text.len() <= end {
            return;
        }
        // A byte that continues a character.
        while self.text.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
            end -= 1;
        }
        self.text.truncate(end);
    }
}
