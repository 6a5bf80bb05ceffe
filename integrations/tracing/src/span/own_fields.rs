//! The fields of a span, without its parents': those that it was made with, and those that were recorded later.

use std::{collections::HashSet, sync::Arc};

use fapilog::{Scope, event::FieldGroup};

use crate::visit::Collected;

/// The most names of spans that a span follows.
const FOLLOWS_MAX: usize = 64;

/// Never changed: another takes its place.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnFields {
    at_start: Scope,
    /// In the order of time. Each has a name that no later one has: so there are no more of them than names.
    recorded: Vec<Arc<RecordedFields>>,
    /// The names of the spans that it follows.
    follows: Vec<&'static str>,
}

/// The fields of one `record`.
#[derive(Debug)]
struct RecordedFields {
    scope: Scope,
    names: Vec<(FieldGroup, Box<str>)>,
}

impl OwnFields {
    pub(super) fn at_start(fields: &Collected) -> Self {
        Self { at_start: scope_of(fields), recorded: Vec::new(), follows: Vec::new() }
    }

    /// With these fields, which count before the earlier ones of the same name.
    pub(super) fn with_recorded(&self, fields: &Collected) -> Self {
        let mut recorded = self.recorded.clone();
        recorded.push(Arc::new(RecordedFields { scope: scope_of(fields), names: names_of(fields) }));
        Self { recorded: without_overwritten(&recorded), ..self.clone() }
    }

    /// With the name of a span that it follows; as it is where it follows so many already.
    pub(super) fn with_followed(&self, name: &'static str) -> Self {
        let mut new = self.clone();
        if new.follows.len() < FOLLOWS_MAX {
            new.follows.push(name);
        }
        new
    }

    /// The scope and, within it, these fields.
    pub(super) fn put_into(&self, scope: Scope) -> Scope {
        let scope = scope.around(&self.at_start);
        let scope = self.recorded.iter().fold(scope, |scope, recorded| scope.around(&recorded.scope));
        if self.follows.is_empty() {
            return scope;
        }
        scope.bind(FieldGroup::Context, "follows_from", self.follows.as_slice())
    }
}

/// Leaves out those whose every name a later one has.
fn without_overwritten(recorded: &[Arc<RecordedFields>]) -> Vec<Arc<RecordedFields>> {
    let mut later = HashSet::new();
    let mut kept = Vec::with_capacity(recorded.len());
    for fields in recorded.iter().rev() {
        let has_new_name = fields.names.iter().fold(false, |is_new, name| later.insert(name) | is_new);
        if has_new_name {
            kept.push(Arc::clone(fields));
        }
    }
    kept.reverse();
    kept
}

fn names_of(fields: &Collected) -> Vec<(FieldGroup, Box<str>)> {
    let names = fields.fields.iter().map(|(group, name, _)| (group, name.into()));
    names.chain(fields.correlation_id.iter().map(|_| (FieldGroup::CorrelationId, "".into()))).collect()
}

fn scope_of(fields: &Collected) -> Scope {
    let scope = Scope::new().fields(&fields.fields);
    match &fields.correlation_id {
        Some(id) => scope.correlation_id(id),
        None => scope,
    }
}

#[cfg(test)]
mod tests {
    use fapilog::event::ValueRef;

    use super::*;

    fn fields(names: &[&str]) -> Collected {
        let mut fields = Collected::default();
        names.iter().for_each(|name| fields.fields.put(FieldGroup::Context, name, ValueRef::U64(1)));
        fields
    }

    fn names(own: &OwnFields) -> Vec<Vec<&str>> {
        own.recorded.iter().map(|recorded| recorded.names.iter().map(|(_, name)| &**name).collect()).collect()
    }

    #[test]
    fn fields_that_are_recorded_again_and_again_take_no_more_room() {
        let mut own = OwnFields::at_start(&fields(&["a", "b"]));
        for _ in 0..100 {
            own = own.with_recorded(&fields(&["a"])).with_recorded(&fields(&["b"])).with_recorded(&fields(&["a", "b"]));
        }
        assert_eq!(names(&own), [["a", "b"]]);
        own = own.with_recorded(&fields(&["b"]));
        assert_eq!(names(&own), [vec!["a", "b"], vec!["b"]]);
        own = own.with_recorded(&fields(&["a", "c"]));
        assert_eq!(names(&own), [vec!["b"], vec!["a", "c"]]);
    }

    #[test]
    fn a_record_without_values_adds_nothing() {
        assert!(names(&OwnFields::default().with_recorded(&fields(&[]))).is_empty());
    }

    #[test]
    fn a_span_that_follows_very_many_has_the_names_of_the_first() {
        let own = (0..1_000).fold(OwnFields::default(), |own, _| own.with_followed("cause"));
        assert_eq!(own.follows.len(), FOLLOWS_MAX);
    }
}
