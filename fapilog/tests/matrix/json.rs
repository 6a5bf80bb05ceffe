//! Reads lines of JSON back, by serde_json and `docs/json.md`.

use std::fmt;

use fapilog::event::FieldGroup;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::logged::{Datum, Logged, is_same_number, unmarked};

/// Keys in the order they come in.
const KEYS: [&str; 15] = [
    "timestamp",
    "level",
    "severity",
    "category",
    "target",
    "source",
    "event_id",
    "message",
    "correlation_id",
    "context",
    "tags",
    "metrics",
    "truncated",
    "truncated_fields",
    "not_utf8",
];

/// An object, with every key as often as it comes.
struct Pairs(Vec<(String, Value)>);

impl Pairs {
    fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    fn text(&self, key: &str) -> &str {
        self.get(key).unwrap().as_str().unwrap()
    }
}

/// A line: its parts of fields apart.
struct Line {
    pairs: Pairs,
    parts: Vec<(String, Pairs)>,
    keys: Vec<String>,
}

/// Compares a line with the logged event. Returns the event's number.
#[track_caller]
pub(crate) fn check(line: &str, logged: &Logged) -> u64 {
    assert!(!line.contains('<'), "a tag may begin: {line:.200}");
    let Line { pairs, parts, keys } = serde_json::from_str(line).unwrap();
    let mut order = KEYS.iter();
    assert!(keys.iter().all(|key| order.any(|known| known == key)), "{keys:?}");
    assert_eq!(pairs.text("level"), logged.level);
    assert_eq!(pairs.text("target"), logged.target);
    assert_eq!(pairs.text("source"), logged.source);
    assert_eq!(pairs.get("correlation_id").map(|id| id.as_str().unwrap()), logged.correlation_id.as_deref());
    assert_eq!(pairs.get("truncated"), None);
    crate::assert_is_time(pairs.text("timestamp"));

    let marked: Vec<&str> = pairs
        .get("not_utf8")
        .map_or(Vec::new(), |names| names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect());
    let is_marked = |name: &str| marked.contains(&name);
    assert!(is(pairs.get("message").unwrap(), &logged.message, is_marked("message")), "the message of {logged:.200?}");
    let mut found = 0;
    for (group, key, value) in &logged.fields {
        let part = name_of(*group);
        let (_, fields) = parts.iter().find(|(name, _)| name == part).unwrap_or_else(|| panic!("no {part}"));
        assert_eq!(fields.0.iter().filter(|(name, _)| name == key).count(), 1, "{part}.{key:?}");
        let is_marked = is_marked(&format!("{part}.{key}"));
        assert!(is(fields.get(key).unwrap(), value, is_marked), "{part}.{key:?}: {:?}", fields.get(key));
        found += 1;
    }
    assert_eq!(parts.iter().map(|(_, fields)| fields.0.len()).sum::<usize>(), found, "fields that were not logged");
    crate::number_of(pairs.text("event_id"))
}

fn name_of(group: FieldGroup) -> &'static str {
    match group {
        FieldGroup::Context => "context",
        FieldGroup::Tags => "tags",
        FieldGroup::Metrics => "metrics",
        other => panic!("{other:?} has no keys"),
    }
}

/// Whether it is the value, and marked exactly where it must be.
fn is(json: &Value, datum: &Datum, is_marked: bool) -> bool {
    is_marked == has_raw_bytes(datum) && reads_as(json, datum, is_marked)
}

fn has_raw_bytes(datum: &Datum) -> bool {
    match datum {
        Datum::Bytes(_) => true,
        Datum::List(elements) => elements.iter().any(has_raw_bytes),
        _ => false,
    }
}

fn reads_as(json: &Value, datum: &Datum, is_marked: bool) -> bool {
    match (json, datum) {
        (Value::Null, Datum::None) => true,
        (Value::Bool(found), Datum::Bool(logged)) => found == logged,
        (Value::Number(found), Datum::Seconds(logged)) => found.as_str() == *logged,
        (Value::Number(found), number) => is_same_number(found.as_str(), number),
        (Value::String(name), Datum::Float(x)) => !x.is_finite() && is_same_number(name, datum),
        (Value::String(name), Datum::Single(x)) => !x.is_finite() && is_same_number(name, datum),
        (Value::String(found), Datum::Text(logged)) if is_marked => unmarked(found) == logged.as_bytes(),
        (Value::String(found), Datum::Bytes(logged)) => is_marked && unmarked(found) == *logged,
        (Value::String(found), Datum::Text(logged)) => found == logged,
        (Value::Array(found), Datum::List(logged)) => {
            found.len() == logged.len()
                && found.iter().zip(logged).all(|(found, logged)| reads_as(found, logged, is_marked))
        }
        _ => false,
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reads)
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Line;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line, A::Error> {
                let mut line = Line { pairs: Pairs(Vec::new()), parts: Vec::new(), keys: Vec::new() };
                while let Some(key) = map.next_key::<String>()? {
                    line.keys.push(key.clone());
                    match key.as_str() {
                        "context" | "tags" | "metrics" => line.parts.push((key, map.next_value()?)),
                        _ => line.pairs.0.push((key, map.next_value()?)),
                    }
                }
                Ok(line)
            }
        }
        deserializer.deserialize_map(Reads)
    }
}
