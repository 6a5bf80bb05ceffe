//! Reads any struct from a tree of values, and finds every invalid value, with its place.
//!
//! Serde stops at the first invalid value. The reader records it, leaves it out and reads again, until nothing is
//! invalid any more. That works for any type that derives `Deserialize`. It costs a pass for each invalid value, so there is a
//! limit on their number. Names that a struct does not have cost no pass: the reader leaves them out by itself.
//!
//! Text is taken for what is asked for: `"512"` for a number, `"yes"` for a boolean, `"a, b"` for a list. The environment
//! knows nothing but text.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde_json::{Map, Value};

use crate::{
    problem::Problem,
    settings::{
        invalid::{InvalidKind, InvalidValue, join},
        suggestion::suggestion,
    },
};

/// A value that was read, and the problems of the tree that it was read from.
#[derive(Debug)]
pub struct ReadOutcome<T> {
    /// The value, with defaults in place of invalid values. `None` if an invalid value has no default.
    pub read: Option<T>,
    /// Every invalid value, with its place.
    pub problems: Vec<Problem>,
}

/// The most problems of a tree. A file that is none of settings could have thousands.
const PROBLEMS_MAX: usize = 100;

/// Reads all that can be read.
pub fn read_all<T: DeserializeOwned>(tree: &Value) -> ReadOutcome<T> {
    let mut found = Found::default();
    let read = loop {
        let reader = Reader { value: Cow::Borrowed(tree), path: String::new(), found: &found };
        let invalid = match T::deserialize(reader) {
            Ok(read) => break Some(read),
            Err(invalid) => invalid.located("", tree),
        };
        let path = invalid.path.clone();
        let is_missing = invalid.kind == InvalidKind::Missing;
        // A value that is missing because it was invalid is no second problem.
        let is_known = found.left_out.contains(&path);
        if !is_known && !found.add(invalid) {
            break None;
        }
        // A table without the value that it must have is left out as a whole.
        let without = if is_missing { above(&path) } else { Some(path.as_str()).filter(|path| !path.is_empty()) };
        if !without.is_some_and(|path| found.left_out.insert(path.to_owned())) {
            break None;
        }
    };
    ReadOutcome { read, problems: found.into_problems() }
}

/// The path of the table that holds the value; `None` for the tree itself.
fn above(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(above, _)| above)
}

/// All that is invalid in a tree, as far as it is known.
#[derive(Debug, Default)]
struct Found {
    /// Paths that were invalid when the tree was read before.
    left_out: BTreeSet<String>,
    problems: RefCell<BTreeMap<String, InvalidValue>>,
    has_more: Cell<bool>,
}

impl Found {
    fn knows(&self, path: &str) -> bool {
        self.problems.borrow().contains_key(path)
    }

    /// Whether there was room.
    fn add(&self, invalid: InvalidValue) -> bool {
        let mut problems = self.problems.borrow_mut();
        let has_room = problems.len() < PROBLEMS_MAX || problems.contains_key(&invalid.path);
        if has_room {
            problems.entry(invalid.path.clone()).or_insert(invalid);
        } else {
            self.has_more.set(true);
        }
        has_room
    }

    /// In the order of names, and of the items of a list.
    fn into_problems(self) -> Vec<Problem> {
        let mut problems: Vec<Problem> =
            self.problems.into_inner().into_values().map(InvalidValue::into_problem).collect();
        problems.sort_by_cached_key(|problem| {
            let steps = problem.path.split(['.', '[', ']']).filter(|step| !step.is_empty());
            steps.map(|step| (step.parse::<usize>().ok(), step.to_owned())).collect::<Vec<_>>()
        });
        if self.has_more.get() {
            let allowed = format!("more than {PROBLEMS_MAX} values are invalid; correct these first");
            problems.push(Problem::new("the remainder", "not checked", allowed));
        }
        problems
    }
}

/// Reads a value.
#[derive(Debug)]
struct Reader<'a> {
    value: Cow<'a, Value>,
    path: String,
    found: &'a Found,
}

impl<'a> Reader<'a> {
    /// Number where a number is wanted, be it written as text.
    fn number(&self) -> Option<Number> {
        match &*self.value {
            Value::Number(number) => {
                let whole = number.as_u64().map(Number::Positive).or_else(|| number.as_i64().map(Number::Negative));
                whole.or_else(|| number.as_f64().map(Number::Real))
            }
            Value::String(text) => {
                let text = text.trim();
                let whole = text.parse().map(Number::Positive).or_else(|_| text.parse().map(Number::Negative));
                whole.or_else(|_| text.parse().map(Number::Real)).ok()
            }
            _ => None,
        }
    }

    fn items(&self) -> Result<Vec<Cow<'_, Value>>, InvalidValue> {
        match &*self.value {
            Value::Array(items) => Ok(items.iter().map(Cow::Borrowed).collect()),
            Value::String(text) if text.trim_start().starts_with(['[', '{']) => Err(no_json(text, "a list")),
            Value::String(text) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Ok(items.map(|item| Cow::Owned(Value::String(item.to_owned()))).collect())
            }
            _ => Err(InvalidValue::custom("it must be a list")),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Number {
    Positive(u64),
    Negative(i64),
    Real(f64),
}

impl Number {
    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InvalidValue> {
        match self {
            Self::Positive(number) => visitor.visit_u64(number),
            Self::Negative(number) => visitor.visit_i64(number),
            Self::Real(number) => visitor.visit_f64(number),
        }
    }
}

macro_rules! deserialize_numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InvalidValue> {
            match self.number() {
                Some(number) => number.visit(visitor),
                None => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = InvalidValue;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InvalidValue> {
        match &*self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(_) => match self.number() {
                Some(number) => number.visit(visitor),
                None => Err(InvalidValue::custom("it must be a number of 64 bits")),
            },
            Value::String(text) => visitor.visit_str(text),
            Value::Array(items) => {
                let items = items.iter().map(Cow::Borrowed).collect();
                visitor.visit_seq(Items::new(items, &self.path, self.found))
            }
            Value::Object(entries) => visitor.visit_map(Entries::new(entries, &self.path, self.found)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InvalidValue> {
        let known = match &*self.value {
            Value::String(text) => boolean(text),
            _ => None,
        };
        match (known, &*self.value) {
            (Some(value), _) => visitor.visit_bool(value),
            (None, Value::String(text)) => {
                let mut invalid = InvalidValue::custom("it must be true or false");
                invalid.suggestion = suggestion(text, ["true", "false", "yes", "no"]);
                Err(invalid)
            }
            (None, _) => self.deserialize_any(visitor),
        }
    }

    deserialize_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InvalidValue> {
        let is_none = match &*self.value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        if is_none { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, InvalidValue> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InvalidValue> {
        visitor.visit_seq(Items::new(self.items()?, &self.path, self.found))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, InvalidValue> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, InvalidValue> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InvalidValue> {
        match &*self.value {
            Value::Object(entries) => visitor.visit_map(Entries::new(entries, &self.path, self.found)),
            Value::String(text) if text.trim_start().starts_with(['[', '{']) => Err(no_json(text, "a table")),
            _ => Err(InvalidValue::custom("it must be a table")),
        }
    }

    /// Leaves out the names that the struct does not have: a setting without a reader is invalid.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InvalidValue> {
        let Value::Object(entries) = &*self.value else { return self.deserialize_map(visitor) };
        for (name, value) in entries.iter().filter(|(name, _)| !fields.contains(&name.as_str())) {
            let path = join(&self.path, name);
            if !self.found.knows(&path)
                && !self.found.add(InvalidValue::unknown_field(name, fields).located(&path, value))
            {
                break;
            }
        }
        visitor.visit_map(Entries { fields: Some(fields), ..Entries::new(entries, &self.path, self.found) })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InvalidValue> {
        match &*self.value {
            Value::String(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Value::Object(entries) if entries.len() == 1 => match entries.iter().next() {
                Some((name, value)) => {
                    let path = join(&self.path, name);
                    let value = Reader { value: Cow::Borrowed(value), path, found: self.found };
                    visitor.visit_enum(Variant { name, value })
                }
                None => Err(InvalidValue::custom("it must be a name")),
            },
            _ => Err(InvalidValue::custom("it must be a name")),
        }
    }

    /// Called for a name that the struct does not have. A setting without a reader is invalid.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, InvalidValue> {
        Err(InvalidValue::new(InvalidKind::UnknownName, "", "there is no such setting".to_owned()))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct identifier
    }
}

/// Text that begins as JSON. A variable with a list or a table of JSON is no text any more when it is read.
fn no_json(text: &str, wanted: &str) -> InvalidValue {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => InvalidValue::custom(format_args!("it must be {wanted}")),
        Err(error) => InvalidValue::custom(format_args!("it is not {wanted} of JSON: {error}")),
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// The items of a list.
struct Items<'a> {
    items: std::vec::IntoIter<Cow<'a, Value>>,
    index: usize,
    path: &'a str,
    found: &'a Found,
}

impl<'a> Items<'a> {
    fn new(items: Vec<Cow<'a, Value>>, path: &'a str, found: &'a Found) -> Self {
        Self { items: items.into_iter(), index: 0, path, found }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = InvalidValue;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, InvalidValue> {
        for value in self.items.by_ref() {
            let path = format!("{}[{}]", self.path, self.index);
            self.index += 1;
            if self.found.left_out.contains(&path) {
                continue;
            }
            let reader = Reader { value: Cow::Borrowed(&*value), path: path.clone(), found: self.found };
            return seed.deserialize(reader).map(Some).map_err(|invalid| invalid.located(&path, &value));
        }
        Ok(None)
    }
}

/// The entries of a table.
struct Entries<'a> {
    entries: serde_json::map::Iter<'a>,
    current: Option<(&'a str, &'a Value)>,
    /// The names that count; all, if there are none.
    fields: Option<&'static [&'static str]>,
    path: &'a str,
    found: &'a Found,
}

impl<'a> Entries<'a> {
    fn new(entries: &'a Map<String, Value>, path: &'a str, found: &'a Found) -> Self {
        Self { entries: entries.iter(), current: None, fields: None, path, found }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = InvalidValue;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, InvalidValue> {
        for (name, value) in self.entries.by_ref() {
            let path = join(self.path, name);
            let is_wanted = self.fields.is_none_or(|fields| fields.contains(&name.as_str()));
            if !is_wanted || self.found.left_out.contains(&path) {
                continue;
            }
            self.current = Some((name, value));
            let name: serde::de::value::StrDeserializer<'_, InvalidValue> = name.as_str().into_deserializer();
            return seed.deserialize(name).map(Some).map_err(|invalid| invalid.located(&path, value));
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, InvalidValue> {
        let Some((name, value)) = self.current.take() else {
            return Err(InvalidValue::custom("a value was asked for before its name"));
        };
        let path = join(self.path, name);
        let reader = Reader { value: Cow::Borrowed(value), path: path.clone(), found: self.found };
        seed.deserialize(reader).map_err(|invalid| invalid.located(&path, value))
    }
}

/// A variant with something in it: `{ name = ... }`.
struct Variant<'a> {
    name: &'a str,
    value: Reader<'a>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = InvalidValue;
    type Variant = Reader<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Reader<'a>), InvalidValue> {
        let name: serde::de::value::StrDeserializer<'_, InvalidValue> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.value))
    }
}

impl Reader<'_> {
    /// Locates invalid values in the content of a variant.
    fn within<T>(self, visit: impl FnOnce(Self) -> Result<T, InvalidValue>) -> Result<T, InvalidValue> {
        let (path, value) = (self.path.clone(), self.value.clone().into_owned());
        visit(self).map_err(|invalid| invalid.located(&path, &value))
    }
}

impl<'de> VariantAccess<'de> for Reader<'_> {
    type Error = InvalidValue;

    fn unit_variant(self) -> Result<(), InvalidValue> {
        self.within(|_| Err(InvalidValue::custom("the variant takes no value")))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, InvalidValue> {
        self.within(|reader| seed.deserialize(reader))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, InvalidValue> {
        self.within(|reader| reader.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, InvalidValue> {
        self.within(|reader| reader.deserialize_map(visitor))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Server {
        port: u16,
        share: f64,
        is_open: bool,
        names: Vec<String>,
        mode: Mode,
        limits: Limits,
        note: Option<String>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        #[default]
        Never,
        Every(u32),
        Often {
            times: u32,
        },
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Limits {
        #[serde(with = "crate::settings::duration")]
        timeout: Duration,
        #[serde(with = "crate::settings::size_bytes")]
        most: usize,
    }

    fn well(tree: Value) -> Server {
        let ReadOutcome { read, problems } = super::read_all(&tree);
        assert_eq!(problems, []);
        read.unwrap()
    }

    fn wrong(tree: Value) -> Vec<String> {
        let outcome: ReadOutcome<Server> = super::read_all(&tree);
        outcome.problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn text_is_taken_for_what_is_asked_for() {
        let server = well(json!({ "port": "80", "share": "0.5", "is_open": "yes", "names": "a, b", "note": "" }));
        assert_eq!((server.port, server.share, server.is_open), (80, 0.5, true));
        assert_eq!((server.names, server.note), (vec!["a".to_owned(), "b".to_owned()], None));
    }

    #[test]
    fn a_variant_may_hold_something() {
        assert_eq!(well(json!({ "mode": "never" })).mode, Mode::Never);
        assert_eq!(well(json!({ "mode": { "every": "5" } })).mode, Mode::Every(5));
        assert_eq!(well(json!({ "mode": { "often": { "times": 5 } } })).mode, Mode::Often { times: 5 });
    }

    #[test]
    fn every_invalid_value_is_named_with_its_place() {
        let tree = json!({
            "port": 70_000,
            "shared": 1,
            "is_open": "perhaps",
            "names": ["a", 5, "c", {}],
            "mode": "neverr",
            "limits": { "timeout": 5, "most": "lots", "else": true },
        });
        assert_eq!(
            wrong(tree),
            [
                "is_open is \"perhaps\"; it must be true or false",
                "limits.else is true; there is no such setting; allowed are timeout, most",
                "limits.most is \"lots\"; it must be a number of bytes, or a size with its unit, such as \"10 MB\" or \"512 KiB\"",
                "limits.timeout is 5; it has no unit; write \"5ms\" or \"5s\"",
                "mode is \"neverr\"; allowed are never, every, often; did you mean never?",
                "names[1] is 5; it must be text",
                "names[3] is a table; it must be text",
                "port is 70000; it must be a whole number from 0 to 65535",
                "shared is 1; there is no such setting; did you mean share?",
            ]
        );
    }

    #[test]
    fn an_invalid_value_in_text_that_is_a_list_is_named_by_its_item() {
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        struct Numbers {
            #[allow(dead_code, reason = "it is read, and that is all")]
            all: Vec<u8>,
        }
        let outcome: ReadOutcome<Numbers> = super::read_all(&json!({ "all": "1,x,3,999" }));
        let paths: Vec<_> = outcome.problems.into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["all[1]", "all[3]"]);
    }

    #[test]
    fn a_table_without_what_it_must_have_hides_no_other_error() {
        #[derive(Debug, Deserialize)]
        struct Entry {
            #[allow(dead_code, reason = "it is read, and that is all")]
            name: String,
        }
        #[derive(Debug, Deserialize)]
        struct Book {
            entries: Vec<Entry>,
            #[allow(dead_code, reason = "it is read, and that is all")]
            #[serde(default)]
            port: u16,
        }
        let tree = json!({ "entries": [{}, { "name": "b" }, { "name": 5 }], "port": "x", "speed": 5 });
        let outcome: ReadOutcome<Book> = super::read_all(&tree);
        let paths: Vec<_> = outcome.problems.into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["entries[0].name", "entries[2].name", "port", "speed"]);
        assert_eq!(outcome.read.unwrap().entries.len(), 1);
    }

    #[test]
    fn thousands_of_errors_are_cut_short() {
        let unknown: Map<String, Value> = (0..50_000).map(|number| (format!("x{number}"), json!(1))).collect();
        let problems = wrong(Value::Object(unknown));
        assert_eq!(problems.len(), 101);
        let last = "the remainder is not checked; more than 100 values are invalid; correct these first";
        assert_eq!(problems.last().unwrap(), last);
        let numbers = json!({ "names": vec![5; 50_000] });
        assert_eq!(wrong(numbers).len(), 101);
    }

    #[test]
    fn text_that_is_nearly_json_has_the_error_of_json() {
        let [list, table] = &wrong(json!({ "names": "[\"a\"", "limits": "{\"most\": 5" }))[..] else { unreachable!() };
        assert!(list.contains("limits is ") && list.contains("; it is not a table of JSON: EOF while"), "{list}");
        assert!(table.contains("names is ") && table.contains("; it is not a list of JSON: EOF while"), "{table}");
    }

    #[test]
    fn a_boolean_has_a_suggestion() {
        assert_eq!(
            wrong(json!({ "is_open": "treu" })),
            ["is_open is \"treu\"; it must be true or false; did you mean true?"]
        );
    }

    #[test]
    fn what_must_be_given_is_missed_once() {
        #[derive(Debug, Deserialize)]
        struct Strict {
            #[allow(dead_code, reason = "it is read, and that is all")]
            path: String,
        }
        let missing: ReadOutcome<Strict> = super::read_all(&json!({}));
        assert_eq!(missing.problems, [Problem::new("path", "missing", "it must be given")]);
        let wrong: ReadOutcome<Strict> = super::read_all(&json!({ "path": 5 }));
        assert_eq!(wrong.problems, [Problem::new("path", "5", "it must be text")]);
    }

    #[test]
    fn a_secret_is_not_shown() {
        let problems = wrong(json!({ "auth_token": "hunter2" }));
        assert_eq!(
            problems,
            [
                "auth_token is [redacted]; there is no such setting; allowed are port, share, is_open, names, mode, limits, note"
            ]
        );
    }

    #[test]
    fn a_tree_that_is_no_table_is_a_single_problem() {
        assert_eq!(wrong(json!(5)), [" is 5; it must be a table"]);
    }

    #[test]
    fn a_list_may_be_a_tuple_and_a_new_type_is_its_value() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Percent(u8);
        #[derive(Debug, PartialEq, Deserialize)]
        struct Range(u8, u8);
        #[derive(Debug, PartialEq, Deserialize)]
        struct Shares {
            pair: (u8, String),
            range: Range,
            percent: Percent,
        }
        let outcome: ReadOutcome<Shares> =
            super::read_all(&json!({ "pair": [1, "a"], "range": [2, "3"], "percent": "50" }));
        assert_eq!(outcome.problems, []);
        let expected = Shares { pair: (1, "a".to_owned()), range: Range(2, 3), percent: Percent(50) };
        assert_eq!(outcome.read, Some(expected));
    }

    #[test]
    fn a_table_where_a_list_is_wanted_is_an_error() {
        assert_eq!(wrong(json!({ "names": { "a": 1 } })), ["names is a table; it must be a list"]);
    }
}
