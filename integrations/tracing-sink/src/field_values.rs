//! Names and values of an event's fields, as a subscriber gets them.

use std::{borrow::Cow, fmt};

use fapilog::{
    Level,
    adapter::{EventCopy, key_of_field, widened_f32},
    event::ValueRef,
};
use tracing_core::field::{DisplayValue, Value, display};

/// A field with its name.
pub(crate) struct NamedValue<'a> {
    pub(crate) name: Cow<'a, str>,
    value: TypedValue<'a>,
}

/// A value of a type that `tracing` has.
enum TypedValue<'a> {
    None,
    Bool(bool),
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Text(&'a str),
    Displayed(DisplayValue<ValueRef<'a>>),
    Message(DisplayValue<Cow<'a, str>>),
}

impl<'a> NamedValue<'a> {
    /// The message, the fields, and what the event has beyond them.
    pub(crate) fn all_of(event: &EventCopy<'a>) -> Vec<Self> {
        let message = Self { name: Cow::Borrowed("message"), value: TypedValue::Message(display(event.message())) };
        let fields = event
            .fields()
            .map(|(group, name, value)| Self { name: key_of_field(group, name, &RESERVED_NAMES), value: value.into() });
        let level = (event.level > Level::Error).then(|| ("level", event.level.name()));
        let id = event.correlation_id().map(|id| ("correlation_id", id));
        let texts = [level, id, Some(("source", event.source))].into_iter().flatten();
        let texts = texts.map(|(name, text)| Self { name: Cow::Borrowed(name), value: TypedValue::Text(text) });
        std::iter::once(message).chain(fields).chain(texts).collect()
    }

    /// The value; nothing for a value that is nothing.
    pub(crate) fn value(&self) -> Option<&dyn Value> {
        Some(match &self.value {
            TypedValue::None => return None,
            TypedValue::Bool(value) => value,
            TypedValue::I64(value) => value,
            TypedValue::U64(value) => value,
            TypedValue::I128(value) => value,
            TypedValue::U128(value) => value,
            TypedValue::F64(value) => value,
            TypedValue::Text(value) => value,
            TypedValue::Displayed(value) => value,
            TypedValue::Message(value) => value,
        })
    }
}

/// Names that a subscriber takes for the event's.
const RESERVED_NAMES: [&str; 4] = ["message", "correlation_id", "source", "level"];

impl<'a> From<ValueRef<'a>> for TypedValue<'a> {
    fn from(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::None => Self::None,
            ValueRef::Bool(value) => Self::Bool(value),
            ValueRef::I64(value) => Self::I64(value),
            ValueRef::U64(value) => Self::U64(value),
            ValueRef::I128(value) => Self::I128(value),
            ValueRef::U128(value) => Self::U128(value),
            ValueRef::F32(value) => Self::F64(widened_f32(value)),
            ValueRef::F64(value) => Self::F64(value),
            ValueRef::Text(value) => Self::Text(value),
            other => Self::Displayed(display(other)),
        }
    }
}

/// The fields of an event as a text: `key=value key=value`.
pub(crate) struct FieldsAsText<'a, 'event>(pub(crate) &'a EventCopy<'event>);

impl fmt::Display for FieldsAsText<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fields().enumerate().try_for_each(|(index, (group, name, value))| {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{}={value}", key_of_field(group, name, &RESERVED_NAMES))
        })
    }
}
