//! Fields that are collected at run time: for adapters of other logging libraries, whose calls name and type their own.

mod appended_text;
mod arguments;
mod field_kind;

use std::{error::Error, fmt};

pub use self::arguments::FieldArguments;
use self::{arguments::tail_bytes, field_kind::FieldKind};
use crate::{
    dynamic::{self, KEY_MAX_BYTES, KEY_START},
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
    /// The bytes of all wire forms.
    root_bytes: usize,
    /// The bytes of all tails.
    tail_bytes: usize,
}

/// The place of a field.
#[derive(Debug, Clone, Copy)]
struct FieldEntry {
    group: FieldGroup,
    kind: FieldKind,
    is_cut: bool,
    key_bytes: u16,
    start: usize,
    value_start: usize,
    end: usize,
}

/// The memory that is reserved for a value beside its text, so that a field of most types is appended without a second look.
const VALUE_BYTES: usize = 24;

impl Fields {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), entries: Vec::new(), root_bytes: 0, tail_bytes: 0 }
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
        (self.root_bytes, self.tail_bytes) = (0, 0);
    }

    /// Removes all but the first `len`, and what is left of a field whose value panicked while it was written.
    pub fn truncate(&mut self, len: usize) {
        self.entries.truncate(len);
        self.bytes.truncate(self.end_of_last());
        self.root_bytes = self.entries.iter().map(|entry| entry.kind.wire_bytes()).sum();
        self.tail_bytes = self.entries.iter().map(tail_bytes).fold(0, usize::saturating_add);
    }

    /// The memory that is kept for fields, in bytes.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<FieldEntry>()
    }

    /// Puts a field. The message is a field of [`FieldGroup::Message`], whose name is empty.
    #[inline]
    pub fn put(&mut self, group: FieldGroup, name: &str, value: ValueRef<'_>) {
        match value {
            ValueRef::Bool(false) => self.put_bytes(group, name, FieldKind::Bool, &[types::FALSE], &[]),
            ValueRef::Bool(true) => self.put_bytes(group, name, FieldKind::Bool, &[types::TRUE], &[]),
            ValueRef::I64(n) => self.put_bytes(group, name, FieldKind::I64, &[types::I64], &n.to_le_bytes()),
            ValueRef::U64(n) => self.put_bytes(group, name, FieldKind::U64, &[types::U64], &n.to_le_bytes()),
            ValueRef::F64(x) => self.put_bytes(group, name, FieldKind::F64, &[types::F64], &x.to_le_bytes()),
            ValueRef::Text(text) => self.put_text(group, name, text),
            other => self.put_any(group, name, other),
        }
    }

    fn put_text(&mut self, group: FieldGroup, name: &str, text: &str) {
        match u32::try_from(text.len()) {
            Ok(count) => {
                let [a, b, c, d] = count.to_le_bytes();
                self.put_bytes(group, name, FieldKind::Text, &[types::TEXT, a, b, c, d], text.as_bytes());
            }
            // It is cut.
            Err(_) => self.put_any(group, name, ValueRef::Text(text)),
        }
    }

    /// Puts a value of this kind, in its form with the type in front.
    #[inline(always)]
    fn put_bytes(&mut self, group: FieldGroup, name: &str, kind: FieldKind, front: &[u8], bytes: &[u8]) {
        let entry = self.begin(group, name, front.len() + bytes.len());
        self.bytes.extend_from_slice(front);
        self.bytes.extend_from_slice(bytes);
        self.enter(entry, kind);
    }

    fn put_any(&mut self, group: FieldGroup, name: &str, value: ValueRef<'_>) {
        let begun = self.begin(group, name, VALUE_BYTES);
        let mut out = SelfTypedWriter::appending(&mut self.bytes);
        out.value_ref(value);
        let is_cut = out.finish().is_cut;
        self.end(begun, FieldKind::Text, is_cut);
    }

    /// Puts a value as a log call would log it.
    #[inline]
    pub fn bind<T: Value + ?Sized>(&mut self, group: FieldGroup, name: &str, value: &T) {
        let begun = self.begin(group, name, VALUE_BYTES);
        let mut out = SelfTypedWriter::appending(&mut self.bytes);
        value.put_self_typed(&mut out);
        let is_cut = out.finish().is_cut;
        let text_kind = if matches!(T::KIND, Kind::DebugText) { FieldKind::DebugText } else { FieldKind::Text };
        self.end(begun, text_kind, is_cut);
    }

    /// Puts the text that `Display` writes. A panic is caught, and a text stands for it.
    pub fn put_display<T: fmt::Display + ?Sized>(&mut self, group: FieldGroup, name: &str, value: &T) {
        self.put_formatted(group, name, FieldKind::Text, |out| write!(out, "{value}"));
    }

    /// Puts the text that `Debug` writes. A panic is caught, and a text stands for it.
    pub fn put_debug<T: fmt::Debug + ?Sized>(&mut self, group: FieldGroup, name: &str, value: &T) {
        self.put_formatted(group, name, FieldKind::DebugText, |out| write!(out, "{value:?}"));
    }

    /// Puts a text that user code writes, without a copy of it elsewhere.
    fn put_formatted(
        &mut self,
        group: FieldGroup,
        name: &str,
        kind: FieldKind,
        text: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result,
    ) {
        let begun = self.begin(group, name, VALUE_BYTES);
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
        let begun = self.begin(group, name, VALUE_BYTES);
        let mut out = SelfTypedWriter::appending(&mut self.bytes);
        write(&mut out);
        if out.is_unwritten() {
            out.none();
        }
        let is_cut = out.finish().is_cut;
        self.end(begun, FieldKind::Text, is_cut);
    }

    /// Group, name and value of each field.
    pub fn iter(&self) -> impl Iterator<Item = (FieldGroup, &str, ValueRef<'_>)> {
        dynamic::DynamicFields::new(self.bytes())
    }

    /// The fields as those of a [`dynamic`] record or a scope.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.end_of_last()).unwrap_or_default()
    }

    /// Bytes behind it are left of a field whose value panicked while it was written.
    #[inline]
    fn end_of_last(&self) -> usize {
        self.entries.last().map_or(0, |last| last.end)
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
        self.entries.iter().map(|entry| usize::from(entry.key_bytes)).sum()
    }

    /// Names and kinds.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = FieldShape> {
        self.entries.iter().map(|entry| {
            let name = std::str::from_utf8(self.name_bytes(entry)).unwrap_or_default();
            FieldShape { group: entry.group, kind: entry.kind, name: name.into() }
        })
    }

    /// Writes group and key, and reserves memory for the value.
    #[inline]
    fn begin(&mut self, group: FieldGroup, name: &str, value_bytes: usize) -> FieldEntry {
        let start = self.end_of_last();
        self.bytes.truncate(start);
        let is_cut = name.len() > KEY_MAX_BYTES;
        let name = front(name, KEY_MAX_BYTES);
        self.bytes.reserve(KEY_START + name.len() + 1 + value_bytes);
        // Held to `u16` above.
        let key_bytes = name.len() as u16;
        let [low, high] = key_bytes.to_le_bytes();
        self.bytes.extend_from_slice(&[group.to_byte(), low, high]);
        self.bytes.extend_from_slice(name.as_bytes());
        if is_cut {
            self.bytes.push(types::CUT);
        }
        let value_start = self.bytes.len();
        FieldEntry { group, kind: FieldKind::SelfTyped, is_cut, key_bytes, start, value_start, end: value_start }
    }

    /// Enters the field, whose value is written. `text_kind` is its kind if it is a text.
    #[inline]
    fn end(&mut self, mut entry: FieldEntry, text_kind: FieldKind, is_cut: bool) {
        let is_value_cut = is_cut && !entry.is_cut;
        if is_value_cut {
            self.bytes.insert(entry.value_start, types::CUT);
            (entry.value_start, entry.is_cut) = (entry.value_start + 1, true);
        }
        let kind = FieldKind::of(self.bytes.get(entry.value_start..).unwrap_or_default(), text_kind);
        if is_value_cut { self.enter_as(entry, kind) } else { self.enter(entry, kind) }
    }

    /// Enters a field of this kind.
    #[inline]
    fn enter(&mut self, entry: FieldEntry, kind: FieldKind) {
        // The value of a field whose name was cut keeps its type, so that it has a bit in the mask whatever it is.
        self.enter_as(entry, if entry.is_cut { FieldKind::SelfTyped } else { kind });
    }

    #[inline]
    fn enter_as(&mut self, mut entry: FieldEntry, kind: FieldKind) {
        (entry.kind, entry.end) = (kind, self.bytes.len());
        self.root_bytes += kind.wire_bytes();
        self.tail_bytes = self.tail_bytes.saturating_add(tail_bytes(&entry));
        self.entries.push(entry);
    }

    fn name_bytes(&self, entry: &FieldEntry) -> &[u8] {
        let key_start = entry.start + KEY_START;
        self.bytes.get(key_start..key_start + usize::from(entry.key_bytes)).unwrap_or_default()
    }

    /// The value with its type in front.
    fn value_bytes(&self, entry: &FieldEntry) -> &[u8] {
        self.bytes.get(entry.value_start..entry.end).unwrap_or_default()
    }
}

/// Name and kind of a field.
#[derive(Debug, Clone)]
pub(crate) struct FieldShape {
    pub(crate) group: FieldGroup,
    pub(crate) name: Box<str>,
    pub(crate) kind: FieldKind,
}

#[cfg(test)]
mod tests;
