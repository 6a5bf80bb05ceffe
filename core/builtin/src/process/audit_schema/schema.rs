//! The schema of audit events, and its violations.

use bumpalo::Bump;
use fapilog_plugin::{event::Event, named_enum};
use fapilog_record::{
    dynamic::put_value,
    field_group::FieldGroup,
    value::{REDACTED, SequenceRef, ValueRef},
};

use crate::process::FieldPath;

named_enum! {
    /// A part of the schema of audit events. The sixth part, when it happened, is the timestamp, which each event has.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum AuditField {
        /// The person or program that acted.
        Who = "who",
        /// The action: the message, or a field.
        What = "what",
        /// How it ended.
        Outcome = "outcome",
        /// The place that the action came from: an address, a host, a service.
        Origin = "origin",
        /// The thing that was acted on.
        Object = "object",
    }
}

/// The outcomes that the macro `audit!` knows, too.
const OUTCOMES: [&str; 4] = ["success", "failure", "denied", "unknown"];

/// How many things may be wrong with a field, whichever it is.
const DEFECTS: usize = 3;

/// The rules, by their number: three for each field, in the order of [`AuditField`], and one more for the outcome.
const RULES: [&str; AuditField::ALL.len() * DEFECTS + 1] = [
    "who_missing",
    "who_empty",
    "who_redacted",
    "what_missing",
    "what_empty",
    "what_redacted",
    "outcome_missing",
    "outcome_empty",
    "outcome_redacted",
    "origin_missing",
    "origin_empty",
    "origin_redacted",
    "object_missing",
    "object_empty",
    "object_redacted",
    OUTCOME_NOT_ALLOWED,
];
const OUTCOME_NOT_ALLOWED: &str = "outcome_not_allowed";

/// A defect of a field that every field may have.
#[derive(Debug, Clone, Copy)]
enum Defect {
    Missing,
    Empty,
    Redacted,
}

/// A set of rules that an event violates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Violations(u16);

impl Violations {
    fn add(&mut self, field: AuditField, defect: Defect) {
        self.0 |= 1 << (field as usize * DEFECTS + defect as usize);
    }

    fn add_outcome_not_allowed(&mut self) {
        self.0 |= 1 << (RULES.len() - 1);
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of the rules.
    pub(super) fn rules(self) -> impl Iterator<Item = &'static str> {
        RULES.into_iter().enumerate().filter(move |(rule, _)| self.0 >> rule & 1 == 1).map(|(_, name)| name)
    }

    /// The names as a list, in memory of the batch.
    pub(super) fn list<'batch>(self, arena: &'batch Bump) -> ValueRef<'batch> {
        let (mut bytes, mut len) = (Vec::new(), 0);
        for name in self.rules() {
            put_value(&mut bytes, ValueRef::Text(name));
            len += 1;
        }
        ValueRef::Sequence(SequenceRef::self_typed(arena.alloc_slice_copy(&bytes), len))
    }
}

/// The fields that events must have, and the values that an outcome may have.
#[derive(Debug, Clone)]
pub(super) struct Schema {
    pub(super) required: Vec<AuditField>,
    pub(super) outcomes: Vec<String>,
    /// By [`AuditField`].
    paths: [FieldPath; AuditField::ALL.len()],
}

impl Default for Schema {
    fn default() -> Self {
        let path = |name: &str| FieldPath::from(name);
        Self {
            required: AuditField::ALL.to_vec(),
            outcomes: OUTCOMES.map(str::to_owned).to_vec(),
            paths: [path("who"), path("what"), path("outcome"), path("origin"), path("object")],
        }
    }
}

impl Schema {
    pub(super) fn set_path(&mut self, field: AuditField, path: FieldPath) {
        if let Some(known) = self.paths.get_mut(field as usize) {
            *known = path;
        }
    }

    /// The rules that an event violates. `has_literal`: its message is a text of the program.
    pub(super) fn violations(&self, event: &Event<'_>, has_literal: bool) -> Violations {
        let mut found = Violations::default();
        for &field in &self.required {
            if field == AuditField::What && has_literal {
                continue;
            }
            let value = self.value(field, event);
            match defect_of(value) {
                Some(defect) => found.add(field, defect),
                None if field == AuditField::Outcome && !self.allows(value) => found.add_outcome_not_allowed(),
                None => {}
            }
        }
        found
    }

    fn value<'batch>(&self, field: AuditField, event: &Event<'batch>) -> Option<ValueRef<'batch>> {
        let value = self.paths.get(field as usize).and_then(|path| path.of(event));
        if field == AuditField::What && defect_of(value).is_some() {
            let message = Some(event.message());
            // An empty message is none: the field is what is wrong, if it is there.
            return if defect_of(message).is_none() || value.is_none() { without_empty(message) } else { value };
        }
        value
    }

    fn allows(&self, outcome: Option<ValueRef<'_>>) -> bool {
        matches!(outcome, Some(ValueRef::Text(text)) if self.outcomes.iter().any(|allowed| allowed == text))
    }
}

fn without_empty(message: Option<ValueRef<'_>>) -> Option<ValueRef<'_>> {
    message.filter(|message| !matches!(message, ValueRef::Text("")))
}

fn defect_of(value: Option<ValueRef<'_>>) -> Option<Defect> {
    let is_empty = match value {
        None | Some(ValueRef::None) => return Some(Defect::Missing),
        Some(ValueRef::Text(REDACTED)) => return Some(Defect::Redacted),
        Some(ValueRef::Text(text)) => text.trim().is_empty(),
        Some(ValueRef::Bytes(bytes)) => bytes.is_empty(),
        Some(ValueRef::Sequence(sequence)) => sequence.is_empty(),
        Some(ValueRef::Map(map)) => map.is_empty(),
        Some(_) => false,
    };
    is_empty.then_some(Defect::Empty)
}

/// Names the violated rules in the event. A field of that name which the program has set is replaced.
pub(super) fn mark<'batch>(event: &mut Event<'batch>, found: Violations, arena: &'batch Bump) {
    event.set_field(FieldGroup::Context, "audit_violations", found.list(arena));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_named_for_its_field() {
        let defects = [(Defect::Missing, "missing"), (Defect::Empty, "empty"), (Defect::Redacted, "redacted")];
        for &field in AuditField::ALL {
            for (defect, name) in defects {
                let mut found = Violations::default();
                found.add(field, defect);
                assert_eq!(found.rules().collect::<Vec<_>>(), [format!("{field}_{name}")]);
            }
        }
        let mut found = Violations::default();
        found.add_outcome_not_allowed();
        assert_eq!(found.rules().collect::<Vec<_>>(), [OUTCOME_NOT_ALLOWED]);
    }
}
