//! Which field is meant.

use std::fmt;

use fapilog_plugin::event::Event;
use fapilog_record::{bucket::Bucket, value::ValueRef};

/// Names a field: `context.user_id`, `tags.region`, `metrics.latency_ms`. A name without one of these fronts is of the
/// context, so `user_id` is `context.user_id`; a context key that itself begins with `tags.` is `context.tags.`...
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldPath {
    bucket: Bucket,
    name: String,
}

const FRONTS: [(&str, Bucket); 3] =
    [("context.", Bucket::Context), ("tags.", Bucket::Tags), ("metrics.", Bucket::Metrics)];

impl FieldPath {
    /// The part of the event.
    #[must_use]
    pub fn bucket(&self) -> Bucket {
        self.bucket
    }

    /// The key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value that counts under this key.
    pub(super) fn of<'batch>(&self, event: &Event<'batch>) -> Option<ValueRef<'batch>> {
        event.field(self.bucket, &self.name)
    }
}

impl From<&str> for FieldPath {
    fn from(path: &str) -> Self {
        let split = FRONTS.iter().find_map(|(front, bucket)| Some((*bucket, path.strip_prefix(front)?)));
        let (bucket, name) = split.unwrap_or((Bucket::Context, path));
        Self { bucket, name: name.to_owned() }
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
        let front = FRONTS.iter().find(|(_, bucket)| *bucket == self.bucket);
        write!(f, "{}{}", front.map_or("", |(front, _)| front), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_front_names_the_part_of_the_event_and_none_is_the_context() {
        for (path, bucket, name) in [
            ("user_id", Bucket::Context, "user_id"),
            ("context.user_id", Bucket::Context, "user_id"),
            ("context.tags.x", Bucket::Context, "tags.x"),
            ("tags.region", Bucket::Tags, "region"),
            ("metrics.latency.ms", Bucket::Metrics, "latency.ms"),
            ("tags", Bucket::Context, "tags"),
        ] {
            let path = FieldPath::from(path);
            assert_eq!((path.bucket(), path.name()), (bucket, name));
        }
    }

    #[test]
    fn a_path_reads_back_as_it_was() {
        for text in ["context.a", "context.tags.a", "tags.a.b", "metrics."] {
            assert_eq!(FieldPath::from(text).to_string(), text);
        }
    }
}
