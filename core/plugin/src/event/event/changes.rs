//! Changes to an event, by plugins.

use bumpalo::collections::Vec as BumpVec;
use fapilog_record::{field_group::FieldGroup, level::Category, timestamp::Timestamp, value::ValueRef};

use crate::event::{Event, FieldRef, event::cuts::cut_mark};

impl<'batch> Event<'batch> {
    /// Sets the time at which it was logged, for enrichers that correct a clock. `timestamp` is the time that formatters
    /// write and that throttles count by.
    ///
    /// ```
    /// use fapilog_plugin::event::Batch;
    ///
    /// /// No event is from the future.
    /// fn correct(batch: &mut Batch<'_>) {
    ///     let now = batch.now();
    ///     batch.events_mut().iter_mut().filter(|event| event.timestamp() > now).for_each(|event| event.set_timestamp(now));
    /// }
    /// # let _ = correct;
    /// ```
    pub fn set_timestamp(&mut self, timestamp: Timestamp) {
        self.timestamp = timestamp;
    }

    /// Sets the category.
    pub fn set_category(&mut self, category: Category) {
        self.category = category;
    }

    /// Sets the severity, from 1 to 10. A number outside is brought to the closer end.
    pub fn set_severity(&mut self, severity: u8) {
        self.severity = severity.clamp(1, 10);
    }

    /// Adds a field, unless the event has one of that key: a user's field is never overwritten.
    pub fn add_field(&mut self, group: FieldGroup, name: &'batch str, value: ValueRef<'batch>) {
        if self.field(group, name).is_some() {
            return;
        }
        self.append(FieldRef { group, name, value });
    }

    /// Sets a field, whatever the event has under that key: for plugins that replace what a user logged, as redactors do.
    pub fn set_field(&mut self, group: FieldGroup, name: &'batch str, value: ValueRef<'batch>) {
        if self.field(group, name).is_some() {
            let is_it = |field: &FieldRef<'_>| field.group == group && field.name == name;
            self.rewrite_fields(|field| Some(if is_it(&field) { FieldRef { value, ..field } } else { field }));
        } else {
            self.append(FieldRef { group, name, value });
        }
    }

    pub(super) fn append(&mut self, field: FieldRef<'batch>) {
        let mut added = BumpVec::with_capacity_in(self.added.len() + 1, self.arena);
        added.extend_from_slice_copy(self.added);
        added.push(field);
        self.added = added.into_bump_slice();
    }

    /// Changes the message.
    pub fn set_message(&mut self, message: ValueRef<'batch>) {
        self.append(FieldRef { group: FieldGroup::Message, name: "", value: message });
    }

    /// Changes the target of an event without a call site. The target of a call site is a text of the program, and stays.
    pub fn set_target(&mut self, target: &'batch str) {
        self.append(FieldRef { group: FieldGroup::Target, name: "", value: ValueRef::Text(target) });
    }

    /// Changes the correlation id.
    pub fn set_correlation_id(&mut self, id: &'batch str) {
        self.append(FieldRef { group: FieldGroup::CorrelationId, name: "", value: ValueRef::Text(id) });
    }

    /// Marks it as cut: it was too long, and some of it is missing. Where that is a field, mark [the
    /// field](Self::mark_field_cut).
    pub fn mark_cut(&mut self) {
        self.is_cut = true;
    }

    /// Makes the fields under keys anew: `rewrite` returns the new field, or `None` to remove it. It is called once for each
    /// key, with the value that counts. Values are not copied; message, target and correlation id stay.
    pub fn rewrite_fields(&mut self, mut rewrite: impl FnMut(FieldRef<'batch>) -> Option<FieldRef<'batch>>) {
        let cut = self.cut_fields();
        let mut fields = BumpVec::new_in(self.arena);
        // In the order in which a later one counts before an earlier one: see `single`.
        let singles = self.scope_fields().chain(self.own_fields()).chain(self.added.iter().copied());
        fields.extend(singles.filter(|field| !field.group.is_keyed() && field.group != FieldGroup::CutMark));
        let mut cut = BumpVec::from_iter_in(cut.iter().copied(), self.arena);
        for group in [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics] {
            let rewritten = self.counted_fields(group).iter().filter_map(|field| {
                let rewritten = rewrite(*field)?;
                // The mark of a cut field follows its name.
                if rewritten.name != field.name
                    && let Some(mark) = cut.iter_mut().find(|mark| **mark == (group, field.name))
                {
                    *mark = (rewritten.group, rewritten.name);
                }
                Some(rewritten)
            });
            // A field that changed its group to one without keys would pass for something else.
            fields.extend(rewritten.filter(|field| field.group.is_keyed()));
        }
        fields.extend(cut.iter().map(|(group, name)| cut_mark(*group, name)));
        self.added = fields.into_bump_slice();
        self.shared = &[];
        self.is_rewritten = true;
    }

    /// Sets the context that the event shares with others, in the place of the former [shared
    /// context](Self::shared_context). Formatters render it once for all events that share it.
    ///
    /// The caller ensures that the event [is plain but for its scope](Self::is_plain_in_scope) and has none of these keys among its
    /// arguments or in its scope, that all are of [`FieldGroup::Context`], that all text is UTF-8, and that the former shared fields are among the new ones.
    /// [`CommonFields`](crate::common_fields::CommonFields) ensures all that, and is the right tool as a rule.
    ///
    /// ```
    /// use fapilog_plugin::{event::{Batch, FieldRef}, field_group::FieldGroup, value::ValueRef};
    ///
    /// fn add_zone(batch: &mut Batch<'_>) {
    ///     let zone = FieldRef { group: FieldGroup::Context, name: "zone", value: ValueRef::Text("eu-1") };
    ///     let shared = batch.arena().alloc_slice_copy(&[zone]);
    ///     for event in batch.events_mut() {
    ///         let is_free = event.is_plain() && event.shared_context().is_empty();
    ///         if is_free && event.field(zone.group, zone.name).is_none() {
    ///             event.share_context(shared);
    ///         } else {
    ///             event.add_field(zone.group, zone.name, zone.value);
    ///         }
    ///     }
    /// }
    /// # let _ = add_zone;
    /// ```
    #[inline]
    pub fn share_context(&mut self, fields: &'batch [FieldRef<'batch>]) {
        self.shared = fields;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestBatches, test_event};

    #[test]
    fn a_field_that_is_set_replaces_the_users_and_leaves_the_others() {
        let logged =
            test_event("login").field(FieldGroup::Context, "user", "ada").field(FieldGroup::Tags, "user", "tag");
        TestBatches::new().events(&[logged], |batch| {
            let event = &mut batch.events_mut()[0];
            event.set_field(FieldGroup::Context, "user", ValueRef::Text("***"));
            event.set_field(FieldGroup::Context, "attempt", ValueRef::U64(2));
            let field = |group, name| event.field(group, name);
            assert_eq!(field(FieldGroup::Context, "user"), Some(ValueRef::Text("***")));
            assert_eq!(field(FieldGroup::Tags, "user"), Some(ValueRef::Text("tag")));
            assert_eq!(field(FieldGroup::Context, "attempt"), Some(ValueRef::U64(2)));
        });
    }

    #[test]
    fn the_target_of_an_event_without_a_call_site_can_be_changed_and_no_other() {
        TestBatches::new().events(&[test_event("login").target("db-7")], |batch| {
            batch.events_mut()[0].set_target("db");
            assert_eq!(batch.events()[0].target(), "db");
        });
        TestBatches::new().batch(&[1], |batch| {
            batch.events_mut()[0].set_target("db");
            assert_eq!(batch.events()[0].target(), "stage");
        });
    }

    #[test]
    fn category_severity_and_correlation_id_can_be_changed() {
        TestBatches::new().events(&[test_event("login")], |batch| {
            let event = &mut batch.events_mut()[0];
            event.set_category(Category::Security);
            event.set_severity(11);
            event.set_correlation_id("7f3a");
            assert_eq!((event.category(), event.severity()), (Category::Security, 10));
            assert_eq!(event.correlation_id(), Some("7f3a"));
        });
    }
}
