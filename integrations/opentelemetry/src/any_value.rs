//! Values of OpenTelemetry, as values of fields.

use fapilog::{
    adapter::Fields,
    event::{FieldGroup, ValueRef, serialized},
};
use opentelemetry::{Array, Value, logs::AnyValue};
use serde::{Serialize, Serializer};

/// Puts a value of a log record.
pub(crate) fn put_any(fields: &mut Fields, group: FieldGroup, name: &str, value: &AnyValue) {
    match value {
        AnyValue::Int(n) => fields.put(group, name, ValueRef::I64(*n)),
        AnyValue::Double(x) => fields.put(group, name, ValueRef::F64(*x)),
        AnyValue::String(text) => fields.put(group, name, ValueRef::Text(text.as_str())),
        AnyValue::Boolean(is) => fields.put(group, name, ValueRef::Bool(*is)),
        AnyValue::Bytes(bytes) => fields.put(group, name, ValueRef::Bytes(bytes)),
        composite => fields.bind(group, name, &serialized(&AsSerialize(composite))),
    }
}

/// Puts a value of an attribute of a resource.
pub(crate) fn put_value(fields: &mut Fields, group: FieldGroup, name: &str, value: &Value) {
    match value {
        Value::Bool(is) => fields.put(group, name, ValueRef::Bool(*is)),
        Value::I64(n) => fields.put(group, name, ValueRef::I64(*n)),
        Value::F64(x) => fields.put(group, name, ValueRef::F64(*x)),
        Value::String(text) => fields.put(group, name, ValueRef::Text(text.as_str())),
        Value::Array(array) => fields.bind(group, name, &serialized(&AsSequence(array))),
        // A kind that a later version of OpenTelemetry adds.
        other => fields.bind(group, name, other.as_str().as_ref()),
    }
}

struct AsSequence<'a>(&'a Array);

impl Serialize for AsSequence<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Array::Bool(list) => serializer.collect_seq(list),
            Array::I64(list) => serializer.collect_seq(list),
            Array::F64(list) => serializer.collect_seq(list),
            Array::String(list) => serializer.collect_seq(list.iter().map(|text| text.as_str())),
            // As above.
            other => serializer.collect_str(other),
        }
    }
}

struct AsSerialize<'a>(&'a AnyValue);

impl Serialize for AsSerialize<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AnyValue::Int(n) => serializer.serialize_i64(*n),
            AnyValue::Double(x) => serializer.serialize_f64(*x),
            AnyValue::String(text) => serializer.serialize_str(text.as_str()),
            AnyValue::Boolean(is) => serializer.serialize_bool(*is),
            AnyValue::Bytes(bytes) => serializer.serialize_bytes(bytes),
            AnyValue::ListAny(list) => serializer.collect_seq(list.iter().map(AsSerialize)),
            AnyValue::Map(map) => {
                serializer.collect_map(map.iter().map(|(key, value)| (key.as_str(), AsSerialize(value))))
            }
            // A kind that a later version of OpenTelemetry adds.
            other => serializer.collect_str(&format_args!("{other:?}")),
        }
    }
}
