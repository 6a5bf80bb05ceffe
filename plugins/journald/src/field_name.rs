//! Names of fields: those of an event, as the journal allows them.

use fapilog_plugin::field_group::FieldGroup;

/// The longest name that journald keeps, in bytes. It ignores a field of a longer name.
pub(crate) const NAME_BYTES_MAX: usize = 64;

/// The text in front of a name that the journal does not allow, or that has a meaning of its own.
const ESCAPE: &[u8] = b"FIELD_";

/// Names that the sink writes, or that journald acts on (`OBJECT_PID`). A field of such a name has [`ESCAPE`] in front.
const RESERVED: [&str; 20] = [
    "CATEGORY",
    "CODE_FILE",
    "CODE_FUNC",
    "CODE_LINE",
    "CORRELATION_ID",
    "EVENT_ID",
    "EVENT_TIME",
    "LEVEL",
    "LOGGER",
    "MESSAGE",
    "MESSAGE_ID",
    "OBJECT_PID",
    "PRIORITY",
    "SEVERITY",
    "SYSLOG_FACILITY",
    "SYSLOG_IDENTIFIER",
    "TARGET",
    "TID",
    "TRUNCATED",
    "TRUNCATED_FIELDS",
];

/// Fields of the context that every program names the same: no prefix stands in front of them.
const SHARED_NAMES: [&str; 2] = ["trace_id", "span_id"];

/// The rule by which fields are named.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldNaming {
    prefix: Box<str>,
}

impl FieldNaming {
    /// `prefix` stands in front of each name.
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.into() }
    }

    /// Appends the name of a field: a valid name of the journal, whatever the field's name is.
    pub(crate) fn put(&self, group: FieldGroup, name: &str, out: &mut Vec<u8>) {
        let start = out.len();
        if group != FieldGroup::Context || !SHARED_NAMES.contains(&name) {
            out.extend_from_slice(self.prefix.as_bytes());
        }
        out.extend_from_slice(match group {
            FieldGroup::Tags => b"TAGS_",
            FieldGroup::Metrics => b"METRICS_",
            _ => b"",
        });
        out.extend(name.chars().take(NAME_BYTES_MAX).map(allowed));
        let written = out.get(start..).unwrap_or_default();
        if !is_free(written) {
            out.extend_from_slice(ESCAPE);
            if let Some(written) = out.get_mut(start..) {
                written.rotate_right(ESCAPE.len());
            }
        }
        out.truncate(start + NAME_BYTES_MAX);
    }
}

/// The character in the place of one of a field's name.
fn allowed(c: char) -> u8 {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => c.to_ascii_uppercase() as u8,
        _ => b'_',
    }
}

/// Whether a name of allowed characters can stand as it is.
fn is_free(name: &[u8]) -> bool {
    name.first().is_some_and(u8::is_ascii_uppercase)
        && RESERVED.binary_search_by(|reserved| reserved.as_bytes().cmp(name)).is_err()
}

/// Whether a text can be the prefix of names: empty, or a name of at most half the length.
pub(crate) fn is_prefix(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = text.bytes().next().is_none_or(|byte| byte.is_ascii_uppercase());
    begins && text.len() <= NAME_BYTES_MAX / 2 && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(prefix: &str, group: FieldGroup, name: &str) -> String {
        let mut out = b"before".to_vec();
        FieldNaming::new(prefix).put(group, name, &mut out);
        String::from_utf8(out.split_off(6)).unwrap()
    }

    fn context(text: &str) -> String {
        name("", FieldGroup::Context, text)
    }

    #[test]
    fn letters_are_capitals_and_other_characters_underscores() {
        assert_eq!(context("order_id"), "ORDER_ID");
        assert_eq!(context("http.status-code 2"), "HTTP_STATUS_CODE_2");
        assert_eq!(context("größe=\n"), "GR__E__");
    }

    #[test]
    fn names_that_the_journal_does_not_allow_have_an_escape_in_front() {
        assert_eq!(["", "_pid", "2nd", "é"].map(context), ["FIELD_", "FIELD__PID", "FIELD_2ND", "FIELD__"]);
    }

    #[test]
    fn names_of_the_sink_have_an_escape_in_front() {
        assert!(RESERVED.is_sorted());
        for reserved in RESERVED {
            assert_eq!(context(&reserved.to_lowercase()), format!("FIELD_{reserved}"));
        }
        assert_eq!(name("CODE_", FieldGroup::Context, "file"), "FIELD_CODE_FILE");
    }

    #[test]
    fn a_name_has_64_bytes_at_most() {
        assert_eq!(context(&"x".repeat(64)), "X".repeat(64));
        assert_eq!(context(&"é".repeat(1000)), format!("FIELD_{}", "_".repeat(58)));
        assert_eq!(name("APP_", FieldGroup::Tags, &"x".repeat(90)), format!("APP_TAGS_{}", "X".repeat(55)));
    }

    #[test]
    fn groups_and_the_prefix_stand_in_front_but_not_of_the_ids_of_traces() {
        assert_eq!(name("APP_", FieldGroup::Context, "order"), "APP_ORDER");
        assert_eq!(name("APP_", FieldGroup::Tags, "region"), "APP_TAGS_REGION");
        assert_eq!(name("", FieldGroup::Metrics, "bytes"), "METRICS_BYTES");
        assert_eq!(name("APP_", FieldGroup::Context, "trace_id"), "TRACE_ID");
        assert_eq!(name("APP_", FieldGroup::Tags, "trace_id"), "APP_TAGS_TRACE_ID");
    }

    #[test]
    fn a_prefix_is_a_short_name() {
        assert!(["", "A", "APP_", "X2_"].into_iter().all(is_prefix));
        assert!(!["_A", "2A", "app", "A-B", &"X".repeat(33)].into_iter().any(is_prefix));
    }
}
