//! Values outside of a log call.

use crate::{
    self_typed::SelfTypedWriter,
    value::{Value, ValueRef},
};

/// A copy of a value, for all that takes a [`ValueRef`]: scopes, loggers with fields, dynamic events, and plugins that put a value in
/// the place of another.
///
/// ```
/// use std::collections::BTreeMap;
/// use fapilog_record::value::{OwnedValue, ValueRef};
///
/// let limits = OwnedValue::of(&BTreeMap::from([("orders", 10), ("lots", 500)]));
/// let ValueRef::Map(map) = limits.view() else { panic!("no map") };
/// assert_eq!(map.get("lots"), Some(ValueRef::I64(500)));
/// ```
///
/// Maps and sequences that are nested more than eight deep are texts, `{...}` and `[...]`.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedValue {
    /// With its type in front.
    bytes: Vec<u8>,
}

impl OwnedValue {
    /// Copies a value.
    #[must_use]
    pub fn of<T: Value + ?Sized>(value: &T) -> Self {
        Self::with(|out| value.put_self_typed(out))
    }

    /// The value that `write` writes, by one call of a method of the writer.
    ///
    /// ```
    /// use fapilog_record::value::{OwnedValue, ValueRef};
    ///
    /// let user = OwnedValue::with(|out| {
    ///     out.map(|entries| {
    ///         entries.entry_with("name", |out| out.text("Ada"));
    ///         entries.entry_with("id", |out| out.value(ValueRef::U64(7)));
    ///     });
    /// });
    /// let ValueRef::Map(map) = user.view() else { panic!("no map") };
    /// assert_eq!(map.get("id"), Some(ValueRef::U64(7)));
    /// ```
    #[must_use]
    pub fn with(write: impl FnOnce(&mut SelfTypedWriter<'_>)) -> Self {
        let mut bytes = Vec::new();
        let mut out = SelfTypedWriter::appending(&mut bytes);
        write(&mut out);
        if out.is_unwritten() {
            out.none();
        }
        out.finish();
        Self { bytes }
    }

    /// The value with its type in front, to be kept elsewhere: [`ValueRef::of_self_typed`] reads it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value.
    #[must_use]
    pub fn view(&self) -> ValueRef<'_> {
        ValueRef::of_self_typed(&self.bytes)
    }
}
