//! Fields that many events have in common.

use std::borrow::Cow;

use bumpalo::{Bump, collections::Vec as BumpVec};
use fapilog_record::{call_site::Descriptor, field_group::FieldGroup};

use crate::{
    event::{Batch, Event, EventScope, FieldRef, ProducerInfo},
    per_call_site::PerCallSite,
};

/// Adds the same fields to the context of every event, or of every event of a producer. They are made once in a batch and
/// shared by its events, and formatters render them once: that costs a few instructions an event, where
/// [`Event::add_field`] costs dozens.
///
/// A user's own field of the same key stays as it is.
///
/// ```
/// use fapilog_plugin::{common_fields::CommonFields, enricher::Enricher, error::PluginError, event::{Batch, FieldRef}};
/// use fapilog_record::{field_group::FieldGroup, value::ValueRef};
///
/// struct Zone {
///     zone: String,
///     common: CommonFields,
/// }
///
/// impl Enricher for Zone {
///     fn name(&self) -> &'static str {
///         "zone"
///     }
///
///     fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
///         let zone: &str = batch.arena().alloc_str(&self.zone);
///         self.common.add(batch, |_, fields| fields.push("zone", ValueRef::Text(zone)));
///         Ok(())
///     }
/// }
/// # let _ = Zone { zone: "eu-1".into(), common: CommonFields::new(["zone"]) };
/// ```
#[derive(Debug, Clone)]
pub struct CommonFields {
    /// All names that are ever added.
    names: Vec<Cow<'static, str>>,
    /// Whether a call site has no argument of one of the names, so that its events can share the fields.
    is_free: PerCallSite<bool>,
    last_scope: LastScope,
}

/// The scope that was looked at last: events of one scope come in runs.
#[derive(Debug, Clone, Default)]
struct LastScope {
    bytes: Vec<u8>,
    /// Whether it has no field of one of the names.
    is_free: bool,
}

/// Takes the fields of one producer's events.
#[derive(Debug)]
pub struct FieldList<'batch> {
    fields: BumpVec<'batch, FieldRef<'batch>>,
}

impl<'batch> FieldList<'batch> {
    /// Adds a field to the context. The first of two of one name counts. The value must be in the batch's arena, or live longer; a
    /// formatter does not mark shared text that is not UTF-8.
    pub fn push(&mut self, name: &'batch str, value: fapilog_record::value::ValueRef<'batch>) {
        if self.fields.iter().all(|field| field.name != name) {
            self.fields.push(FieldRef { group: FieldGroup::Context, name, value });
        }
    }
}

impl CommonFields {
    /// For fields of these names: all that [`add`](Self::add) will ever be given.
    #[must_use]
    pub fn new<N: Into<Cow<'static, str>>>(names: impl IntoIterator<Item = N>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
            is_free: PerCallSite::new(),
            last_scope: LastScope::default(),
        }
    }

    /// Adds the fields that `make` pushes to all events. It is called once for each run of events of one producer.
    pub fn add<'batch>(
        &mut self,
        batch: &mut Batch<'batch>,
        mut make: impl FnMut(&'batch ProducerInfo, &mut FieldList<'batch>),
    ) {
        let arena = batch.arena();
        let mut run: Option<Run<'batch>> = None;
        for event in batch.events_mut() {
            let run = match &mut run {
                Some(run) if run.producer == event.producer().id() => run,
                stale => {
                    let mut list = FieldList { fields: BumpVec::new_in(arena) };
                    make(event.producer(), &mut list);
                    stale.insert(Run::new(event.producer().id(), list.fields.into_bump_slice()))
                }
            };
            // A plugin that names fields it has not announced pays by having them added one by one.
            if self.is_free_in(event) && run.is_announced(&self.names) {
                event.share_context(run.behind(event.shared_context(), arena));
            } else {
                add_one_by_one(event, run.fields);
            }
        }
    }

    /// Whether an event can share the fields.
    #[inline]
    fn is_free_in(&mut self, event: &Event<'_>) -> bool {
        event.is_plain_in_scope()
            && self.is_free(event.descriptor())
            && (event.scope().is_empty() || self.is_free_scope(event.scope()))
    }

    /// Whether events of this call site can share the fields, unless they have fields besides their arguments.
    #[inline]
    fn is_free(&mut self, descriptor: &'static Descriptor) -> bool {
        let names = &self.names;
        *self.is_free.get_or_insert_with(descriptor, || {
            let is_ours = |name: &str| names.iter().any(|ours| ours == name);
            let mut arguments = descriptor.fields().iter().map(|field| field.name);
            !arguments.any(|field| field.group == FieldGroup::Context && is_ours(field.name))
        })
    }
}

impl CommonFields {
    fn is_free_scope(&mut self, scope: EventScope<'_>) -> bool {
        let last = &mut self.last_scope;
        if last.bytes != scope.as_bytes() {
            last.bytes.clear();
            last.bytes.extend_from_slice(scope.as_bytes());
            let is_ours = |name: &str| self.names.iter().any(|ours| ours == name);
            last.is_free = !scope.fields().any(|field| field.group == FieldGroup::Context && is_ours(field.name));
        }
        last.is_free
    }
}

/// Events of one producer, one behind the other.
struct Run<'batch> {
    producer: u32,
    fields: &'batch [FieldRef<'batch>],
    is_announced: Option<bool>,
    /// The last event's shared fields before and after the addition: events of a run have the same, as a rule.
    joined: Option<(&'batch [FieldRef<'batch>], &'batch [FieldRef<'batch>])>,
}

impl<'batch> Run<'batch> {
    fn new(producer: u32, fields: &'batch [FieldRef<'batch>]) -> Self {
        Self { producer, fields, is_announced: None, joined: None }
    }

    fn is_announced(&mut self, names: &[Cow<'static, str>]) -> bool {
        let is_known = |field: &FieldRef<'_>| names.iter().any(|name| name == field.name);
        *self.is_announced.get_or_insert_with(|| self.fields.iter().all(is_known))
    }

    /// The fields behind those that other plugins have added; of two with one key, the earlier stays.
    #[inline]
    fn behind(&mut self, earlier: &'batch [FieldRef<'batch>], arena: &'batch Bump) -> &'batch [FieldRef<'batch>] {
        match self.joined {
            Some((before, after)) if std::ptr::eq(before, earlier) => after,
            _ => {
                let after = if earlier.is_empty() { self.fields } else { join(earlier, self.fields, arena) };
                self.joined = Some((earlier, after));
                after
            }
        }
    }
}

#[cold]
fn join<'batch>(
    earlier: &[FieldRef<'batch>],
    fields: &[FieldRef<'batch>],
    arena: &'batch Bump,
) -> &'batch [FieldRef<'batch>] {
    let mut joined = BumpVec::with_capacity_in(earlier.len() + fields.len(), arena);
    joined.extend_from_slice_copy(earlier);
    joined.extend(fields.iter().filter(|field| earlier.iter().all(|other| other.name != field.name)));
    joined.into_bump_slice()
}

#[cold]
fn add_one_by_one<'batch>(event: &mut Event<'batch>, fields: &[FieldRef<'batch>]) {
    for field in fields {
        event.add_field(field.group, field.name, field.value);
    }
}

#[cfg(test)]
mod tests {
    use fapilog_record::{
        arguments::{Arg, End},
        dynamic::put_field,
        value::ValueRef,
        writer::write_record,
    };

    use super::*;
    use crate::testing::TestBatches;

    fn common() -> CommonFields {
        CommonFields::new(["zone", "rack"])
    }

    fn value<'a>(event: &Event<'a>, name: &str) -> Option<ValueRef<'a>> {
        event.field(FieldGroup::Context, name)
    }

    #[test]
    fn all_events_of_a_producer_share_one_copy() {
        TestBatches::new().batch(&[1, 2, 3], |batch| {
            common().add(batch, |_, fields| fields.push("zone", ValueRef::U64(1)));
            let first = batch.events()[0].shared_context();
            assert_eq!(first.len(), 1);
            assert!(batch.events().iter().all(|event| std::ptr::eq(event.shared_context(), first)));
        });
    }

    #[test]
    fn two_plugins_share_side_by_side() {
        TestBatches::new().batch(&[1, 2], |batch| {
            common().add(batch, |_, fields| fields.push("zone", ValueRef::U64(1)));
            common().add(batch, |_, fields| fields.push("rack", ValueRef::U64(2)));
            for event in batch.events() {
                assert_eq!(value(event, "zone"), Some(ValueRef::U64(1)));
                assert_eq!(value(event, "rack"), Some(ValueRef::U64(2)));
                assert_eq!(event.shared_context().len(), 2);
            }
        });
    }

    #[test]
    fn of_two_plugins_with_one_key_the_earlier_counts() {
        TestBatches::new().batch(&[1], |batch| {
            common().add(batch, |_, fields| fields.push("zone", ValueRef::U64(1)));
            common().add(batch, |_, fields| fields.push("zone", ValueRef::U64(2)));
            assert_eq!(value(&batch.events()[0], "zone"), Some(ValueRef::U64(1)));
            assert_eq!(batch.events()[0].shared_context().len(), 1);
        });
    }

    #[test]
    fn of_two_fields_of_one_name_the_first_counts() {
        TestBatches::new().batch(&[1], |batch| {
            let mut common = common();
            common.add(batch, |_, fields| [1, 2].into_iter().for_each(|n| fields.push("zone", ValueRef::U64(n))));
            assert_eq!(batch.events()[0].shared_context().len(), 1);
            assert_eq!(value(&batch.events()[0], "zone"), Some(ValueRef::U64(1)));
        });
    }

    #[test]
    fn a_users_own_key_stays() {
        TestBatches::new().argument("zone").batch(&[7], |batch| {
            common().add(batch, |_, fields| fields.push("zone", ValueRef::U64(1)));
            assert_eq!(value(&batch.events()[0], "zone"), Some(ValueRef::U64(7)));
        });
    }

    #[test]
    fn a_name_that_was_not_announced_never_overwrites_a_users_own() {
        TestBatches::new().argument("shelf").batch(&[7], |batch| {
            common().add(batch, |_, fields| fields.push("shelf", ValueRef::U64(1)));
            assert_eq!(value(&batch.events()[0], "shelf"), Some(ValueRef::U64(7)));
        });
    }

    fn with_scope(names: &[&str], test: impl FnOnce(&mut Batch<'_>)) {
        let mut scope = Vec::new();
        names.iter().for_each(|name| put_field(&mut scope, FieldGroup::Context, name, ValueRef::U64(7)));
        let mut record = [0; 200];
        let written = write_record(&mut record, 0, &(Arg(&3_u64), End), &scope).unwrap();
        TestBatches::new().record::<(Arg<'_, u64>, End), _>(&record[..written.used_bytes], test).unwrap();
    }

    #[test]
    fn an_event_within_a_scope_shares_the_fields() {
        with_scope(&["user"], |batch| {
            common().add(batch, |_, fields| fields.push("zone", ValueRef::U64(1)));
            assert_eq!(batch.events()[0].shared_context().len(), 1);
            assert_eq!(value(&batch.events()[0], "user"), Some(ValueRef::U64(7)));
        });
    }

    #[test]
    fn a_key_of_the_scope_stays() {
        with_scope(&["user", "zone"], |batch| {
            common().add(batch, |_, fields| fields.push("zone", ValueRef::U64(1)));
            assert_eq!(value(&batch.events()[0], "zone"), Some(ValueRef::U64(7)));
        });
    }
}
