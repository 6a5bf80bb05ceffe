//! Keys of other logging libraries, whose fields have no groups.

use std::borrow::Cow;

use fapilog_record::field_group::FieldGroup;

/// The group and the name of a field by its key: `tags.`, `metrics.` and `context.` in front of it choose the group. All other keys are of
/// the context, as a whole.
///
/// ```
/// use fapilog::{adapter::field_of_key, event::FieldGroup};
///
/// assert_eq!(field_of_key("tags.region"), (FieldGroup::Tags, "region"));
/// assert_eq!(field_of_key("http.status"), (FieldGroup::Context, "http.status"));
/// ```
#[must_use]
pub fn field_of_key(key: &str) -> (FieldGroup, &str) {
    let groups = [FieldGroup::Tags, FieldGroup::Metrics, FieldGroup::Context];
    let named = groups.into_iter().find_map(|group| {
        let name = key.strip_prefix(group.name())?.strip_prefix('.')?;
        (!name.is_empty()).then_some((group, name))
    });
    named.unwrap_or((FieldGroup::Context, key))
}

/// The key of a field, of which [`field_of_key`] finds group and name again, if the name is not empty. `reserved`: keys that have another meaning in the
/// other library.
///
/// ```
/// use fapilog::{adapter::key_of_field, event::FieldGroup};
///
/// assert_eq!(key_of_field(FieldGroup::Tags, "region", &[]), "tags.region");
/// assert_eq!(key_of_field(FieldGroup::Context, "user", &["message"]), "user");
/// assert_eq!(key_of_field(FieldGroup::Context, "message", &["message"]), "context.message");
/// ```
#[must_use]
pub fn key_of_field<'a>(group: FieldGroup, name: &'a str, reserved: &[&str]) -> Cow<'a, str> {
    let is_plain = || !reserved.contains(&name) && field_of_key(name) == (group, name);
    if group == FieldGroup::Context && is_plain() {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("{}.{name}", group.name()))
    }
}

#[cfg(test)]
mod tests {
    use FieldGroup::{Context, Metrics, Tags};

    use super::*;

    #[test]
    fn a_prefix_names_the_group_and_other_dots_belong_to_the_name() {
        let cases = [
            ("user", Context, "user"),
            ("tags.region", Tags, "region"),
            ("metrics.latency_ms", Metrics, "latency_ms"),
            ("context.user", Context, "user"),
            ("otel.kind", Context, "otel.kind"),
            ("tags.a.b", Tags, "a.b"),
            ("tags", Context, "tags"),
            ("tags.", Context, "tags."),
            ("mytags.x", Context, "mytags.x"),
        ];
        for (key, group, name) in cases {
            assert_eq!(field_of_key(key), (group, name), "{key}");
        }
    }

    #[test]
    fn a_key_has_group_and_name_again() {
        for group in [Context, Tags, Metrics] {
            for name in ["user", "level", "tags", "tags.", "tags.x", "context.x", "context.context.x"] {
                let key = key_of_field(group, name, &["level"]);
                assert_eq!(field_of_key(&key), (group, name), "{key}");
                assert_ne!(key, "level");
            }
        }
    }
}
