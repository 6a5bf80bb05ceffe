//! Arguments that are logged by their `Serialize`, which is user code: see [`scratch`](super::scratch).

use std::fmt::{self, Display, Write};

use serde::{
    Serialize, Serializer,
    ser::{
        self, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};

use crate::{
    self_typed::{OpenComposite, SelfTypedWriter},
    text::bounded::BoundedText,
    value::{
        Value,
        prepared::{Prepared, prepared},
        scratch::PIECE_MAX_BYTES,
    },
};

/// The longest text of a `Serialize` that fails, in bytes.
const ERROR_MAX_BYTES: usize = 1024;

/// The value of a field that is made by `Serialize`: a struct and a map become a nested object, a sequence and a tuple a
/// list. `serde_json::Value` is such a type.
///
/// An enum's variant without fields is its name; any other is an object with one key, its name. Values that are nested more
/// than eight deep and what does not fit into 64 KiB are missing, and the event is marked as cut. A `Serialize` that fails
/// or panics has a text that states so in its place.
#[must_use]
pub fn serialized<T: Serialize + ?Sized>(value: &T) -> Prepared {
    prepared("<panicked while it was serialized>", |out| {
        let mut failed = None;
        let outcome = value.serialize(ValueSerializer { out, failed: &mut failed });
        // A `Serialize` that goes on after an error has left half a value.
        match (outcome, failed) {
            (Ok(Done), None) => Ok(()),
            (Err(error), None) | (_, Some(error)) => Err(error.to_string()),
        }
    })
}

/// A `Serialize` failed.
#[derive(Debug, Clone)]
struct SerializedError(String);

impl Display for SerializedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<cannot be serialized: {}>", self.0)
    }
}

impl std::error::Error for SerializedError {}

impl ser::Error for SerializedError {
    fn custom<T: Display>(error: T) -> Self {
        let mut text = BoundedText::new(ERROR_MAX_BYTES);
        // An error is the limit: the text so far stays.
        let _ = write!(text, "{error}");
        Self(text.into_string())
    }
}

/// The proof that a value was written.
#[derive(Debug)]
struct Done;

type Outcome<T = ()> = Result<T, SerializedError>;

struct ValueSerializer<'w, 'a> {
    out: &'w mut SelfTypedWriter<'a>,
    /// The first error of a part.
    failed: &'w mut Option<SerializedError>,
}

macro_rules! by_value {
    ($($method:ident: $type:ty,)*) => {$(
        fn $method(self, value: $type) -> Outcome<Done> {
            value.put_self_typed(self.out);
            Ok(Done)
        }
    )*};
}

impl<'w, 'a> Serializer for ValueSerializer<'w, 'a> {
    type Ok = Done;
    type Error = SerializedError;
    type SerializeSeq = SerializedParts<'w, 'a>;
    type SerializeTuple = SerializedParts<'w, 'a>;
    type SerializeTupleStruct = SerializedParts<'w, 'a>;
    type SerializeTupleVariant = SerializedParts<'w, 'a>;
    type SerializeMap = SerializedParts<'w, 'a>;
    type SerializeStruct = StructParts<'w, 'a>;
    type SerializeStructVariant = SerializedParts<'w, 'a>;

    by_value! {
        serialize_bool: bool,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_f32: f32, serialize_f64: f64,
        serialize_char: char,
        serialize_str: &str,
        serialize_bytes: &[u8],
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Outcome<Done> {
        let mut text = BoundedText::new(PIECE_MAX_BYTES);
        if write!(text, "{value}").is_err() {
            if !text.is_cut() {
                return Err(ser::Error::custom("its Display failed"));
            }
            self.out.mark_cut();
        }
        self.out.text(text.as_str());
        Ok(Done)
    }

    fn serialize_none(self) -> Outcome<Done> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Outcome<Done> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Outcome<Done> {
        self.out.none();
        Ok(Done)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Outcome<Done> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Outcome<Done> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Outcome<Done> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Outcome<Done> {
        let mut map = SerializedParts::map(self);
        map.put(Some(variant), value)?;
        Ok(map.finish())
    }

    fn serialize_seq(self, _: Option<usize>) -> Outcome<SerializedParts<'w, 'a>> {
        Ok(SerializedParts::sequence(self))
    }

    fn serialize_tuple(self, _: usize) -> Outcome<SerializedParts<'w, 'a>> {
        Ok(SerializedParts::sequence(self))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Outcome<SerializedParts<'w, 'a>> {
        Ok(SerializedParts::sequence(self))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Outcome<SerializedParts<'w, 'a>> {
        Ok(SerializedParts::in_variant(self, variant, SelfTypedWriter::begin_sequence))
    }

    fn serialize_map(self, _: Option<usize>) -> Outcome<SerializedParts<'w, 'a>> {
        Ok(SerializedParts::map(self))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Outcome<StructParts<'w, 'a>> {
        Ok(match name {
            JSON_NUMBER | JSON_TEXT => StructParts::Json { serializer: self, is_done: false },
            _ => StructParts::Plain(SerializedParts::map(self)),
        })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Outcome<SerializedParts<'w, 'a>> {
        Ok(SerializedParts::in_variant(self, variant, SelfTypedWriter::begin_map))
    }
}

/// A sequence or a map that is being written.
struct SerializedParts<'w, 'a> {
    serializer: ValueSerializer<'w, 'a>,
    open: OpenComposite,
    /// The map of the enum's variant around it, and where its entry began.
    variant: Option<(OpenComposite, Option<usize>)>,
    /// The key whose value comes next.
    key: Option<String>,
}

impl<'w, 'a> SerializedParts<'w, 'a> {
    fn new(serializer: ValueSerializer<'w, 'a>, open: OpenComposite) -> Self {
        Self { serializer, open, variant: None, key: None }
    }

    fn sequence(serializer: ValueSerializer<'w, 'a>) -> Self {
        let open = serializer.out.begin_sequence();
        Self::new(serializer, open)
    }

    fn map(serializer: ValueSerializer<'w, 'a>) -> Self {
        let open = serializer.out.begin_map();
        Self::new(serializer, open)
    }

    fn in_variant(
        serializer: ValueSerializer<'w, 'a>,
        variant: &str,
        begin: impl FnOnce(&mut SelfTypedWriter<'a>) -> OpenComposite,
    ) -> Self {
        let out = &mut *serializer.out;
        let map = out.begin_map();
        let entry = out.begin_entry(&map);
        let open = match entry {
            Some(_) => {
                out.key(variant);
                begin(out)
            }
            None => OpenComposite::without_place(),
        };
        Self { variant: Some((map, entry)), ..Self::new(serializer, open) }
    }

    /// Writes an element, or an entry if it has a key.
    fn put<T: Serialize + ?Sized>(&mut self, key: Option<&str>, value: &T) -> Outcome {
        let mut outcome = Ok(Done);
        let failed = &mut *self.serializer.failed;
        self.serializer.out.entry(&mut self.open, |out| {
            if let Some(key) = key {
                out.key(key);
            }
            outcome = value.serialize(ValueSerializer { out, failed });
        });
        outcome.map(|Done| ()).map_err(|error| self.fail(error))
    }

    /// Keeps an error, so that it counts even if the caller ignores it.
    fn fail(&mut self, error: SerializedError) -> SerializedError {
        self.serializer.failed.get_or_insert_with(|| error.clone());
        error
    }

    fn finish(self) -> Done {
        let out = self.serializer.out;
        out.end(self.open);
        if let Some((mut map, entry)) = self.variant {
            out.end_entry(&mut map, entry);
            out.end(map);
        }
        Done
    }
}

macro_rules! elements {
    ($trait:ident: $method:ident) => {
        impl $trait for SerializedParts<'_, '_> {
            type Ok = Done;
            type Error = SerializedError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
                self.put(None, value)
            }

            fn end(self) -> Outcome<Done> {
                Ok(self.finish())
            }
        }
    };
}

elements!(SerializeSeq: serialize_element);
elements!(SerializeTuple: serialize_element);
elements!(SerializeTupleStruct: serialize_field);
elements!(SerializeTupleVariant: serialize_field);

impl SerializeMap for SerializedParts<'_, '_> {
    type Ok = Done;
    type Error = SerializedError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Outcome {
        match key.serialize(KeySerializer) {
            Ok(key) => {
                self.key = Some(key);
                Ok(())
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
        match self.key.take() {
            Some(key) => self.put(Some(&key), value),
            None => Err(self.fail(ser::Error::custom("a map has a value without a key"))),
        }
    }

    fn end(self) -> Outcome<Done> {
        Ok(self.finish())
    }
}

impl SerializeStructVariant for SerializedParts<'_, '_> {
    type Ok = Done;
    type Error = SerializedError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Outcome {
        self.put(Some(key), value)
    }

    fn end(self) -> Outcome<Done> {
        Ok(self.finish())
    }
}

/// The names under which serde_json hides a number with all its digits (its feature `arbitrary_precision`), and a text of
/// JSON (`raw_value`). Both have one field, which is text.
const JSON_NUMBER: &str = "$serde_json::private::Number";
const JSON_TEXT: &str = "$serde_json::private::RawValue";

/// The fields of a struct.
enum StructParts<'w, 'a> {
    Plain(SerializedParts<'w, 'a>),
    Json { serializer: ValueSerializer<'w, 'a>, is_done: bool },
}

impl SerializeStruct for StructParts<'_, '_> {
    type Ok = Done;
    type Error = SerializedError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Outcome {
        match self {
            Self::Plain(parts) => parts.put(Some(key), value),
            Self::Json { is_done: true, .. } => Err(ser::Error::custom("a text of JSON has two fields")),
            Self::Json { serializer, is_done } => {
                let text = value.serialize(KeySerializer)?;
                *is_done = true;
                if key == JSON_NUMBER {
                    put_number(serializer.out, &text)
                } else {
                    serializer.out.text(&text)
                }
                Ok(())
            }
        }
    }

    fn end(self) -> Outcome<Done> {
        match self {
            Self::Plain(parts) => Ok(parts.finish()),
            Self::Json { is_done: true, .. } => Ok(Done),
            Self::Json { .. } => Err(ser::Error::custom("a text of JSON has no field")),
        }
    }
}

/// Writes the number that a text spells, or the text if no number of ours holds it.
fn put_number(out: &mut SelfTypedWriter<'_>, text: &str) {
    if let Ok(n) = text.parse::<u64>() {
        n.put_self_typed(out);
    } else if let Ok(n) = text.parse::<i128>() {
        match i64::try_from(n) {
            Ok(n) => n.put_self_typed(out),
            Err(_) => n.put_self_typed(out),
        }
    } else if let Ok(n) = text.parse::<u128>() {
        n.put_self_typed(out);
    } else {
        match text.parse::<f64>() {
            Ok(x) if x.is_finite() => x.put_self_typed(out),
            _ => out.text(text),
        }
    }
}

/// Makes the text of a key.
struct KeySerializer;

fn no_key<T>() -> Outcome<T> {
    Err(ser::Error::custom("the key of a map must be text, an integer, a bool, a char or a variant without fields"))
}

macro_rules! keys {
    ($($method:ident: $type:ty,)*) => {$(
        fn $method(self, key: $type) -> Outcome<String> {
            Ok(key.to_string())
        }
    )*};
}

macro_rules! no_keys {
    ($($method:ident($($argument:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $argument),*) -> Outcome<$ok> {
            no_key()
        }
    )*};
}

/// A value of several parts, as a key.
type NoKey = Impossible<String, SerializedError>;

impl Serializer for KeySerializer {
    type Ok = String;
    type Error = SerializedError;
    type SerializeSeq = NoKey;
    type SerializeTuple = NoKey;
    type SerializeTupleStruct = NoKey;
    type SerializeTupleVariant = NoKey;
    type SerializeMap = NoKey;
    type SerializeStruct = NoKey;
    type SerializeStructVariant = NoKey;

    keys! {
        serialize_bool: bool,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_char: char,
        serialize_str: &str,
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Outcome<String> {
        Ok(variant.to_owned())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, key: &T) -> Outcome<String> {
        key.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Outcome<String> {
        no_key()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Outcome<String> {
        no_key()
    }

    no_keys! {
        serialize_f32(f32) -> String;
        serialize_f64(f64) -> String;
        serialize_bytes(&[u8]) -> String;
        serialize_none() -> String;
        serialize_unit() -> String;
        serialize_unit_struct(&'static str) -> String;
        serialize_seq(Option<usize>) -> NoKey;
        serialize_tuple(usize) -> NoKey;
        serialize_tuple_struct(&'static str, usize) -> NoKey;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> NoKey;
        serialize_map(Option<usize>) -> NoKey;
        serialize_struct(&'static str, usize) -> NoKey;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> NoKey;
    }
}

#[cfg(test)]
mod tests;
