//! Values outside of a log call.

use crate::{
    dynamic::DynamicFields,
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
        let mut bytes = Vec::new();
        let mut out = SelfTypedWriter::appending(&mut bytes);
        value.put_self_typed(&mut out);
        out.finish();
        Self { bytes }
    }

    /// The value.
    #[must_use]
    pub fn view(&self) -> ValueRef<'_> {
        DynamicFields::new(&self.bytes).value_alone().unwrap_or(ValueRef::None)
    }
}
