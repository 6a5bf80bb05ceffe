//! The part of a record that all events of a call site have in common.

use fapilog_format::otel::{attribute_name, may_be_member, severity_number};
use fapilog_plugin::{
    call_site::{DescribedField, Descriptor},
    event::{Event, FieldRef, Location},
    field_group::FieldGroup,
    level::{Category, Level},
    text::fixed::FixedText,
    value::{Kind, ValueRef},
};

use super::{
    context::{ScopeRecord, SharedRecord},
    names::NameList,
    put_if_member, tag,
    value::{put_any_value, put_attribute, put_key, put_text_attribute},
};
use fapilog_format::protobuf_wire::{put_field, set_length};

/// The most arguments of a call site whose events are written without a look at each name.
const ARGUMENTS_MAX: usize = 64;

/// The common part of the records of a call site.
#[derive(Debug)]
pub(super) struct SiteRecord {
    /// Severity, target, place, category, and the body where the message is fixed.
    pub(super) head: FixedText,
    /// Whether the body depends on the event.
    pub(super) has_own_message: bool,
    pub(super) arguments: Box<[AttributeArgument]>,
    names: NameList,
    level: Level,
    category: Category,
    /// Whether each argument is the message or an attribute of a name of its own.
    is_plain: bool,
    /// The last scope and shared context, by their number, and whether their names are others than those of the arguments.
    beside: (u64, bool),
}

/// An argument, with the front of its attribute.
#[derive(Debug)]
pub(super) struct AttributeArgument {
    key: FixedText,
    kind: &'static Kind,
    root_offset: usize,
    /// The name of an argument that may be a member of the record.
    member: Option<&'static str>,
}

impl AttributeArgument {
    fn new(field: &DescribedField, has_places: bool) -> Self {
        let (group, name) = (field.name.group, field.name.name);
        let mut key = Vec::new();
        put_key(&mut key, attribute_name(group, name, has_places), None);
        let member = (group == FieldGroup::Context && may_be_member(name)).then_some(name);
        Self { key: FixedText::new(&key), kind: field.kind, root_offset: field.root_offset, member }
    }

    #[inline(always)]
    pub(super) fn put(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        let value = event.argument(self.root_offset, self.kind);
        if let Some(name) = self.member
            && put_if_member(&FieldRef { group: FieldGroup::Context, name, value }, out)
        {
            return;
        }
        out.push(tag::ATTRIBUTE);
        let place = out.len();
        out.push(0);
        self.key.put(out);
        put_any_value(out, value);
        set_length::<1>(out, place);
    }
}

impl SiteRecord {
    #[cold]
    pub(super) fn new(descriptor: &'static Descriptor, has_places: bool) -> Self {
        let (level, site) = (descriptor.level(), descriptor.site());
        let location = (has_places && !descriptor.is_dynamic()).then(|| Location::of(site));
        let mut head = Vec::new();
        put_head(level, level.category(), site.target(), location, &mut head);
        let has_own_message = site.message().is_empty() || descriptor.message_template().is_some();
        if !has_own_message {
            head.push(tag::BODY);
            put_any_value(&mut head, ValueRef::Text(site.message()));
        }
        let mut names = NameList::default();
        let keyed = || descriptor.fields().iter().filter(|field| field.name.group.is_keyed());
        keyed().for_each(|field| names.add(attribute_name(field.name.group, field.name.name, has_places)));
        let is_usual = |field: &DescribedField| field.name.group == FieldGroup::Message || field.name.group.is_keyed();
        Self {
            head: FixedText::new(&head),
            has_own_message,
            arguments: keyed().map(|field| AttributeArgument::new(field, has_places)).collect(),
            is_plain: !descriptor.is_dynamic()
                && descriptor.fields().len() <= ARGUMENTS_MAX
                && descriptor.fields().iter().all(is_usual)
                && !names.has_twins(),
            names,
            level,
            category: level.category(),
            beside: (u64::MAX, false),
        }
    }

    /// Whether an event has the head and the arguments of its site. It may have a scope, and shared context.
    #[inline]
    pub(super) fn fits(&self, event: &Event<'_>) -> bool {
        self.is_plain
            && event.is_plain_in_scope()
            && !event.is_cut()
            && event.level() == self.level
            && event.category() == self.category
    }

    /// Whether the arguments may stand beside the scope and the shared context of this number: no two have one name.
    #[inline]
    pub(super) fn is_beside(&mut self, scope: &ScopeRecord, shared: &SharedRecord, generation: u64) -> bool {
        if self.beside.0 != generation {
            let (scope_names, shared_names) = (scope.names(), shared.names());
            let is_free = scope.is_whole()
                && !shared_names.has_twins()
                && !scope_names.meets(shared_names)
                && !self.names.meets(scope_names)
                && !self.names.meets(shared_names);
            self.beside = (generation, is_free);
        }
        self.beside.1
    }
}

/// Appends severity, target, place and category.
pub(super) fn put_head(level: Level, category: Category, target: &str, location: Option<Location>, out: &mut Vec<u8>) {
    out.extend_from_slice(&[tag::SEVERITY_NUMBER, severity_number(level)]);
    put_field(out, tag::SEVERITY_TEXT, level.name().as_bytes());
    put_text_attribute(out, tag::ATTRIBUTE, "fapilog.target", target);
    if let Some(location) = location {
        put_text_attribute(out, tag::ATTRIBUTE, "code.file.path", location.file);
        put_attribute(out, tag::ATTRIBUTE, "code.line.number", ValueRef::U64(location.line.into()));
    }
    put_text_attribute(out, tag::ATTRIBUTE, "fapilog.category", category.name());
}
