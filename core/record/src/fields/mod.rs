//! Fields that are collected at run time: for adapters of other logging libraries, whose calls name and type their own.

mod appended_text;
mod arguments;

use std::{error::Error, fmt};

pub use self::arguments::FieldArguments;
use crate::{
    dynamic::{self, KEY_MAX_BYTES},
    field_group::FieldGroup,
    self_typed::{SelfTypedWriter, types},
    text::bounded::front,
    value::{self, Kind, Value, ValueRef},
};

/// Fields of an event or a scope, in the order in which they are put.
///
/// An adapter makes one for a call, and keeps the memory of it for the next call.
///
/// ```
/// use fapilog_record::{field_group::FieldGroup, fields::Fields, value::ValueRef};
///
/// let mut fields = Fields::new();
/// fields.put_display(FieldGroup::Message, "", &format_args!("{} rows came in", 3));
/// fields.put(FieldGroup::Context, "rows", ValueRef::U64(3));
/// assert_eq!(fields.len(), 2);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Fields {
    /// In the form of a [`dynamic`] record's fields.
    bytes: Vec<u8>,
    entries: Vec<FieldEntry>,
}

/// The place of a field.
#[derive(Debug, Clone, Copy)]
struct FieldEntry {
    group: FieldGroup,
    kind: &'static Kind,
    start: usize,
    key_start: usize,
    key_end: usize,
    value_start: usize,
    end: usize,
    is_cut: bool,
}

impl Fields {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), entries: Vec::new() }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether one of them was cut when it was put: its name, or a value that is longer than any record.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.entries.iter().any(|entry| entry.is_cut)
    }

    /// Removes all, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// Removes all but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        if let Some(first) = self.entries.get(len) {
            self.bytes.truncate(first.start);
            self.entries.truncate(len);
        }
    }

    /// The memory that is kept for fields, in bytes.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<FieldEntry>()
    }

    /// Puts a field. The message is a field of [`FieldGroup::Message`], whose name is empty.
    #[inline]
    pub fn put(&mut self, group: FieldGroup, name: &str, value: ValueRef<'_>) {
        let begun = self.begin(group, name);
        let mut out = SelfTypedWriter::appending(&mut self.bytes);
        out.value_ref(value);
        let is_cut = out.finish().is_cut;
        self.end(begun, None, is_cut);
    }

    /// Puts a value as a log call would log it.
    #[inline]
    pub fn bind<T: Value + ?Sized>(&mut self, group: FieldGroup, name: &str, value: &T) {
        let begun = self.begin(group, name);
        let mut out = SelfTypedWriter::appending(&mut self.bytes);
        value.put_self_typed(&mut out);
        let is_cut = out.finish().is_cut;
        let kind = matches!(T::KIND, Kind::DebugText).then_some(&T::KIND);
        self.end(begun, kind, is_cut);
    }

    /// Puts the text that `Display` writes. A panic is caught, and a text stands for it.
    pub fn put_display<T: fmt::Display + ?Sized>(&mut self, group: FieldGroup, name: &str, value: &T) {
        self.put_formatted(group, name, None, |out| write!(out, "{value}"));
    }

    /// Puts the text that `Debug` writes. A panic is caught, and a text stands for it.
    pub fn put_debug<T: fmt::Debug + ?Sized>(&mut self, group: FieldGroup, name: &str, value: &T) {
        self.put_formatted(group, name, Some(&Kind::DebugText), |out| write!(out, "{value:?}"));
    }

    /// Puts a text that user code writes, without a copy of it elsewhere.
    fn put_formatted(
        &mut self,
        group: FieldGroup,
        name: &str,
        kind: Option<&'static Kind>,
        text: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result,
    ) {
        let begun = self.begin(group, name);
        let is_cut = appended_text::append_text(&mut self.bytes, text);
        self.end(begun, kind, is_cut);
    }

    /// Puts the text of an error and its sources, `outer: inner: innermost`.
    pub fn put_error(&mut self, group: FieldGroup, name: &str, error: &(dyn Error + 'static)) {
        self.bind(group, name, &value::error_chain(error));
    }

    /// Puts a value that is written piece by piece: a sequence or a map whose elements are known at run time.
    ///
    /// ```
    /// use fapilog_record::{field_group::FieldGroup, fields::Fields, value::ValueRef};
    ///
    /// let mut fields = Fields::new();
    /// fields.put_with(FieldGroup::Context, "order", |value| {
    ///     value.map(|entries| {
    ///         entries.entry_with("id", |value| value.value(ValueRef::U64(42)));
    ///         entries.entry_with("fills", |value| {
    ///             value.sequence(|elements| elements.element_with(|value| value.value(ValueRef::F64(0.5))));
    ///         });
    ///     });
    /// });
    /// # let (_, _, value) = fields.iter().next().unwrap();
    /// # assert_eq!(value.to_string(), "{id: 42, fills: [0.5]}");
    /// ```
    pub fn put_with(&mut self, group: FieldGroup, name: &str, write: impl FnOnce(&mut SelfTypedWriter<'_>)) {
        let begun = self.begin(group, name);
        let mut out = SelfTypedWriter::appending(&mut self.bytes);
        write(&mut out);
        if out.is_unwritten() {
            out.none();
        }
        let is_cut = out.finish().is_cut;
        self.end(begun, None, is_cut);
    }

    /// Group, name and value of each field.
    pub fn iter(&self) -> impl Iterator<Item = (FieldGroup, &str, ValueRef<'_>)> {
        dynamic::DynamicFields::new(&self.bytes)
    }

    /// The fields as those of a [`dynamic`] record or a scope.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The arguments of a log call that has these fields.
    #[must_use]
    pub fn arguments(&self) -> FieldArguments<'_> {
        FieldArguments::new(self)
    }

    /// Whether names and kinds are these.
    pub(crate) fn are_of(&self, names_and_kinds: &[FieldShape]) -> bool {
        self.entries.len() == names_and_kinds.len()
            && self.entries.iter().zip(names_and_kinds).all(|(entry, shape)| {
                entry.group == shape.group
                    && entry.kind == shape.kind
                    && self.name_bytes(entry) == shape.name.as_bytes()
            })
    }

    /// The length of all names.
    pub(crate) fn names_bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.key_end - entry.key_start).sum()
    }

    /// Names and kinds.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = FieldShape> {
        self.entries.iter().map(|entry| {
            let name = std::str::from_utf8(self.name_bytes(entry)).unwrap_or_default();
            FieldShape { group: entry.group, kind: entry.kind, name: name.into() }
        })
    }

    /// Writes group and key.
    #[inline]
    fn begin(&mut self, group: FieldGroup, name: &str) -> FieldEntry {
        let start = self.bytes.len();
        let is_cut = name.len() > KEY_MAX_BYTES;
        let name = front(name, KEY_MAX_BYTES);
        self.bytes.push(group.to_byte());
        // Held to `u16` above.
        self.bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
        let key_start = self.bytes.len();
        self.bytes.extend_from_slice(name.as_bytes());
        let key_end = self.bytes.len();
        if is_cut {
            self.bytes.push(types::CUT);
        }
        let value_start = self.bytes.len();
        FieldEntry { group, kind: &Kind::SelfTyped, start, key_start, key_end, value_start, end: value_start, is_cut }
    }

    /// Enters the field, whose value is written. `kind` is that of a text, if it is not a plain one.
    #[inline]
    fn end(&mut self, mut entry: FieldEntry, kind: Option<&'static Kind>, is_cut: bool) {
        entry.end = self.bytes.len();
        if entry.is_cut {
            // Its value keeps its type, so that it has a bit in the mask whatever it is.
            return self.entries.push(entry);
        }
        if is_cut {
            self.bytes.insert(entry.value_start, types::CUT);
            (entry.value_start, entry.end, entry.is_cut) = (entry.value_start + 1, entry.end + 1, true);
        }
        entry.kind = kind_of(self.value_bytes(&entry), kind);
        self.entries.push(entry);
    }

    fn name_bytes(&self, entry: &FieldEntry) -> &[u8] {
        self.bytes.get(entry.key_start..entry.key_end).unwrap_or_default()
    }

    /// The value with its type in front.
    fn value_bytes(&self, entry: &FieldEntry) -> &[u8] {
        self.bytes.get(entry.value_start..entry.end).unwrap_or_default()
    }
}

/// The kind that a value has as an argument. `text_kind` is that of a text, if it is not a plain one.
///
/// All but texts are of kinds whose wire form is the value behind its type, so that it is copied as it is.
#[inline]
fn kind_of(value: &[u8], text_kind: Option<&'static Kind>) -> &'static Kind {
    match value.first().copied() {
        Some(types::FALSE | types::TRUE) => &Kind::Bool,
        Some(types::CHAR) => &Kind::Char,
        Some(types::I64) => &Kind::I64,
        Some(types::U64) => &Kind::U64,
        Some(types::I128) => &Kind::I128,
        Some(types::U128) => &Kind::U128,
        Some(types::F32) => &Kind::F32,
        Some(types::F64) => &Kind::F64,
        Some(types::DURATION) => &Kind::Duration,
        Some(types::TIME) => &Kind::Time,
        Some(types::UUID) => &Kind::Uuid,
        Some(types::TEXT) => text_kind.unwrap_or(&Kind::Text),
        _ => &Kind::SelfTyped,
    }
}

/// Name and kind of a field.
#[derive(Debug, Clone)]
pub(crate) struct FieldShape {
    pub(crate) group: FieldGroup,
    pub(crate) name: Box<str>,
    pub(crate) kind: &'static Kind,
}

#[cfg(test)]
mod tests;
