//! A redactor: a processor that a program adds by `redactor`.

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, FieldRef},
    processor::Processor,
    value::ValueRef,
};

const MASK: &str = "<masked>";

/// Masks the values of some keys, whatever they are, in all parts of an event. A map or a list that has such a key in it is
/// masked as a whole.
#[derive(Debug)]
pub struct MaskedKeys {
    keys: Vec<String>,
}

impl MaskedKeys {
    /// Masks the values of these keys, in upper or lower case.
    #[must_use]
    pub fn new<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        Self { keys: keys.into_iter().map(Into::into).collect() }
    }

    fn is_masked(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.eq_ignore_ascii_case(name))
    }

    fn has_masked_key(&self, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::Map(map) => map.iter().any(|(key, value)| self.is_masked(key) || self.has_masked_key(value)),
            ValueRef::Sequence(list) => list.iter().any(|element| self.has_masked_key(element)),
            _ => false,
        }
    }

    fn hides(&self, field: &FieldRef<'_>) -> bool {
        self.is_masked(field.name) || self.has_masked_key(field.value)
    }
}

impl Processor for MaskedKeys {
    fn name(&self) -> &'static str {
        "masked_keys"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        for event in batch.events_mut() {
            // To look costs little; to make the fields anew costs more.
            if event.fields().any(|field| self.hides(&field)) {
                event.rewrite_fields(|field| match self.hides(&field) {
                    true => Some(FieldRef { value: ValueRef::Text(MASK), ..field }),
                    false => Some(field),
                });
            }
        }
        Ok(())
    }
}
