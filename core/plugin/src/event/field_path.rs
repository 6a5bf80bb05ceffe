//! Paths of fields.

use std::fmt;

use fapilog_record::{field_group::FieldGroup, value::ValueRef};

use crate::event::Event;

/// Names a field: `context.user_id`, `tags.region`, `metrics.latency_ms`. A name without one of these fronts is of the
/// context, so `user_id` is `context.user_id`; a context key that itself begins with `tags.` is `context.tags.`...
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldPath {
    group: FieldGroup,
    name: String,
}

const FRONTS: [(&str, FieldGroup); 3] =
    [("context.", FieldGroup::Context), ("tags.", FieldGroup::Tags), ("metrics.", FieldGroup::Metrics)];

impl FieldPath {
    /// The part of the event.
    #[must_use]
    pub fn group(&self) -> FieldGroup {
        self.group
    }

    /// The key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value that counts under this key.
    #[must_use]
    pub fn of<'batch>(&self, event: &Event<'batch>) -> Option<ValueRef<'batch>> {
        event.field(self.group, &self.name)
    }
}

impl From<&str> for FieldPath {
    fn from(path: &str) -> Self {
        let split = FRONTS.iter().find_map(|(front, group)| Some((*group, path.strip_prefix(front)?)));
        let (group, name) = split.unwrap_or((FieldGroup::Context, path));
        Self { group, name: name.to_owned() }
    }
}

impl From<String> for FieldPath {
    fn from(path: String) -> Self {
        path.as_str().into()
    }
}

/// With its front, so that it reads back as it was.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let front = FRONTS.iter().find(|(_, group)| *group == self.group);
        write!(f, "{}{}", front.map_or("", |(front, _)| front), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_front_names_the_part_of_the_event_and_none_is_the_context() {
        for (path, group, name) in [
            ("user_id", FieldGroup::Context, "user_id"),
            ("context.user_id", FieldGroup::Context, "user_id"),
            ("context.tags.x", FieldGroup::Context, "tags.x"),
            ("tags.region", FieldGroup::Tags, "region"),
            ("metrics.latency.ms", FieldGroup::Metrics, "latency.ms"),
            ("tags", FieldGroup::Context, "tags"),
        ] {
            let path = FieldPath::from(path);
            assert_eq!((path.group(), path.name()), (group, name));
        }
    }

    #[test]
    fn a_path_reads_back_as_it_was() {
        for text in ["context.a", "context.tags.a", "tags.a.b", "metrics."] {
            assert_eq!(FieldPath::from(text).to_string(), text);
        }
    }
}
