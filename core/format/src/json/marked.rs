//! Names of fields whose values are written marked.

use fapilog_record::field_group::FieldGroup;

use crate::json::text::put_escaped;

/// The fields of an event whose values were written [marked](super::put_marked_string): the list that a reader needs, to know which
/// texts to decode. [`Json`](super::Json) writes it as `not_utf8`.
///
/// ```
/// use fapilog_format::json::MarkedFields;
/// use fapilog_plugin::field_group::FieldGroup;
///
/// let mut marked = MarkedFields::new();
/// marked.add(FieldGroup::Message, "");
/// marked.add(FieldGroup::Context, "line");
/// let mut out = Vec::new();
/// marked.put(&mut out);
/// assert_eq!(out, br#"["message","context.line"]"#);
/// ```
#[derive(Debug, Clone, Default)]
pub struct MarkedFields {
    /// The strings, with commas between.
    names: Vec<u8>,
}

impl MarkedFields {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { names: Vec::new() }
    }

    /// Adds a field: its group and its key, as in `context.line`. A group that holds one value stands without a key.
    pub fn add(&mut self, group: FieldGroup, name: &str) {
        add(&mut self.names, group, name);
    }

    /// Whether no field was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Appends the list as an array of strings.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        out.extend_from_slice(&self.names);
        out.push(b']');
    }

    /// Removes all fields, before the next event; the memory stays.
    pub fn clear(&mut self) {
        self.names.clear();
    }
}

/// Adds a field to a list: JSON strings, with commas between.
pub(crate) fn add(names: &mut Vec<u8>, group: FieldGroup, name: &str) {
    if !names.is_empty() {
        names.push(b',');
    }
    names.push(b'"');
    names.extend_from_slice(group.name().as_bytes());
    if group.is_keyed() {
        names.push(b'.');
        put_escaped(names, name.as_bytes());
    }
    names.push(b'"');
}
