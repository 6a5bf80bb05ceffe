//! Values with their places in the text that they are read from.

use std::{fmt, marker::PhantomData};

use fapilog_plugin::settings::invalid::join;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, Value, value::RawValue};

use crate::giver::Places;

/// How a format wraps a value that it reads, to add its place.
pub(super) trait Wrap {
    type Of<V: DeserializeOwned>: DeserializeOwned;

    /// The value, and the offset of its first byte.
    fn unwrap<V: DeserializeOwned>(wrapped: Self::Of<V>) -> (V, Option<usize>);
}

pub(super) struct Toml;

impl Wrap for Toml {
    type Of<V: DeserializeOwned> = toml::Spanned<V>;

    fn unwrap<V: DeserializeOwned>(wrapped: toml::Spanned<V>) -> (V, Option<usize>) {
        let start = wrapped.span().start;
        (wrapped.into_inner(), Some(start))
    }
}

pub(super) struct Yaml;

impl Wrap for Yaml {
    type Of<V: DeserializeOwned> = serde_saphyr::Spanned<V>;

    fn unwrap<V: DeserializeOwned>(wrapped: serde_saphyr::Spanned<V>) -> (V, Option<usize>) {
        let start = wrapped.referenced.span().byte_offset();
        (wrapped.value, start.and_then(|start| usize::try_from(start).ok()))
    }
}

/// A value whose items and entries have places.
pub(super) enum Located {
    Plain(Value),
    List(Vec<(Located, Option<usize>)>),
    Table(Vec<(String, Located, Option<usize>)>),
}

impl Located {
    /// The value, and the places of all that is in it.
    pub(super) fn into_parts(self) -> (Value, Places) {
        let mut places = Places::new();
        (self.collect("", &mut places), places)
    }

    fn collect(self, path: &str, places: &mut Places) -> Value {
        let mut below = |value: Self, at: Option<usize>, path: String| {
            if let Some(at) = at {
                places.insert(path.clone(), at);
            }
            value.collect(&path, places)
        };
        match self {
            Self::Plain(value) => value,
            Self::List(items) => {
                let items = items.into_iter().enumerate();
                items.map(|(index, (value, at))| below(value, at, format!("{path}[{index}]"))).collect()
            }
            Self::Table(entries) => {
                let entries = entries.into_iter();
                let entries = entries.map(|(name, value, at)| {
                    let value = below(value, at, join(path, &name));
                    (name, value)
                });
                Value::Object(entries.collect())
            }
        }
    }
}

/// Reads a value with its places from a format.
pub(super) struct Read<W> {
    pub(super) value: Located,
    format: PhantomData<W>,
}

impl<'de, W: Wrap> Deserialize<'de> for Read<W> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(LocatedVisitor::<W>(PhantomData))?;
        Ok(Self { value, format: PhantomData })
    }
}

struct LocatedVisitor<W>(PhantomData<W>);

/// The key of the table that the TOML parser makes of a date.
const TOML_DATE: &str = "$__toml_private_datetime";

impl<'de, W: Wrap> Visitor<'de> for LocatedVisitor<W> {
    type Value = Located;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, a number of 64 bits, text, a list or a table")
    }

    fn visit_unit<E: Error>(self) -> Result<Located, E> {
        Ok(Located::Plain(Value::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Located, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Located, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Located, E> {
        Ok(Located::Plain(Value::Bool(value)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Located, E> {
        Ok(Located::Plain(Value::from(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Located, E> {
        Ok(Located::Plain(Value::from(number)))
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Located, E> {
        Err(E::custom("a number has 64 bits at most"))
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Located, E> {
        Err(E::custom("a number has 64 bits at most"))
    }

    /// JSON has no `nan`: it becomes text, which the reader of a setting accepts or refuses.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Located, E> {
        let value = Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number);
        Ok(Located::Plain(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Located, E> {
        Ok(Located::Plain(Value::String(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Located, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<W::Of<Read<W>>>()? {
            let (read, at) = W::unwrap(item);
            items.push((read.value, at));
        }
        Ok(Located::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Located, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == TOML_DATE {
                return map.next_value().map(|date| Located::Plain(Value::String(date)));
            }
            let (read, at) = W::unwrap(map.next_value::<W::Of<Read<W>>>()?);
            entries.push((name, read.value, at));
        }
        Ok(Located::Table(entries))
    }
}

/// The places in the text of valid JSON.
///
/// # Errors
/// A name that a table has twice: its path, and its second place.
pub(super) fn places_in_json(text: &str) -> Result<Places, (String, usize)> {
    let mut places = Places::new();
    JsonPlaces { text, places: &mut places }.add(text, "")?;
    Ok(places)
}

struct JsonPlaces<'a> {
    text: &'a str,
    places: &'a mut Places,
}

impl JsonPlaces<'_> {
    /// Adds the places of all that is in the value, which is a part of the text.
    fn add(&mut self, value: &str, path: &str) -> Result<(), (String, usize)> {
        match value.trim_start().chars().next() {
            Some('{') => {
                let entries: JsonEntries<'_> = serde_json::from_str(value).unwrap_or_default();
                entries.0.into_iter().try_for_each(|(name, value)| self.add_at(value.get(), join(path, &name)))
            }
            Some('[') => {
                let items: Vec<&RawValue> = serde_json::from_str(value).unwrap_or_default();
                let mut items = items.into_iter().enumerate();
                items.try_for_each(|(index, value)| self.add_at(value.get(), format!("{path}[{index}]")))
            }
            _ => Ok(()),
        }
    }

    fn add_at(&mut self, value: &str, path: String) -> Result<(), (String, usize)> {
        let at = value.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        if self.places.insert(path.clone(), at).is_some() {
            return Err((path, at));
        }
        self.add(value, &path)
    }
}

/// The entries of a table of JSON, also where it has a name twice.
#[derive(Default)]
struct JsonEntries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for JsonEntries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct JsonEntriesVisitor;

        impl<'de> Visitor<'de> for JsonEntriesVisitor {
            type Value = JsonEntries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonEntries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(JsonEntries(entries))
            }
        }

        deserializer.deserialize_map(JsonEntriesVisitor)
    }
}
