//! Values, read in place.

use std::borrow::Cow;

use crate::json::{tape::TapeEntry, text::unescaped};

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonKind {
    Null,
    True,
    False,
    Number,
    Text,
    Array,
    Object,
}

/// A value of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonValue<'a> {
    line: &'a str,
    entries: &'a [TapeEntry],
    entry: TapeEntry,
    index: usize,
}

impl<'a> JsonValue<'a> {
    pub(super) fn new(line: &'a str, entries: &'a [TapeEntry], index: usize) -> Self {
        let nothing = TapeEntry { kind: JsonKind::Null, has_escapes: false, start: 0, end: 0, next: 0 };
        Self { line, entries, entry: entries.get(index).copied().unwrap_or(nothing), index }
    }

    pub(crate) fn kind(self) -> JsonKind {
        self.entry.kind
    }

    /// The value as it stands in the line.
    pub(crate) fn raw(self) -> &'a str {
        self.line.get(self.entry.start as usize..self.entry.end as usize).unwrap_or_default()
    }

    /// The text of a string; other values as they stand in the line.
    pub(crate) fn text(self) -> Cow<'a, str> {
        match self.kind() {
            JsonKind::Text => unescaped(self.inside(), self.entry.has_escapes),
            _ => Cow::Borrowed(self.raw()),
        }
    }

    /// A string without its quotes.
    fn inside(self) -> &'a str {
        let raw = self.raw();
        raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default()
    }

    fn is_text(self, text: &str) -> bool {
        if self.entry.has_escapes { self.text() == text } else { self.inside() == text }
    }

    /// The value of a key: the first one, if the key is there several times.
    pub(crate) fn get(self, key: &str) -> Option<Self> {
        self.members().find(|(name, _)| name.is_text(key)).map(|(_, value)| value)
    }

    /// Keys and values of an object; nothing of other values.
    pub(crate) fn members(self) -> impl Iterator<Item = (Self, Self)> + use<'a> {
        let mut contained = self.contained(JsonKind::Object);
        std::iter::from_fn(move || Some((contained.next()?, contained.next()?)))
    }

    /// Elements of an array; nothing of other values.
    pub(crate) fn elements(self) -> impl Iterator<Item = Self> + use<'a> {
        self.contained(JsonKind::Array)
    }

    fn contained(self, kind: JsonKind) -> impl Iterator<Item = Self> + use<'a> {
        let (line, entries) = (self.line, self.entries);
        let end = if self.kind() == kind { self.entry.next as usize } else { 0 };
        let mut index = self.index + 1;
        std::iter::from_fn(move || {
            let value = (index < end).then(|| Self::new(line, entries, index))?;
            index = value.entry.next as usize;
            Some(value)
        })
    }
}
