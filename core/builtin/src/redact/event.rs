//! Redaction of an event, once it is known that something in it may be sensitive.

use bumpalo::{Bump, collections::Vec as BumpVec};
use fapilog_plugin::event::{Event, FieldRef};
use fapilog_record::{
    field_group::FieldGroup,
    text::cut::without_last_word,
    value::{OwnedValue, ValueRef},
};

use crate::redact::value::{MORE, RedactedPaths, ValueChange, ValueRedaction};

/// The field that lists what was redacted.
pub(super) const LIST: &str = "redacted";
/// The name that a user's own field of this name gets.
const USERS_OWN: &str = "field.redacted";

/// The parts of an event that are text and have no key.
const SINGLES: [FieldGroup; 3] = [FieldGroup::Message, FieldGroup::Target, FieldGroup::CorrelationId];

/// The parts of an event that have keys.
const KEYED: [FieldGroup; 3] = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];

/// Whether some of the event's fields, or its parts without keys, would be changed. For events whose fields are not those of their call
/// site.
pub(super) fn is_sensitive<'batch>(event: &Event<'batch>, values: &mut ValueRedaction<'_, 'batch>) -> bool {
    SINGLES.into_iter().any(|group| !single(event, group, values).1.is_same())
        || event.fields().any(|field| is_field_sensitive(&field, values))
        // By the call.
        || values.redacted.iter().next().is_some()
}

pub(super) fn is_field_sensitive<'batch>(field: &FieldRef<'batch>, values: &mut ValueRedaction<'_, 'batch>) -> bool {
    match field.group.is_keyed() {
        true => !values.field(field.group, field.name, field.value).is_same(),
        false => !values.single(field.group, field.value).is_same(),
    }
}

/// Redacts all of an event.
pub(super) fn redact<'batch>(event: &mut Event<'batch>, values: &mut ValueRedaction<'_, 'batch>, arena: &'batch Bump) {
    values.subject = subject_of(event, values, arena);
    let cut = if values.rules.scanner.is_empty() { &[] } else { event.cut_fields() };
    let whole_words = |group, name: &str, value| match value {
        ValueRef::Text(text) if cut.contains(&(group, name)) => ValueRef::Text(without_last_word(text)),
        value => value,
    };
    values.is_message_filled = !is_literal(event);
    let mut former = BumpVec::new_in(arena);
    for group in SINGLES {
        let (value, change) = single(event, group, values);
        let left = whole_words(group, "", change.of(value).unwrap_or(ValueRef::Text("")));
        if left != value {
            set_single(event, group, left);
        }
    }
    event.rewrite_fields(|field| {
        let entry = values.field(field.group, field.name, whole_words(field.group, field.name, field.value));
        let value = entry.changed()?;
        let name = match (field.group, entry.key) {
            (FieldGroup::Context, LIST) if values.rules.lists_redacted => {
                if put_paths(value, &mut former) {
                    return None;
                }
                USERS_OWN
            }
            (_, key) => key,
        };
        Some(FieldRef { name, value, ..field })
    });
    redact_filled_message(event, values);
    let mut all = RedactedPaths::new_in(arena);
    former.iter().copied().chain(values.redacted.iter()).for_each(|path| all.list(path, arena));
    if all.iter().next().is_some() {
        let list = OwnedValue::with(|out| {
            out.sequence(|elements| all.iter().for_each(|path| elements.element_with(|out| out.text(path))));
        });
        let list = ValueRef::of_self_typed(arena.alloc_slice_copy(list.as_bytes()));
        event.add_field(FieldGroup::Context, LIST, list);
    }
}

/// The value of the field that names the subject of the event.
fn subject_of<'batch>(
    event: &Event<'batch>,
    values: &ValueRedaction<'_, 'batch>,
    arena: &'batch Bump,
) -> Option<&'batch str> {
    let (group, name) = values.rules.subject.as_ref()?;
    match event.field(*group, name)? {
        ValueRef::None => None,
        ValueRef::Text(text) => Some(text),
        value => Some(arena.alloc_str(&value.to_string())),
    }
}

/// Appends the paths of a list that a redactor before this one has made. Returns whether it is one.
fn put_paths<'batch>(value: ValueRef<'batch>, paths: &mut BumpVec<'batch, &'batch str>) -> bool {
    let ValueRef::Sequence(elements) = value else { return false };
    let is_path = |element| matches!(element, ValueRef::Text(text) if is_path(text));
    let is_list = elements.iter().next().is_some() && elements.iter().all(is_path);
    if is_list {
        paths.extend(elements.iter().filter_map(|element| match element {
            ValueRef::Text(path) => Some(path),
            _ => None,
        }));
    }
    is_list
}

fn is_path(text: &str) -> bool {
    let first = text.split('.').next().unwrap_or_default();
    text == MORE || SINGLES.iter().any(|group| group.name() == text) || KEYED.iter().any(|group| group.name() == first)
}

/// A plugin may have filled values of fields into the message: those that were redacted by their names are removed there, too.
fn redact_filled_message<'batch>(event: &mut Event<'batch>, values: &mut ValueRedaction<'_, 'batch>) {
    if values.whole.is_empty() || is_literal(event) {
        return;
    }
    if let ValueRef::Text(message) = event.message()
        && let Some(redacted) = values.without_whole_values(message)
    {
        event.set_message(ValueRef::Text(redacted));
        values.list(FieldGroup::Message);
    }
}

/// Whether the message is a text of the program, or follows its fields.
fn is_literal(event: &Event<'_>) -> bool {
    let is_fixed = |text: &str| std::ptr::eq(text, event.descriptor().site().message());
    event.message_literal().is_some() || matches!(event.message(), ValueRef::Text(text) if is_fixed(text))
}

/// A part without a key, and its change. A literal message is a text of the program, and one with placeholders follows its fields.
fn single<'batch>(
    event: &Event<'batch>,
    group: FieldGroup,
    values: &mut ValueRedaction<'_, 'batch>,
) -> (ValueRef<'batch>, ValueChange<'batch>) {
    let value = match group {
        FieldGroup::Message if is_literal(event) => ValueRef::None,
        FieldGroup::Message => event.message(),
        FieldGroup::Target if event.descriptor().site().target().is_empty() => ValueRef::Text(event.target()),
        FieldGroup::CorrelationId => event.correlation_id().map_or(ValueRef::None, ValueRef::Text),
        _ => ValueRef::None,
    };
    (value, values.single(group, value))
}

fn set_single<'batch>(event: &mut Event<'batch>, group: FieldGroup, value: ValueRef<'batch>) {
    match (group, value) {
        (FieldGroup::Target, ValueRef::Text(target)) => event.set_target(target),
        (FieldGroup::CorrelationId, ValueRef::Text(id)) => event.set_correlation_id(id),
        (FieldGroup::Message, message) => event.set_message(message),
        _ => {}
    }
}
