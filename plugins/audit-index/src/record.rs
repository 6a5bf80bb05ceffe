//! Records, and the parts of them that are indexed.

use std::{collections::HashMap, path::Path};

use serde_json::value::RawValue;

/// The parts of a record that are indexed. See [the places](https://github.com/fapilog/fapilog-rs/blob/main/docs/audit-query.md#fields).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordFields {
    /// The time, in nanoseconds since 1970-01-01T00:00:00Z.
    pub unix_nanos: Option<i64>,
    /// The acting user.
    pub user: Option<String>,
    /// The action.
    pub action: Option<String>,
    /// The object of the action.
    pub object: Option<String>,
    /// The outcome.
    pub outcome: Option<String>,
    /// The address, host or service that the action came from.
    pub origin: Option<String>,
    /// The level.
    pub level: Option<String>,
    /// The logger's name.
    pub logger: Option<String>,
}

/// A record that a search has found. Its block was verified.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FoundRecord<'a> {
    /// Its bytes, without the line end.
    pub bytes: &'a [u8],
    /// Its number among the records that the index knows, from 0. It is the number in the trail if the index has seen its first file.
    pub number: u64,
    /// The data file.
    pub file: &'a Path,
    /// The number of the data file in the trail, from 0.
    pub segment: u64,
    /// Its place in the data file, in bytes.
    pub offset: u64,
    /// The number of the block that it begins in.
    pub block: u64,
    /// Whether a checkpoint includes it.
    pub is_signed: bool,
}

/// The members of an object, as they are written. The last of several with one name is taken.
type JsonMembers<'a> = HashMap<String, &'a RawValue>;

impl RecordFields {
    /// The fields of a record: a JSON object in one line. `None` if it is anything else.
    #[must_use]
    pub fn of(record: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(record).ok()?;
        let event: JsonMembers<'_> = serde_json::from_str(text).ok()?;
        let group = |name: &str| -> JsonMembers<'_> {
            event.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
        };
        let (context, tags) = (group("context"), group("tags"));
        let first = |places: &[(&JsonMembers<'_>, &str)]| {
            places.iter().find_map(|(members, name)| members.get(*name).and_then(|raw| text_of(raw)))
        };
        let in_groups = |name: &str| first(&[(&context, name), (&tags, name), (&event, name)]);
        Some(Self {
            unix_nanos: event.get("timestamp").and_then(|raw| nanos_of(&text_of(raw)?)),
            user: first(&[(&context, "who"), (&context, "user"), (&tags, "who"), (&tags, "user")]),
            action: first(&[(&event, "message"), (&context, "what"), (&context, "action")]),
            object: in_groups("object"),
            outcome: in_groups("outcome"),
            origin: in_groups("origin"),
            level: event.get("level").and_then(|raw| text_of(raw)),
            logger: first(&[(&event, "source"), (&event, "logger")]),
        })
    }
}

/// A text, or the JSON of another value. Null and values without content are none. SQLite's patterns end at a NUL.
fn text_of(raw: &RawValue) -> Option<String> {
    let json = raw.get();
    let text = match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(json).ok()?,
        _ if matches!(json, "null" | "[]" | "{}") => return None,
        _ => json.to_owned(),
    };
    (!text.trim().is_empty()).then(|| text.replace('\0', "\u{fffd}"))
}

fn nanos_of(time: &str) -> Option<i64> {
    i64::try_from(time.parse::<jiff::Timestamp>().ok()?.as_nanosecond()).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_the_context_or_the_tags() {
        let record = br#"{"timestamp":"1970-01-01T00:00:01.5Z","level":"AUDIT","source":"shop","message":"order cancelled",
            "context":{"who":"ada","object":340282366920938463463374607431768211455,"outcome":" "},"tags":{"user":"x","origin":"db\u0000"}}"#;
        let fields = RecordFields::of(record).unwrap();
        assert_eq!(fields.unix_nanos, Some(1_500_000_000));
        assert_eq!((fields.user.as_deref(), fields.action.as_deref()), (Some("ada"), Some("order cancelled")));
        assert_eq!(fields.object.as_deref(), Some("340282366920938463463374607431768211455"));
        assert_eq!((fields.outcome, fields.origin.as_deref()), (None, Some("db\u{fffd}")));
        assert_eq!((fields.level.as_deref(), fields.logger.as_deref()), (Some("AUDIT"), Some("shop")));
    }

    #[test]
    fn the_action_is_a_field_where_the_message_is_empty() {
        let action = |record: &str| RecordFields::of(record.as_bytes()).unwrap().action;
        assert_eq!(action(r#"{"message":"","context":{"what":"login"}}"#).as_deref(), Some("login"));
        assert_eq!(action(r#"{"context":{"action":"login"}}"#).as_deref(), Some("login"));
        assert_eq!(action("{}"), None);
    }

    #[test]
    fn a_record_that_is_no_object_has_no_fields() {
        for record in [&b"plain"[..], b"[1]", b"\xff", b"", b"{\"a\":1} trailing"] {
            assert_eq!(RecordFields::of(record), None);
        }
    }
}
