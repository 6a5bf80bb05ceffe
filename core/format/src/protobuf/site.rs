//! The bytes that all events of a call site share, made once.

use fapilog_plugin::event::{Event, Location};
use fapilog_record::{
    call_site::{DescribedField, Descriptor},
    field_group::FieldGroup,
    level::{Category, Level},
    text::fixed::FixedText,
    value::ValueRef,
};

use crate::{
    protobuf::{
        tag,
        value::{KEY, VALUE, put_value},
    },
    protobuf_wire::{put_field, put_sized, put_varint, set_length, varint_tag},
    template::{NameSet, SlotArgument},
};

/// The message of an event of one call site, but for its arguments.
#[derive(Debug)]
pub(super) struct SiteBytes {
    /// Level, severity, category, target, place, and the message where it is fixed.
    pub(super) head: FixedText,
    /// The argument that is the message, if there is one.
    pub(super) message: Option<SlotArgument>,
    /// Each key once.
    pub(super) fields: Vec<SiteField>,
    /// The names of the fields.
    pub(super) names: NameSet,
    severity: u8,
    category: Category,
    /// An argument is no message and no field: events of the call site are written part by part.
    is_partial: bool,
}

/// A field of all events of a call site.
#[derive(Debug)]
pub(super) struct SiteField {
    argument: SlotArgument,
    group_tag: u8,
    /// The key, and the tag of the value.
    key: FixedText,
}

impl SiteField {
    fn new(field: &DescribedField) -> Self {
        let mut key = Vec::new();
        put_field(&mut key, KEY, field.name.name.as_bytes());
        key.push(VALUE);
        Self {
            argument: SlotArgument::new(field),
            group_tag: tag::of_group(field.name.group),
            key: FixedText::new(&key),
        }
    }

    #[inline(always)]
    pub(super) fn put(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        out.push(self.group_tag);
        let field = out.len();
        out.push(0);
        self.key.put(out);
        let value = out.len();
        out.push(0);
        put_value(out, self.argument.value(event));
        set_length::<1>(out, value);
        set_length::<1>(out, field);
    }
}

impl SiteBytes {
    pub(super) fn new(descriptor: &'static Descriptor, has_place: bool) -> Self {
        let (site, level) = (descriptor.site(), descriptor.level());
        let mut head = Vec::new();
        put_traits(level, level.severity(), level.category(), site.target(), &mut head);
        if has_place {
            put_place(Location::of(site), &mut head);
        }
        let of_message = descriptor.fields().iter().rfind(|field| field.name.group == FieldGroup::Message);
        let message = of_message.filter(|_| site.message().is_empty()).map(SlotArgument::new);
        if message.is_none() {
            put_message(ValueRef::Text(site.message()), &mut head);
        }
        let is_single = |group| !matches!(group, FieldGroup::Message) && !FieldGroup::is_keyed(group);
        let is_partial = descriptor.message_template().is_some()
            || descriptor.fields().iter().any(|field| is_single(field.name.group));
        let fields = fields_of(descriptor);
        let names = NameSet::of(descriptor.fields().iter().map(|field| (field.name.group, field.name.name)));
        let (severity, category) = (level.severity(), level.category());
        Self { head: FixedText::new(&head), message, fields, names, severity, category, is_partial }
    }

    /// Whether it has all parts of the event, but for those of its scope and the shared context.
    #[inline(always)]
    pub(super) fn fits(&self, event: &Event<'_>) -> bool {
        event.is_plain_in_scope()
            && !self.is_partial
            && event.category() == self.category
            && event.severity() == self.severity
    }
}

/// The fields of a call site under keys, each key once: the first argument counts.
fn fields_of(descriptor: &'static Descriptor) -> Vec<SiteField> {
    let fields = descriptor.fields();
    let of_key = |field: &DescribedField| (field.name.group, field.name.name);
    let is_first =
        |place: usize, field: &DescribedField| !fields.iter().take(place).any(|it| of_key(it) == of_key(field));
    let counted =
        fields.iter().enumerate().filter(|(place, field)| field.name.group.is_keyed() && is_first(*place, field));
    counted.map(|(_, field)| SiteField::new(field)).collect()
}

/// Appends level, severity, category and target.
pub(super) fn put_traits(level: Level, severity: u8, category: Category, target: &str, out: &mut Vec<u8>) {
    for (tag, number) in [(tag::LEVEL, level as u8), (tag::SEVERITY, severity), (tag::CATEGORY, category as u8)] {
        out.push(tag);
        put_varint(out, number.into());
    }
    put_field(out, tag::TARGET, target.as_bytes());
}

/// Appends the file and the line of a log call.
pub(super) fn put_place(location: Location, out: &mut Vec<u8>) {
    out.push(tag::CALL_SITE);
    put_sized::<1>(out, |out| {
        put_field(out, tag::FILE, location.file.as_bytes());
        out.push(varint_tag(2));
        put_varint(out, location.line.into());
    });
}

#[inline(always)]
pub(super) fn put_message(message: ValueRef<'_>, out: &mut Vec<u8>) {
    out.push(tag::MESSAGE);
    put_sized::<1>(out, |out| put_value(out, message));
}
