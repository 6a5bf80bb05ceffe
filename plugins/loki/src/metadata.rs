//! Structured metadata: fields of an entry that are neither labels nor in its line.

use fapilog_plugin::{
    event::Event, field_group::FieldGroup, problem::Problem, text::plain::put_plain, value::ValueRef,
};

use crate::{
    encode::entry::LokiEntryWriter,
    event_text::{EventPart, put_event_id},
    settings::{LokiMetadata, LokiSettings},
};

/// The default limits of Loki (`max_structured_metadata_entries_count`, `max_structured_metadata_size`).
const ENTRIES_MAX: usize = 128;
const BYTES_MAX: usize = 64 << 10;

/// The name of the entry that marks an event whose other fields exceed the limits, with its value.
const CUT: (&str, &str) = ("metadata_truncated", "true");

/// The structured metadata of entries.
#[derive(Debug)]
pub(crate) struct MetadataPlan {
    has_all_fields: bool,
    parts: Vec<(String, EventPart)>,
}

impl MetadataPlan {
    /// The structured metadata of the settings.
    pub(crate) fn of(settings: &LokiSettings) -> Result<Self, Vec<Problem>> {
        let is_name = |name: &str| !name.is_empty() && name.len() <= 1024 && sanitized(name) == name;
        let allowed = "a name has letters, digits and underscores, no digit at its front, and 1024 bytes at most";
        let problem = |name: &String| Problem::new("", format!("{name:?}"), allowed).below("metadata_fields");
        let mut problems: Vec<_> = settings.metadata_fields.keys().filter(|name| !is_name(name)).map(problem).collect();
        if settings.metadata_fields.len() >= ENTRIES_MAX {
            let count = format!("{} fields", settings.metadata_fields.len());
            problems.push(Problem::new("metadata_fields", count, "allowed are 127 at most: Loki takes 128"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let parts =
            settings.metadata_fields.iter().map(|(name, field)| (name.clone(), field.as_str().into())).collect();
        Ok(Self { has_all_fields: settings.metadata == LokiMetadata::Fields, parts })
    }

    /// Writes the structured metadata of an event.
    pub(crate) fn put(&self, event: &Event<'_>, scratch: &mut MetadataScratch, entry: &mut LokiEntryWriter<'_>) {
        if !self.has_all_fields && self.parts.is_empty() {
            return;
        }
        let MetadataScratch { name: name_text, value, names } = scratch;
        names.clear();
        let bytes = BYTES_MAX - CUT.0.len() - CUT.1.len();
        let mut budget = MetadataBudget { names, entries: ENTRIES_MAX - 1, bytes, is_over: false };
        for (name, part) in &self.parts {
            value.clear();
            part.put(event, value);
            budget.put(name, value, entry);
        }
        if self.has_all_fields {
            value.clear();
            put_event_id(event, value);
            budget.put("event_id", value, entry);
            budget.put("correlation_id", event.correlation_id().unwrap_or_default().as_bytes(), entry);
            for (group, front) in
                [(FieldGroup::Context, ""), (FieldGroup::Tags, "tags_"), (FieldGroup::Metrics, "metrics_")]
            {
                for field in event.counted_fields(group) {
                    name_text.clear();
                    name_text.push_str(front);
                    push_sanitized(field.name, name_text);
                    match field.value {
                        ValueRef::Text(text) => budget.put(name_text, text.as_bytes(), entry),
                        other => {
                            value.clear();
                            put_plain(value, other);
                            budget.put(name_text, value, entry);
                        }
                    }
                }
            }
        }
        if budget.is_over {
            entry.metadata(CUT.0, CUT.1.as_bytes());
        }
    }
}

/// The memory of names and values, which is kept.
#[derive(Debug, Default)]
pub(crate) struct MetadataScratch {
    name: String,
    value: Vec<u8>,
    names: WrittenNames,
}

/// The names that an entry has.
#[derive(Debug, Default)]
struct WrittenNames {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl WrittenNames {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// Adds a name. Returns whether the entry does not have it.
    fn add(&mut self, name: &str) -> bool {
        let mut start = 0;
        for end in &self.ends {
            if self.text.get(start..*end) == Some(name.as_bytes()) {
                return false;
            }
            start = *end;
        }
        self.text.extend_from_slice(name.as_bytes());
        self.ends.push(self.text.len());
        true
    }
}

/// The structured metadata that an entry may still have.
struct MetadataBudget<'a> {
    names: &'a mut WrittenNames,
    entries: usize,
    bytes: usize,
    is_over: bool,
}

impl MetadataBudget<'_> {
    /// Writes a field, unless it has no value, exceeds the limits, or has the name of one before it: names may become the same when they are
    /// sanitized, and Loki takes each name once.
    fn put(&mut self, name: &str, value: &[u8], entry: &mut LokiEntryWriter<'_>) {
        if value.is_empty() {
            return;
        }
        let bytes = name.len() + value.len();
        if self.entries == 0 || bytes > self.bytes {
            self.is_over = true;
            return;
        }
        if !self.names.add(name) {
            return;
        }
        self.entries -= 1;
        self.bytes -= bytes;
        entry.metadata(name, value);
    }
}

fn sanitized(name: &str) -> String {
    let mut text = String::new();
    push_sanitized(name, &mut text);
    text
}

/// Appends a name as Loki takes it: every other character becomes an underscore.
fn push_sanitized(name: &str, out: &mut String) {
    if out.is_empty() && name.starts_with(|c: char| c.is_ascii_digit()) {
        out.push('_');
    }
    out.extend(name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_letters_digits_and_underscores() {
        for (name, expected) in [("http.status-code", "http_status_code"), ("9lives", "_9lives"), ("größe", "gr__e")]
        {
            assert_eq!(sanitized(name), expected);
        }
    }
}
