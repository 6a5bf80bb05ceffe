//! Values of the `valuable` crate, as maps and sequences.

use fapilog::{
    adapter::{Fields, MapEntries, SelfTypedWriter, SequenceElements},
    event::{FieldGroup, ValueRef},
};
use valuable::{Enumerable, NamedValues, Structable, Tuplable, Value, Visit};

use crate::visit::catch_panic;

/// Stands for a value that panicked.
const PANICKED: &str = "<panicked while it was visited>";

/// Puts a value with all that is inside it.
pub(crate) fn put_valuable(fields: &mut Fields, group: FieldGroup, name: &str, value: Value<'_>) {
    let len = fields.len();
    if catch_panic(|| fields.put_with(group, name, |out| put(out, &value))).is_none() {
        // The value is half written.
        fields.truncate(len);
        fields.put(group, name, ValueRef::Text(PANICKED));
    }
}

fn put(out: &mut SelfTypedWriter<'_>, value: &Value<'_>) {
    match *value {
        Value::Bool(value) => out.value(ValueRef::Bool(value)),
        Value::Char(value) => out.value(ValueRef::Char(value)),
        Value::F32(value) => out.value(ValueRef::F32(value)),
        Value::F64(value) => out.value(ValueRef::F64(value)),
        Value::I8(value) => out.value(ValueRef::I64(value.into())),
        Value::I16(value) => out.value(ValueRef::I64(value.into())),
        Value::I32(value) => out.value(ValueRef::I64(value.into())),
        Value::I64(value) => out.value(ValueRef::I64(value)),
        Value::I128(value) => out.value(ValueRef::I128(value)),
        Value::Isize(value) => out.value(ValueRef::I64(value as i64)),
        Value::U8(value) => out.value(ValueRef::U64(value.into())),
        Value::U16(value) => out.value(ValueRef::U64(value.into())),
        Value::U32(value) => out.value(ValueRef::U64(value.into())),
        Value::U64(value) => out.value(ValueRef::U64(value)),
        Value::U128(value) => out.value(ValueRef::U128(value)),
        Value::Usize(value) => out.value(ValueRef::U64(value as u64)),
        Value::String(text) => out.text(text),
        Value::Path(path) => out.display(&path.display()),
        Value::Error(error) => out.error(error),
        Value::Listable(list) => out.sequence(|elements| list.visit(&mut SequenceVisitor(elements))),
        Value::Mappable(map) => out.map(|entries| map.visit(&mut MapVisitor(entries))),
        Value::Structable(value) => put_struct(out, value),
        Value::Enumerable(value) => put_enum(out, value),
        Value::Tuplable(value) => put_tuple(out, value),
        Value::Unit => out.none(),
        ref other => out.display(&format_args!("{other:?}")),
    }
}

fn put_struct(out: &mut SelfTypedWriter<'_>, value: &dyn Structable) {
    if value.definition().fields().is_named() {
        out.map(|entries| value.visit(&mut MapVisitor(entries)));
    } else {
        out.sequence(|elements| value.visit(&mut SequenceVisitor(elements)));
    }
}

fn put_tuple(out: &mut SelfTypedWriter<'_>, value: &dyn Tuplable) {
    if value.definition().is_unit() {
        out.none();
    } else {
        out.sequence(|elements| value.visit(&mut SequenceVisitor(elements)));
    }
}

/// A variant without fields is its name, another a map of its name and its fields, as serde writes it.
fn put_enum(out: &mut SelfTypedWriter<'_>, value: &dyn Enumerable) {
    let mut fields = FieldCounter(0);
    let variant = value.variant();
    value.visit(&mut fields);
    if fields.0 == 0 {
        return out.text(variant.name());
    }
    out.map(|entries| {
        entries.entry_with(variant.name(), |out| {
            if variant.is_named_fields() {
                out.map(|entries| value.visit(&mut MapVisitor(entries)));
            } else if fields.0 == 1 {
                value.visit(&mut AloneVisitor(out));
            } else {
                out.sequence(|elements| value.visit(&mut SequenceVisitor(elements)));
            }
        });
    });
}

/// Counts the fields of a variant.
struct FieldCounter(usize);

impl Visit for FieldCounter {
    fn visit_value(&mut self, _: Value<'_>) {
        self.0 += 1;
    }

    fn visit_named_fields(&mut self, fields: &NamedValues<'_>) {
        self.0 += fields.len();
    }

    fn visit_unnamed_fields(&mut self, values: &[Value<'_>]) {
        self.0 += values.len();
    }
}

/// Writes the only field of a variant.
struct AloneVisitor<'x, 'a>(&'x mut SelfTypedWriter<'a>);

impl Visit for AloneVisitor<'_, '_> {
    fn visit_value(&mut self, value: Value<'_>) {
        put(self.0, &value);
    }

    fn visit_unnamed_fields(&mut self, values: &[Value<'_>]) {
        values.iter().for_each(|value| put(self.0, value));
    }
}

struct SequenceVisitor<'x, 'w, 'a>(&'x mut SequenceElements<'w, 'a>);

impl Visit for SequenceVisitor<'_, '_, '_> {
    fn visit_value(&mut self, value: Value<'_>) {
        self.0.element_with(|out| put(out, &value));
    }

    fn visit_unnamed_fields(&mut self, values: &[Value<'_>]) {
        values.iter().for_each(|value| self.0.element_with(|out| put(out, value)));
    }
}

struct MapVisitor<'x, 'w, 'a>(&'x mut MapEntries<'w, 'a>);

impl Visit for MapVisitor<'_, '_, '_> {
    fn visit_value(&mut self, _: Value<'_>) {}

    fn visit_entry(&mut self, key: Value<'_>, value: Value<'_>) {
        let key = match key.as_str() {
            Some(key) => key.to_owned(),
            None => format!("{key:?}"),
        };
        self.0.entry_with(&key, |out| put(out, &value));
    }

    fn visit_named_fields(&mut self, fields: &NamedValues<'_>) {
        fields.iter().for_each(|(field, value)| self.0.entry_with(field.name(), |out| put(out, value)));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use valuable::Valuable;

    use super::*;

    #[derive(Valuable)]
    struct Order {
        id: u64,
        side: Side,
        fills: Vec<Fill>,
        notes: BTreeMap<&'static str, Option<i8>>,
        pair: (bool, char),
    }

    #[derive(Valuable)]
    struct Fill(f64, u32);

    #[derive(Valuable)]
    enum Side {
        Buy,
        Limit(f64),
        Between { low: f64, high: f64 },
        Pair(u8, u8),
    }

    fn text(value: &impl Valuable) -> String {
        let mut fields = Fields::new();
        put_valuable(&mut fields, FieldGroup::Context, "value", value.as_value());
        fields.iter().next().unwrap().2.to_string()
    }

    #[test]
    fn a_struct_is_a_map_with_all_that_is_inside() {
        let order = Order {
            id: 42,
            side: Side::Buy,
            fills: vec![Fill(0.5, 1), Fill(1.5, 2)],
            notes: BTreeMap::from([("some", Some(-1)), ("none", None)]),
            pair: (true, 'x'),
        };
        let expected =
            "{id: 42, side: Buy, fills: [[0.5, 1], [1.5, 2]], notes: {none: null, some: -1}, pair: [true, x]}";
        assert_eq!(text(&order), expected);
    }

    #[test]
    fn a_variant_with_fields_is_a_map_of_its_name() {
        let sides = [Side::Limit(0.5), Side::Between { low: 1.5, high: 2.5 }, Side::Pair(1, 2)];
        let expected = ["{Limit: 0.5}", "{Between: {low: 1.5, high: 2.5}}", "{Pair: [1, 2]}"];
        assert_eq!(sides.each_ref().map(text), expected);
    }

    struct Panics;

    impl Valuable for Panics {
        fn as_value(&self) -> Value<'_> {
            Value::Listable(self)
        }

        fn visit(&self, visit: &mut dyn Visit) {
            visit.visit_value(Value::U8(1));
            panic!("on purpose");
        }
    }

    impl valuable::Listable for Panics {
        fn size_hint(&self) -> (usize, Option<usize>) {
            (1, None)
        }
    }

    #[test]
    fn a_value_that_panics_leaves_the_fields_around_it_as_they_are() {
        let mut fields = Fields::new();
        fields.put(FieldGroup::Tags, "before", ValueRef::U64(1));
        put_valuable(&mut fields, FieldGroup::Context, "value", vec![&Panics].as_value());
        fields.put(FieldGroup::Context, "after", ValueRef::U64(2));
        let texts: Vec<_> = fields.iter().map(|(_, name, value)| format!("{name} {value}")).collect();
        assert_eq!(texts, ["before 1", "value <panicked while it was visited>", "after 2"]);
        assert_eq!(fields.len(), 3);
    }

    #[test]
    fn numbers_texts_and_nothing_have_their_types() {
        assert_eq!((text(&i128::MIN), text(&"a")), (i128::MIN.to_string(), String::from("a")));
        assert_eq!((text(&()), text(&[1_u8, 2])), (String::from("null"), String::from("[1, 2]")));
        assert_eq!(text(&std::path::Path::new("/tmp")), "/tmp");
    }

    #[test]
    fn fields_before_a_value_that_panics_are_as_before() {
        let mut fields = Fields::new();
        fields.put_display(FieldGroup::Context, "long", &"x".repeat(100_000));
        fields.put_debug(FieldGroup::Context, "debug", &Some(1));
        let (before, was_cut) = (fields.bytes().to_vec(), fields.is_cut());
        put_valuable(&mut fields, FieldGroup::Context, "panics", Panics.as_value());
        assert_eq!((fields.is_cut(), fields.bytes().starts_with(&before)), (was_cut, true));
    }
}
