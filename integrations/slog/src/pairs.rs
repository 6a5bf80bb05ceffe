//! Keys and values of records, as fields.

use std::{error::Error, fmt};

use fapilog::{
    adapter::{Fields, field_of_key},
    event::ValueRef,
};
use slog::{BytesKind, Key, Serializer};

/// Puts each pair that is emitted.
pub(crate) struct PairSerializer<'a> {
    pub(crate) fields: &'a mut Fields,
}

impl PairSerializer<'_> {
    fn put(&mut self, key: &Key, value: ValueRef<'_>) -> slog::Result {
        let (group, name) = field_of_key(text_of(key));
        self.fields.put(group, name, value);
        Ok(())
    }
}

#[allow(clippy::useless_asref, reason = "with slog's feature `dynamic-keys`, a key is a type of its own")]
fn text_of(key: &Key) -> &str {
    key.as_ref()
}

macro_rules! typed {
    ($($method:ident: $type:ty, $value:ident => $variant:ident($make:expr),)*) => {$(
        fn $method(&mut self, key: Key, $value: $type) -> slog::Result {
            self.put(&key, ValueRef::$variant($make))
        }
    )*};
}

impl Serializer for PairSerializer<'_> {
    typed! {
        emit_bool: bool, value => Bool(value),
        emit_char: char, value => Char(value),
        emit_u8: u8, value => U64(value.into()),
        emit_u16: u16, value => U64(value.into()),
        emit_u32: u32, value => U64(value.into()),
        emit_u64: u64, value => U64(value),
        emit_usize: usize, value => U64(value as u64),
        emit_u128: u128, value => U128(value),
        emit_i8: i8, value => I64(value.into()),
        emit_i16: i16, value => I64(value.into()),
        emit_i32: i32, value => I64(value.into()),
        emit_i64: i64, value => I64(value),
        emit_isize: isize, value => I64(value as i64),
        emit_i128: i128, value => I128(value),
        emit_f32: f32, value => F32(value),
        emit_f64: f64, value => F64(value),
        emit_str: &str, value => Text(value),
    }

    fn emit_unit(&mut self, key: Key) -> slog::Result {
        self.put(&key, ValueRef::None)
    }

    fn emit_none(&mut self, key: Key) -> slog::Result {
        self.put(&key, ValueRef::None)
    }

    fn emit_bytes(&mut self, key: Key, bytes: &[u8], _: BytesKind) -> slog::Result {
        self.put(&key, ValueRef::Bytes(bytes))
    }

    fn emit_arguments(&mut self, key: Key, arguments: &fmt::Arguments<'_>) -> slog::Result {
        let (group, name) = field_of_key(text_of(&key));
        self.fields.put_display(group, name, arguments);
        Ok(())
    }

    #[cfg(feature = "nested-values")]
    fn emit_serde(&mut self, key: Key, value: &dyn slog::SerdeValue) -> slog::Result {
        let (group, name) = field_of_key(text_of(&key));
        self.fields.bind(group, name, &fapilog::event::serialized(value.as_serde()));
        Ok(())
    }

    fn emit_error(&mut self, key: Key, error: &(dyn Error + 'static)) -> slog::Result {
        let (group, name) = field_of_key(text_of(&key));
        self.fields.put_error(group, name, error);
        Ok(())
    }
}
