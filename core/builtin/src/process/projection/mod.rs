//! Projection: keeps some of an event's fields.

pub(crate) mod settings;

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, FieldRef},
    per_call_site::PerCallSite,
    processor::Processor,
};
use fapilog_record::field_group::FieldGroup;

use crate::process::{AuditField, FieldPath};

/// Takes fields out of events. Values are not copied, and events that need no change are not touched.
///
/// A pattern is a field's path, as in [`FieldPath`]; one that ends with `*` is of all fields that begin so: `tags.*`,
/// `context.http_*`, and `*` alone for the whole context. Message, target, source and correlation id always stay, and so do
/// all fields of internal events.
///
/// ```
/// use fapilog_builtin::process::Projection;
///
/// let projection = Projection::new().keep(["user_id", "tags.*", "metrics.*"]).drop(["tags.debug_*"]);
/// # let _ = projection;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Projection {
    patterns: Patterns,
    /// Whether all arguments of a call site stay.
    sites: PerCallSite<bool>,
}

#[derive(Debug, Clone, Default)]
struct Patterns {
    keep: Vec<Pattern>,
    drop: Vec<Pattern>,
}

#[derive(Debug, Clone)]
struct Pattern {
    path: FieldPath,
    /// The beginning of the name, for a pattern with `*`.
    front: Option<String>,
}

impl Pattern {
    fn new(path: FieldPath) -> Self {
        let front = path.name().strip_suffix('*').map(str::to_owned);
        Self { path, front }
    }

    fn fits(&self, group: FieldGroup, name: &str) -> bool {
        group == self.path.group()
            && match &self.front {
                Some(front) => name.starts_with(front.as_str()),
                None => name == self.path.name(),
            }
    }
}

impl Projection {
    /// Keeps all fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps fields of these patterns only.
    #[must_use]
    pub fn keep<P: Into<FieldPath>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.patterns.keep.extend(patterns.into_iter().map(|path| Pattern::new(path.into())));
        self
    }

    /// Takes fields of these patterns out, also those that are kept otherwise.
    #[must_use]
    pub fn drop<P: Into<FieldPath>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.patterns.drop.extend(patterns.into_iter().map(|path| Pattern::new(path.into())));
        self
    }

    fn stays(&self, group: FieldGroup, name: &str) -> bool {
        self.patterns.keep(group, name)
    }

    /// Whether the fields that an audit event must have stay.
    fn keeps_audit_fields(&self) -> bool {
        AuditField::ALL.iter().all(|field| self.stays(FieldGroup::Context, field.name()))
    }

    fn all_stay(&self, fields: &[FieldRef<'_>]) -> bool {
        fields.iter().all(|field| self.stays(field.group, field.name))
    }

    /// Whether all arguments of the event's call site stay.
    fn site_stays(&mut self, event: &Event<'_>) -> bool {
        let patterns = &self.patterns;
        *self.sites.get_or_insert_with(event.descriptor(), || {
            let arguments = event.descriptor().fields().iter().map(|field| field.name);
            arguments.filter(|name| name.group.is_keyed()).all(|field| patterns.keep(field.group, field.name))
        })
    }
}

impl Patterns {
    fn keep(&self, group: FieldGroup, name: &str) -> bool {
        let fits = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.fits(group, name));
        (self.keep.is_empty() || fits(&self.keep)) && !fits(&self.drop)
    }
}

impl Processor for Projection {
    fn name(&self) -> &'static str {
        "project"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        if self.patterns.keep.is_empty() && self.patterns.drop.is_empty() {
            return Ok(());
        }
        // Many events share their context: what was found of the last one's holds for the next.
        let mut shared: (&[FieldRef<'_>], bool) = (&[], true);
        for event in batch.events_mut().iter_mut().filter(|event| !event.is_internal()) {
            if !std::ptr::eq(shared.0, event.shared_context()) {
                shared = (event.shared_context(), self.all_stay(event.shared_context()));
            }
            let nothing_goes = if event.is_plain() {
                shared.1 && self.site_stays(event)
            } else {
                event.fields().all(|field| self.stays(field.group, field.name))
            };
            if !nothing_goes {
                event.rewrite_fields(|field| self.stays(field.group, field.name).then_some(field));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::{
        common_fields::CommonFields,
        testing::{TestBatches, TestEvent, test_event},
    };
    use fapilog_record::value::ValueRef;

    use super::*;

    fn event() -> TestEvent<'static> {
        test_event("message")
            .field(FieldGroup::Context, "user_id", 1)
            .field(FieldGroup::Context, "user_name", "x")
            .field(FieldGroup::Tags, "region", "eu")
            .field(FieldGroup::Metrics, "ms", 5)
            .field(FieldGroup::CorrelationId, "", "trace")
    }

    fn fields_of(event: &Event<'_>) -> Vec<String> {
        event.fields().map(|field| format!("{:?}.{}", field.group, field.name)).collect()
    }

    #[test]
    fn only_fields_that_are_kept_and_not_dropped_stay() {
        for (projection, expected) in [
            (Projection::new().keep(["user_id"]), &["Context.user_id"][..]),
            (Projection::new().keep(["tags.*", "metrics.*"]), &["Tags.region", "Metrics.ms"]),
            (Projection::new().keep(["user_*"]).drop(["context.user_name"]), &["Context.user_id"]),
            (Projection::new().drop(["*"]), &["Tags.region", "Metrics.ms"]),
            (Projection::new().drop(["tags.*", "metrics.m*"]), &["Context.user_id", "Context.user_name"]),
            (Projection::new().keep(["nothing"]), &[]),
        ] {
            TestBatches::new().events(&[event()], |batch| {
                projection.clone().process(batch).unwrap();
                assert_eq!(fields_of(&batch.events()[0]), expected);
            });
        }
    }

    #[test]
    fn message_target_and_correlation_id_stay() {
        TestBatches::new().events(&[event()], |batch| {
            Projection::new().keep(["nothing"]).process(batch).unwrap();
            let event = &batch.events()[0];
            assert_eq!((event.message(), event.target()), (ValueRef::Text("message"), "stage"));
            assert_eq!(event.correlation_id(), Some("trace"));
        });
    }

    #[test]
    fn events_that_need_no_change_are_not_touched() {
        let mut projection = Projection::new().keep(["n", "zone"]);
        for _ in 0..2 {
            TestBatches::new().batch(&[1, 2], |batch| {
                CommonFields::new(["zone"]).add(batch, |_, fields| fields.push("zone", ValueRef::U64(1)));
                projection.process(batch).unwrap();
                assert!(batch.events().iter().all(|event| event.is_plain() && event.shared_context().len() == 1));
            });
        }
    }

    #[test]
    fn what_a_call_site_logs_and_what_events_share_is_taken_out_too() {
        TestBatches::new().batch(&[7], |batch| {
            CommonFields::new(["zone", "rack"]).add(batch, |_, fields| {
                fields.push("zone", ValueRef::U64(1));
                fields.push("rack", ValueRef::U64(2));
            });
            Projection::new().drop(["n", "rack"]).process(batch).unwrap();
            assert_eq!(fields_of(&batch.events()[0]), ["Context.zone"]);
        });
    }

    #[test]
    fn internal_events_keep_their_fields() {
        TestBatches::new().batch(&[], |batch| {
            let dropped = FieldRef { group: FieldGroup::Metrics, name: "dropped", value: ValueRef::U64(1) };
            batch.emit(fapilog_record::level::Level::Warning, "fapilog::throttle", "ended", &[dropped]);
            Projection::new().keep(["nothing"]).process(batch).unwrap();
            assert_eq!(fields_of(&batch.events()[0]), ["Metrics.dropped"]);
        });
    }
}
