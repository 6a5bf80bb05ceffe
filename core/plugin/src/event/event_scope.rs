//! The scope in which an event was logged.

use std::fmt;

use fapilog_record::dynamic::DynamicFields;

use crate::event::FieldRef;

/// The fields that were bound when an event was logged. Two are equal where their fields are, in the same order.
///
/// ```
/// use fapilog_plugin::event::{Batch, FieldRef};
///
/// /// Makes a text for the scope of each event, and only once for those that follow each other in one scope.
/// fn texts(batch: &Batch<'_>, text_of: fn(&[FieldRef<'_>]) -> String) -> Vec<String> {
///     let mut last = None;
///     let mut texts = Vec::new();
///     for event in batch.events() {
///         if last != Some(event.scope()) {
///             last = Some(event.scope());
///             texts.push(text_of(&event.scope().fields().collect::<Vec<_>>()));
///         }
///     }
///     texts
/// }
/// # let _ = texts;
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EventScope<'batch> {
    bytes: &'batch [u8],
}

impl<'batch> EventScope<'batch> {
    #[inline(always)]
    pub(super) fn new(bytes: &'batch [u8]) -> Self {
        Self { bytes }
    }

    /// Whether there are no fields.
    #[inline]
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// The fields, those of the outermost scope first. The last of several under one key counts.
    pub fn fields(self) -> impl Iterator<Item = FieldRef<'batch>> {
        DynamicFields::new(self.bytes).map(|(group, name, value)| FieldRef { group, name, value })
    }

    /// Bytes that are equal where the fields are: to keep, and to compare with those of another batch.
    #[inline]
    #[must_use]
    pub fn as_bytes(self) -> &'batch [u8] {
        self.bytes
    }
}

impl fmt::Debug for EventScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields()).finish()
    }
}
