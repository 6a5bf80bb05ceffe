//! Bytes that events have in common with others: of the producer, of a scope, and shared context.

use fapilog_format::otel::attribute_name;
use fapilog_plugin::{
    event::{Event, EventScope, FieldRef, InstanceId},
    field_group::FieldGroup,
    text::{fixed::FixedText, number::put_u64},
    value::ValueRef,
};

use super::{
    names::NameList,
    put_if_member, tag,
    value::{put_attribute, put_key, put_text_attribute},
};
use fapilog_format::protobuf_wire::put_sized;

const UID: &str = "log.record.uid";
/// The lengths in the front of the attribute that grow with the sequence number: of the attribute, of its value, and of the text.
const UID_LENGTHS: [usize; 3] = [1, UID.len() + 5, UID.len() + 7];

/// The attribute `log.record.uid`. Events of one producer come in runs: all of it but the sequence number is kept.
#[derive(Debug, Default)]
pub(super) struct ProducerUid {
    cached: Option<(InstanceId, u32)>,
    front: FixedText,
    front_len: usize,
}

impl ProducerUid {
    #[inline(always)]
    pub(super) fn put(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let id = event.id();
        if self.cached != Some((id.instance, id.producer)) {
            self.cache(id.instance, id.producer);
        }
        let start = out.len();
        self.front.put(out);
        put_u64(out, id.sequence);
        // All of it is shorter than 128 bytes, so each length has a single byte.
        let digits = (out.len() - start - self.front_len) as u8;
        for place in UID_LENGTHS {
            if let Some(length) = out.get_mut(start + place) {
                *length += digits;
            }
        }
    }

    #[cold]
    fn cache(&mut self, instance: InstanceId, producer: u32) {
        let mut front = Vec::new();
        put_text_attribute(&mut front, tag::ATTRIBUTE, UID, &format!("{instance}-{producer}-"));
        self.front.set(&front);
        self.front_len = front.len();
        self.cached = Some((instance, producer));
    }
}

/// The most fields of a scope that is rendered once.
const SCOPE_FIELDS_MAX: usize = 32;

/// The last scope: events of a scope come in runs.
#[derive(Debug, Default)]
pub(super) struct ScopeRecord {
    scope: Vec<u8>,
    text: Vec<u8>,
    names: NameList,
    /// Whether all fields are in the text, each with a name of its own.
    is_partial: bool,
}

impl ScopeRecord {
    /// Renders a scope, unless it is the last one. Returns whether it is another.
    #[inline]
    pub(super) fn render(&mut self, scope: EventScope<'_>, has_places: bool) -> bool {
        let is_other = self.scope != scope.as_bytes();
        if is_other {
            self.render_other(scope, has_places);
        }
        is_other
    }

    #[inline(never)]
    fn render_other(&mut self, scope: EventScope<'_>, has_places: bool) {
        // Behind a panic, half a text is used by no event.
        self.is_partial = true;
        self.scope.clear();
        self.text.clear();
        self.names.clear();
        let mut is_partial = false;
        let mut has_correlation_id = false;
        for (place, field) in scope.fields().enumerate() {
            match (field.group, field.value) {
                (FieldGroup::CorrelationId, ValueRef::Text(id)) if !has_correlation_id => {
                    has_correlation_id = true;
                    put_text_attribute(&mut self.text, tag::ATTRIBUTE, "correlation_id", id);
                }
                (group, _) if group.is_keyed() && place < SCOPE_FIELDS_MAX => {
                    put_named(has_places, &field, &mut self.names, &mut self.text);
                }
                _ => {
                    is_partial = true;
                    break;
                }
            }
        }
        self.scope.extend_from_slice(scope.as_bytes());
        self.is_partial = is_partial || self.names.has_twins();
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn names(&self) -> &NameList {
        &self.names
    }

    pub(super) fn is_whole(&self) -> bool {
        !self.is_partial
    }
}

/// The context that events of a batch share.
#[derive(Debug, Default)]
pub(super) struct SharedRecord {
    /// Address and length of the slice. The address is valid within a batch.
    cached: (usize, usize),
    text: Vec<u8>,
    names: NameList,
}

impl SharedRecord {
    /// Forgets the fields: the arena of the next batch may have other fields at the same address.
    pub(super) fn forget(&mut self) {
        self.cached = (usize::MAX, 0);
    }

    /// Renders fields, unless they are the last ones. Returns whether they are others.
    #[inline]
    pub(super) fn render(&mut self, fields: &[FieldRef<'_>], has_places: bool) -> bool {
        let wanted = if fields.is_empty() { (0, 0) } else { (fields.as_ptr().addr(), fields.len()) };
        let is_other = self.cached != wanted;
        if is_other {
            self.forget();
            self.text.clear();
            self.names.clear();
            fields.iter().for_each(|field| put_named(has_places, field, &mut self.names, &mut self.text));
            self.cached = wanted;
        }
        is_other
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn names(&self) -> &NameList {
        &self.names
    }
}

/// Appends a field, and adds its name.
fn put_named(has_places: bool, field: &FieldRef<'_>, names: &mut NameList, out: &mut Vec<u8>) {
    let name = attribute_name(field.group, field.name, has_places);
    names.add(name);
    if put_if_member(field, out) {
        return;
    }
    match name {
        ("", name) => put_attribute(out, tag::ATTRIBUTE, name, field.value),
        prefixed => {
            out.push(tag::ATTRIBUTE);
            put_sized::<1>(out, |out| {
                put_key(out, prefixed, None);
                super::value::put_any_value(out, field.value);
            });
        }
    }
}
