//! Keys in one flat row: parts of the event, its fields, and the marks.

use fapilog_record::{field_group::FieldGroup, text::hex::hex_upper};

use crate::text::{
    Dialect,
    escape::{is_atom, put_escaped},
};

/// Keys that are the formats' own. The same in every text format, written there or not: so a field keeps its key from
/// one format to the next.
const RESERVED_KEYS: [&str; 13] = [
    "time",
    "level",
    "severity",
    "category",
    "source",
    "target",
    "call_site",
    "event_id",
    "msg",
    "correlation_id",
    "truncated",
    "truncated_fields",
    "not_utf8",
];

const TAGS: &str = "tags.";
const METRICS: &str = "metrics.";
/// The prefix of a field whose own key means something else in the row.
const FIELD: &str = "field.";

const fn prefix_of_group(group: FieldGroup) -> Option<&'static str> {
    match group {
        FieldGroup::Tags => Some(TAGS),
        FieldGroup::Metrics => Some(METRICS),
        _ => None,
    }
}

/// Two different fields never come out under one key: see the module's tests.
fn prefix(group: FieldGroup, name: &str) -> &'static str {
    let is_taken =
        || RESERVED_KEYS.contains(&name) || [TAGS, METRICS, FIELD].iter().any(|&taken| name.starts_with(taken));
    match prefix_of_group(group) {
        Some(prefix) => prefix,
        None if is_taken() => FIELD,
        None => "",
    }
}

/// Appends a field's key.
pub(super) fn put_key(out: &mut Vec<u8>, dialect: Dialect, group: FieldGroup, name: &str) {
    match dialect {
        Dialect::People | Dialect::Terminal => put_pretty_key(out, group, name),
        Dialect::Logfmt => put_logfmt_key(out, group, name),
    }
}

/// Appends a field's key as the pretty and the simple format have it: between quotes, unless it is an [atom](is_atom).
pub fn put_pretty_key(out: &mut Vec<u8>, group: FieldGroup, name: &str) {
    put_for_people(out, prefix(group, name), name);
}

/// Appends a field's key as logfmt has it: `%NN` for each byte that an [atom](is_atom) cannot have, and for `%`.
pub fn put_logfmt_key(out: &mut Vec<u8>, group: FieldGroup, name: &str) {
    put_logfmt(out, prefix(group, name), name);
}

/// Between quotes, if it is no [atom](is_atom).
fn put_for_people(out: &mut Vec<u8>, prefix: &str, name: &str) {
    let is_bare = is_atom(name) || name.is_empty() && !prefix.is_empty();
    if !is_bare {
        out.push(b'"');
    }
    out.extend_from_slice(prefix.as_bytes());
    put_escaped(out, name);
    if !is_bare {
        out.push(b'"');
    }
}

/// logfmt has no quotes around keys. So what an atom cannot have, and `%`, is written as RFC 3986 (section 2.1) has it:
/// `%NN` for each byte; and `%` alone is the empty key.
fn put_logfmt(out: &mut Vec<u8>, prefix: &str, name: &str) {
    out.extend_from_slice(prefix.as_bytes());
    if is_atom(name) && !name.contains('%') {
        out.extend_from_slice(name.as_bytes());
        return;
    }
    if name.is_empty() && prefix.is_empty() {
        out.push(b'%');
    }
    for c in name.chars() {
        let mut buffer = [0; 4];
        let text = c.encode_utf8(&mut buffer);
        if c != '%' && is_atom(text) {
            out.extend_from_slice(text.as_bytes());
        } else {
            text.bytes().for_each(|byte| put_percent(out, byte));
        }
    }
}

fn put_percent(out: &mut Vec<u8>, byte: u8) {
    out.push(b'%');
    out.extend_from_slice(&hex_upper(byte));
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn key(dialect: Dialect, group: FieldGroup, name: &str) -> String {
        let mut out = Vec::new();
        put_key(&mut out, dialect, group, name);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_key_that_is_reserved_or_looks_like_another_comes_behind_field() {
        for dialect in [Dialect::People, Dialect::Logfmt] {
            for name in RESERVED_KEYS.into_iter().chain(["field.level", "tags.region", "metrics.x"]) {
                assert_eq!(key(dialect, FieldGroup::Context, name), format!("field.{name}"));
            }
            assert_eq!(key(dialect, FieldGroup::Context, "http.port"), "http.port");
            assert_eq!(key(dialect, FieldGroup::Tags, "level"), "tags.level");
            assert_eq!(key(dialect, FieldGroup::Metrics, "field.level"), "metrics.field.level");
        }
    }

    #[test]
    fn a_key_that_is_no_atom_is_quoted_for_people() {
        let people = |group, name| key(Dialect::People, group, name);
        assert_eq!(people(FieldGroup::Context, ""), "\"\"");
        assert_eq!(people(FieldGroup::Tags, ""), "tags.");
        assert_eq!(people(FieldGroup::Tags, "a b"), "\"tags.a b\"");
        assert_eq!(people(FieldGroup::Context, "a=\"\n"), r#""a=\"\n""#);
    }

    #[test]
    fn a_key_that_is_no_atom_is_percent_encoded_in_logfmt() {
        let logfmt = |group, name| key(Dialect::Logfmt, group, name);
        assert_eq!(logfmt(FieldGroup::Context, ""), "%");
        assert_eq!(logfmt(FieldGroup::Tags, ""), "tags.");
        assert_eq!(logfmt(FieldGroup::Tags, "a b"), "tags.a%20b");
        assert_eq!(logfmt(FieldGroup::Context, "100%\u{202e}größe"), "100%25%E2%80%AEgröße");
    }

    #[test]
    fn different_fields_never_have_one_key() {
        let names =
            ["", "%", "%25", " ", "%20", "\"\"", "level", "a", ".a", "field.a", "tags.a", "tags.", "msg", "field."];
        let stacked =
            names.iter().flat_map(|name| ["", "field.", "tags.", "metrics."].map(|prefix| format!("{prefix}{name}")));
        let names: HashSet<String> = stacked.collect();
        for dialect in [Dialect::People, Dialect::Logfmt] {
            let mut keys: HashSet<String> = RESERVED_KEYS.iter().map(|&name| name.to_owned()).collect();
            for group in [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics] {
                for name in &names {
                    let key = key(dialect, group, name);
                    assert!(
                        keys.insert(key.clone()),
                        "{group:?} {name:?} comes out as {key:?}, as something else does"
                    );
                }
            }
        }
    }
}
