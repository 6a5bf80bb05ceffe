//! Paths: where a field is looked for.

use crate::{
    filter::Needle,
    json::JsonValue,
    line::{LogEvent, key},
};

/// A field: names, from the outside to the inside.
///
/// A path is looked for in the event itself, then in `context`, `tags` and `metrics`, and in the `fields` of tracing-subscriber. A key may have dots in it: `http.method` is
/// the key `method` in the object `http`, or the key `http.method`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventPath {
    names: Vec<String>,
}

impl EventPath {
    pub(crate) fn new(names: Vec<String>) -> Self {
        Self { names }
    }

    /// The path of a text without quotes: `context.status`.
    pub(crate) fn of(text: &str) -> Self {
        Self { names: text.split('.').map(str::to_owned).collect() }
    }

    pub(crate) fn find<'a>(&self, event: LogEvent<'a>) -> Option<JsonValue<'a>> {
        let groups = || [key::CONTEXT, key::TAGS, key::METRICS].into_iter().filter_map(|group| event.get(group));
        let nested = || find(event.nested_fields()?, &self.names);
        find(event.object(), &self.names)
            .or_else(|| groups().find_map(|group| find(group, &self.names)))
            .or_else(nested)
    }

    /// Whether it is the event's level, which has an order of its own.
    pub(super) fn is_level(&self) -> bool {
        matches!(self.names.as_slice(), [name] if name == key::LEVEL)
    }

    #[cfg(test)]
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The name of the field itself, behind those of the objects around it.
    pub(super) fn last_name(&self) -> &str {
        self.names.last().map(String::as_str).unwrap_or_default()
    }

    /// A text of every line that has the field.
    pub(super) fn needle(&self) -> Option<Needle> {
        Needle::of_key_end(self.last_name())
    }
}

fn find<'a>(object: JsonValue<'a>, names: &[String]) -> Option<JsonValue<'a>> {
    (1..=names.len()).find_map(|count| {
        let (key, inner) = names.split_at_checked(count)?;
        let value = match key {
            [key] => object.get(key)?,
            several => object.get(&several.join("."))?,
        };
        if inner.is_empty() { Some(value) } else { find(value, inner) }
    })
}
