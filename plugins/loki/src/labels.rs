//! Labels: they name the stream of an entry.

use std::collections::BTreeMap;

use fapilog_format::json::put_string;
use fapilog_plugin::{
    event::Event,
    level::{Category, Level},
    problem::Problem,
    text::bounded::front,
};

use crate::{
    event_text::EventPart,
    settings::{LokiEncoding, LokiSettings},
};

/// The default limits of Loki (`max_label_names_per_series`, `max_label_name_length`, `max_label_value_length`).
const LABELS_MAX: usize = 15;
const NAME_BYTES_MAX: usize = 1024;
const VALUE_BYTES_MAX: usize = 2048;

/// The label of entries that have no other, as Loki itself names them.
const NO_LABELS: (&str, &str) = ("service_name", "unknown_service");

const NAME_RULE: &str =
    "a name has letters, digits and underscores, a letter or a single underscore at its front, and 1024 bytes at most";

/// The labels of entries, sorted by name.
#[derive(Debug)]
pub(crate) struct LabelPlan {
    encoding: LokiEncoding,
    labels: Vec<(String, LabelValue)>,
    /// Level, category and source decide the labels.
    is_cached: bool,
}

#[derive(Debug)]
enum LabelValue {
    Fixed(String),
    Part(EventPart),
}

/// The labels of the last event: events of a logger and of a level have the same.
#[derive(Debug, Default)]
pub(crate) struct LastLabels {
    key: Option<(Level, Category, u32)>,
    text: Vec<u8>,
    /// The value of a label.
    value: Vec<u8>,
}

impl LabelPlan {
    /// The labels of the settings.
    pub(crate) fn of(settings: &LokiSettings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut labels = BTreeMap::new();
        for (name, value) in &settings.labels {
            problems.extend(fixed_problem(name, value).map(|problem| problem.below("labels")));
            labels.insert(name.clone(), LabelValue::Fixed(value.clone()));
        }
        for (name, field) in fields(settings) {
            problems.extend(field_problem(&name, &field, settings).map(|problem| problem.below("label_fields")));
            labels.insert(name, LabelValue::Part(field.as_str().into()));
        }
        if labels.len() > LABELS_MAX {
            let allowed = "Loki takes 15 labels at most; other fields are structured metadata or in the line";
            problems.push(Problem::new("labels", format!("{} labels", labels.len()), allowed).beside("label_fields"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let is_cached = |value: &LabelValue| {
            matches!(
                value,
                LabelValue::Fixed(_) | LabelValue::Part(EventPart::Level | EventPart::Category | EventPart::Source)
            )
        };
        let is_cached = labels.values().all(is_cached);
        Ok(Self { encoding: settings.encoding, labels: labels.into_iter().collect(), is_cached })
    }

    /// The labels of an event, or of a record without one: those that no event changes.
    pub(crate) fn text<'a>(&self, event: Option<&Event<'_>>, last: &'a mut LastLabels) -> &'a [u8] {
        let key = match event {
            Some(event) if self.is_cached => Some((event.level(), event.category(), event.source().id())),
            _ => None,
        };
        if key.is_none() || last.key != key {
            self.render(event, last);
            last.key = key;
        }
        &last.text
    }

    fn render(&self, event: Option<&Event<'_>>, last: &mut LastLabels) {
        let LastLabels { text, value, .. } = last;
        text.clear();
        for (name, label) in &self.labels {
            value.clear();
            match (label, event) {
                (LabelValue::Fixed(fixed), _) => value.extend_from_slice(fixed.as_bytes()),
                (LabelValue::Part(part), Some(event)) => part.put(event, value),
                (LabelValue::Part(_), None) => {}
            }
            // An empty value is no label.
            if !value.is_empty() {
                self.put(name, front(&String::from_utf8_lossy(value), VALUE_BYTES_MAX), text);
            }
        }
        if text.is_empty() {
            self.put(NO_LABELS.0, NO_LABELS.1, text);
        }
        text.push(b'}');
    }

    fn put(&self, name: &str, value: &str, text: &mut Vec<u8>) {
        text.push(if text.is_empty() { b'{' } else { b',' });
        match self.encoding {
            LokiEncoding::Protobuf => {
                text.extend_from_slice(name.as_bytes());
                text.push(b'=');
                put_quoted(value, text);
            }
            LokiEncoding::Json => {
                put_string(text, name);
                text.push(b':');
                put_string(text, value);
            }
        }
    }
}

/// The labels with values of fields.
fn fields(settings: &LokiSettings) -> BTreeMap<String, String> {
    let default = || {
        [("level", "level"), ("service_name", "source")]
            .into_iter()
            .filter(|(name, _)| !settings.labels.contains_key(*name))
            .map(|(name, field)| (name.to_owned(), field.to_owned()))
            .collect()
    };
    settings.label_fields.clone().unwrap_or_else(default)
}

fn fixed_problem(name: &str, value: &str) -> Option<Problem> {
    if !is_name(name) {
        return Some(Problem::new("", format!("{name:?}"), NAME_RULE));
    }
    let is_valid = (1..=VALUE_BYTES_MAX).contains(&value.len());
    (!is_valid)
        .then(|| Problem::new(name, format!("{:?}", front(value, 64)), "the value of a label has 1 to 2048 bytes"))
}

fn field_problem(name: &str, field: &str, settings: &LokiSettings) -> Option<Problem> {
    if !is_name(name) {
        return Some(Problem::new("", format!("{name:?}"), NAME_RULE));
    }
    if settings.labels.contains_key(name) {
        let allowed = "a label has a value of its own or that of a field, and not both";
        return Some(Problem::new(name, format!("{field:?}"), allowed).beside("labels"));
    }
    let is_unbounded = matches!(EventPart::from(field), EventPart::EventId | EventPart::CorrelationId);
    is_unbounded.then(|| {
        let allowed = "each value makes a stream of its own, so an id is structured metadata and no label";
        Problem::new(name, format!("{field:?}"), allowed).beside("metadata_fields")
    })
}

/// Whether a text is the name of a label that a client may set. Those with two underscores at the front are Loki's own.
fn is_name(name: &str) -> bool {
    let is_front = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !name.starts_with("__");
    is_front && name.len() <= NAME_BYTES_MAX && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Appends a text as a string of Go, as the labels of a stream have it.
fn put_quoted(value: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            0..0x20 | 0x7f => {
                let digit = |n: u8| if n < 10 { b'0' + n } else { b'a' + n - 10 };
                out.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_loki_takes_from_clients() {
        for name in ["a", "_a", "A9_b"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "9a", "a-b", "a.b", "ä", "__a", &"a".repeat(1025)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn no_value_ends_its_string() {
        let mut out = Vec::new();
        put_quoted("a\"},{b=\"\\\n\u{7}ä", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#""a\"},{b=\"\\\n\x07ä""#);
    }
}
