//! Keys and values of records, as fields.

use std::error::Error;

use fapilog::{
    adapter::{Fields, field_of_key},
    event::{FieldGroup, ValueRef},
};
use log::kv::{self, Key, Value, VisitSource, VisitValue};

/// Puts each pair that it visits.
pub(crate) struct PairVisitor<'a> {
    pub(crate) fields: &'a mut Fields,
}

impl<'kvs> VisitSource<'kvs> for PairVisitor<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let (group, name) = field_of_key(key.as_str());
        value.visit(ValueVisitor { fields: self.fields, group, name })
    }
}

/// Puts a value, as the type that it has.
struct ValueVisitor<'a> {
    fields: &'a mut Fields,
    group: FieldGroup,
    name: &'a str,
}

impl ValueVisitor<'_> {
    fn put(&mut self, value: ValueRef<'_>) -> Result<(), kv::Error> {
        self.fields.put(self.group, self.name, value);
        Ok(())
    }
}

macro_rules! typed {
    ($($method:ident: $type:ty => $variant:ident,)*) => {$(
        fn $method(&mut self, value: $type) -> Result<(), kv::Error> {
            self.put(ValueRef::$variant(value))
        }
    )*};
}

impl<'v> VisitValue<'v> for ValueVisitor<'_> {
    /// A value without a type of `log`'s own: by serde or sval, where `log` captures by them, else its text.
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), kv::Error> {
        #[cfg(feature = "serde")]
        self.fields.bind(self.group, self.name, &fapilog::event::serialized(&value));
        #[cfg(all(feature = "sval", not(feature = "serde")))]
        self.fields.bind(self.group, self.name, &fapilog::event::serialized(&sval_serde::ToSerialize::new(&value)));
        #[cfg(not(any(feature = "serde", feature = "sval")))]
        self.fields.put_display(self.group, self.name, &value);
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        self.put(ValueRef::None)
    }

    typed! {
        visit_u64: u64 => U64,
        visit_i64: i64 => I64,
        visit_u128: u128 => U128,
        visit_i128: i128 => I128,
        visit_f64: f64 => F64,
        visit_bool: bool => Bool,
        visit_str: &str => Text,
        visit_char: char => Char,
    }

    fn visit_error(&mut self, error: &(dyn Error + 'static)) -> Result<(), kv::Error> {
        self.fields.put_error(self.group, self.name, error);
        Ok(())
    }

    fn visit_borrowed_error(&mut self, error: &'v (dyn Error + 'static)) -> Result<(), kv::Error> {
        self.visit_error(error)
    }
}
