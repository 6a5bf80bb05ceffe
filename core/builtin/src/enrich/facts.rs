//! Fields that all events have alike.

use std::borrow::Cow;

use bumpalo::collections::Vec as BumpVec;
use fapilog_plugin::{common_fields::CommonFields, event::Batch};
use fapilog_record::value::ValueRef;

/// The longest text, in bytes; longer ones are cut. It is written in every line, so an error in a manifest must not cost
/// more than this.
const TEXT_MAX_BYTES: usize = 1024;

/// Fields of the same names and values for every event, until they are changed.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    facts: Vec<Fact>,
    common: CommonFields,
}

#[derive(Debug, Clone)]
struct Fact {
    name: Cow<'static, str>,
    value: Option<FactValue>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FactValue {
    Number(u64),
    Text(String),
}

impl Facts {
    /// Fields of these names, without values yet.
    pub(super) fn new(names: impl IntoIterator<Item = Cow<'static, str>>) -> Self {
        let facts: Vec<_> = names.into_iter().map(|name| Fact { name, value: None }).collect();
        let common = CommonFields::new(facts.iter().map(|fact| fact.name.clone()));
        Self { facts, common }
    }

    /// Sets or clears a value; a name that was not announced is ignored. Empty text is no value.
    pub(super) fn set(&mut self, name: &str, value: Option<FactValue>) {
        let value = value.map(FactValue::held_to_limit).filter(|value| *value != FactValue::Text(String::new()));
        self.facts.iter_mut().filter(|fact| fact.name == name).for_each(|fact| fact.value.clone_from(&value));
    }

    /// As [`set`](Self::set), for text.
    pub(super) fn set_text(&mut self, name: &str, text: Option<String>) {
        self.set(name, text.map(FactValue::Text));
    }

    /// Adds what has a value to every event.
    pub(super) fn add(&mut self, batch: &mut Batch<'_>) {
        if batch.is_empty() {
            return;
        }
        let arena = batch.arena();
        let mut known = BumpVec::with_capacity_in(self.facts.len(), arena);
        for fact in &self.facts {
            let value = match &fact.value {
                Some(FactValue::Number(number)) => ValueRef::U64(*number),
                Some(FactValue::Text(text)) => ValueRef::Text(arena.alloc_str(text)),
                None => continue,
            };
            let name: &str = match &fact.name {
                Cow::Borrowed(name) => name,
                Cow::Owned(name) => arena.alloc_str(name),
            };
            known.push((name, value));
        }
        if !known.is_empty() {
            self.common.add(batch, |_, fields| known.iter().for_each(|&(name, value)| fields.push(name, value)));
        }
    }
}

impl FactValue {
    fn held_to_limit(self) -> Self {
        match self {
            Self::Text(mut text) => {
                text.truncate(text.floor_char_boundary(TEXT_MAX_BYTES));
                Self::Text(text)
            }
            Self::Number(_) => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::testing::TestBatches;
    use fapilog_record::field_group::FieldGroup;

    use super::*;

    fn facts(value: FactValue) -> Facts {
        let mut facts = Facts::new([Cow::Borrowed("zone"), Cow::Owned("rack".to_owned())]);
        facts.set("rack", Some(value));
        facts
    }

    #[test]
    fn what_has_a_value_is_shared_by_all_events() {
        TestBatches::new().batch(&[1, 2], |batch| {
            facts(FactValue::Number(4)).add(batch);
            let first = batch.events()[0].shared_context();
            assert_eq!((first.len(), first[0].name, first[0].value), (1, "rack", ValueRef::U64(4)));
            assert!(std::ptr::eq(first, batch.events()[1].shared_context()));
        });
    }

    #[test]
    fn empty_text_is_no_value() {
        TestBatches::new().batch(&[1], |batch| {
            facts(FactValue::Text(String::new())).add(batch);
            assert!(batch.events()[0].shared_context().is_empty());
        });
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        TestBatches::new().batch(&[1], |batch| {
            facts(FactValue::Text("€".repeat(1000))).add(batch);
            let expected = "€".repeat(TEXT_MAX_BYTES / "€".len());
            assert_eq!(batch.events()[0].field(FieldGroup::Context, "rack"), Some(ValueRef::Text(&expected)));
        });
    }

    #[test]
    fn a_users_own_key_stays() {
        TestBatches::new().argument("rack").batch(&[7], |batch| {
            facts(FactValue::Number(4)).add(batch);
            assert_eq!(batch.events()[0].field(FieldGroup::Context, "rack"), Some(ValueRef::U64(7)));
        });
    }
}
