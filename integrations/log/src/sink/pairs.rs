//! Fields of events, as key-value pairs of records.

use std::borrow::Cow;

use fapilog::{
    Level,
    adapter::{EventCopy, key_of_field, widened_f32},
    event::ValueRef,
};
use log::kv::{self, Key, Source, Value, VisitSource};

/// Keys of pairs that are not fields.
const RESERVED_KEYS: [&str; 3] = ["level", "correlation_id", "source"];

/// The pairs of an event's record.
pub(super) struct EventPairs<'a>(Vec<(Cow<'a, str>, PairValue<'a>)>);

impl<'a> EventPairs<'a> {
    pub(super) fn of(event: &EventCopy<'a>) -> Self {
        let fields = event.fields().map(|(group, name, value)| (key_of_field(group, name, &RESERVED_KEYS), value));
        let level = (event.level > Level::Error).then(|| ("level", event.level.name()));
        let id = event.correlation_id().map(|id| ("correlation_id", id));
        let texts = [level, id, Some(("source", event.source))].into_iter().flatten();
        let texts = texts.map(|(key, text)| (Cow::Borrowed(key), ValueRef::Text(text)));
        Self(fields.chain(texts).map(|(key, value)| (key, PairValue(value))).collect())
    }
}

impl Source for EventPairs<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        self.0.iter().try_for_each(|(key, value)| visitor.visit_pair(Key::from_str(key), value.to_log()))
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

/// The value of a pair.
pub(super) struct PairValue<'a>(ValueRef<'a>);

impl PairValue<'_> {
    /// Its type where `log` has it, else its text. Maps and sequences have their parts with the feature `serde`.
    fn to_log(&self) -> Value<'_> {
        match &self.0 {
            ValueRef::None => Value::null(),
            ValueRef::Bool(value) => (*value).into(),
            ValueRef::Char(value) => (*value).into(),
            ValueRef::I64(value) => (*value).into(),
            ValueRef::U64(value) => (*value).into(),
            ValueRef::I128(value) => value.into(),
            ValueRef::U128(value) => value.into(),
            ValueRef::F32(value) => widened_f32(*value).into(),
            ValueRef::F64(value) => (*value).into(),
            ValueRef::Text(value) => (*value).into(),
            #[cfg(feature = "serde")]
            ValueRef::Sequence(_) | ValueRef::Map(_) => Value::from_serde(self),
            other => Value::from_dyn_display(other),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for PairValue<'_> {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            ValueRef::None => out.serialize_unit(),
            ValueRef::Bool(value) => out.serialize_bool(value),
            ValueRef::Char(value) => out.serialize_char(value),
            ValueRef::I64(value) => out.serialize_i64(value),
            ValueRef::U64(value) => out.serialize_u64(value),
            ValueRef::I128(value) => out.serialize_i128(value),
            ValueRef::U128(value) => out.serialize_u128(value),
            ValueRef::F32(value) => out.serialize_f32(value),
            ValueRef::F64(value) => out.serialize_f64(value),
            ValueRef::Text(value) => out.serialize_str(value),
            ValueRef::Sequence(parts) => out.collect_seq(parts.iter().map(PairValue)),
            ValueRef::Map(parts) => out.collect_map(parts.iter().map(|(key, value)| (key, PairValue(value)))),
            other => out.collect_str(&other),
        }
    }
}
