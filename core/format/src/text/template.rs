//! What is the same in every event of a call site, rendered once.

use fapilog_plugin::event::Event;
use fapilog_record::{
    call_site::{DescribedField, Descriptor, FieldName},
    field_group::FieldGroup,
    level::{Category, Level},
    text::fixed::FixedText,
    value::{Kind, ValueRef},
};

use crate::text::{Layout, Part, value::ValueWriter};

/// The parts of an event that hold fields, in the order they are written.
pub(super) const GROUPS: [FieldGroup; 3] = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];

/// What all events of a call site have in common, as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits<'a> {
    pub(super) level: Level,
    pub(super) severity: u8,
    pub(super) category: Category,
    pub(super) target: &'a str,
}

impl<'a> Traits<'a> {
    pub(super) fn of_event(event: &Event<'a>) -> Self {
        let (level, severity, category) = (event.level(), event.severity(), event.category());
        Self { level, severity, category, target: event.target() }
    }

    fn of_site(descriptor: &'static Descriptor) -> Self {
        let (level, target) = (descriptor.level(), descriptor.site().target());
        Self { level, severity: level.severity(), category: level.category(), target }
    }

    /// Appends a part that these tell; there is nothing to append of others.
    pub(super) fn put(&self, part: Part, out: &mut Vec<u8>) {
        match part {
            Part::Level => out.extend_from_slice(self.level.name().as_bytes()),
            Part::Severity => out.extend_from_slice(itoa::Buffer::new().format(self.severity).as_bytes()),
            Part::Category => out.extend_from_slice(self.category.name().as_bytes()),
            Part::Target => super::value::put_text(out, self.target),
            _ => {}
        }
    }
}

/// A line with slots.
#[derive(Debug)]
pub(super) struct Template {
    pieces: Vec<Piece>,
    /// What comes behind the last slot.
    end: FixedText,
    traits: Traits<'static>,
    /// Some argument stands where the template has none: the event must be spelt out.
    is_partial: bool,
}

/// Fixed text, and what comes behind it.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) text: FixedText,
    pub(super) slot: Slot,
}

#[derive(Debug)]
pub(super) enum Slot {
    Time,
    TimeOfDay,
    Source,
    Id,
    Message(Argument),
    Field(Argument),
    /// The shared context, if the event has any.
    Shared,
}

/// Where an argument is, and what it is called.
#[derive(Debug)]
pub(super) struct Argument {
    root_offset: usize,
    kind: &'static Kind,
    pub(super) name: FieldName,
}

impl Argument {
    fn new(field: &DescribedField) -> Self {
        Self { root_offset: field.root_offset, kind: field.kind, name: field.name }
    }

    #[inline(always)]
    pub(super) fn value<'a>(&self, event: &Event<'a>) -> ValueRef<'a> {
        event.argument(self.root_offset, self.kind)
    }
}

impl Template {
    /// For all events of a call site that have the call's own arguments, and nothing else but shared context.
    pub(super) fn new<L: Layout>(layout: &L, descriptor: &'static Descriptor) -> Self {
        let traits = Traits::of_site(descriptor);
        let mut draft = Draft { layout, descriptor, traits, pieces: Vec::new(), text: Vec::new() };
        L::PARTS.iter().for_each(|&part| draft.part(part));
        let is_single = |group| !matches!(group, FieldGroup::Message) && !FieldGroup::is_keyed(group);
        let is_partial = descriptor.fields().iter().any(|field| is_single(field.name.group));
        Self { pieces: draft.pieces, end: FixedText::new(&draft.text), traits, is_partial }
    }

    /// Whether the event is as the template takes it to be.
    #[inline]
    pub(super) fn fits(&self, event: &Event<'_>) -> bool {
        // A call site's target is fixed: an argument in its place makes the template partial.
        event.is_plain()
            && !self.is_partial
            && event.level() == self.traits.level
            && event.category() == self.traits.category
            && event.severity() == self.traits.severity
    }

    #[inline]
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    #[inline]
    pub(super) fn end(&self) -> &FixedText {
        &self.end
    }
}

struct Draft<'a, L> {
    layout: &'a L,
    descriptor: &'static Descriptor,
    traits: Traits<'static>,
    pieces: Vec<Piece>,
    text: Vec<u8>,
}

impl<L: Layout> Draft<'_, L> {
    fn part(&mut self, part: Part) {
        match part {
            // Such an event does not fit.
            Part::CorrelationId => return,
            Part::Fields => return GROUPS.into_iter().for_each(|group| self.group(group)),
            _ => {}
        }
        self.layout.before(part, self.traits.level, &mut self.text);
        match part {
            Part::Time => self.slot(Slot::Time),
            Part::TimeOfDay => self.slot(Slot::TimeOfDay),
            Part::Source => self.slot(Slot::Source),
            Part::Id => self.slot(Slot::Id),
            Part::Message => self.message(),
            fixed => self.traits.put(fixed, &mut self.text),
        }
        self.layout.behind(part, self.traits.level, &mut self.text);
    }

    fn slot(&mut self, slot: Slot) {
        self.pieces.push(Piece { text: FixedText::new(&self.text), slot });
        self.text.clear();
    }

    fn message(&mut self) {
        let message = self.descriptor.site().message();
        let argument = self.descriptor.fields().iter().rfind(|field| field.name.group == FieldGroup::Message);
        match argument {
            Some(field) if message.is_empty() => self.slot(Slot::Message(Argument::new(field))),
            _ => {
                ValueWriter::new(L::DIALECT).put_message(&mut self.text, ValueRef::Text(message));
            }
        }
    }

    fn group(&mut self, group: FieldGroup) {
        let mut seen = Vec::new();
        for field in self.descriptor.fields().iter().filter(|field| field.name.group == group) {
            if !seen.contains(&field.name.name) {
                seen.push(field.name.name);
                self.field(field);
            }
        }
        if group == FieldGroup::Context {
            self.slot(Slot::Shared);
        }
    }

    fn field(&mut self, field: &DescribedField) {
        let frame = self.layout.frame(field.name.name);
        frame.put_key(&mut self.text, L::DIALECT, field.name.group, field.name.name);
        self.slot(Slot::Field(Argument::new(field)));
        self.text.extend_from_slice(frame.behind_value.as_bytes());
    }
}
