//! The text that all events of a call site share, rendered once.

use fapilog_plugin::event::{Event, Location};
use fapilog_record::{
    call_site::{DescribedField, Descriptor, FieldName},
    field_group::FieldGroup,
    level::Category,
    text::fixed::FixedText,
    value::{Kind, ValueRef},
};

use crate::{
    line_options::{LineOptions, LineTime},
    template::{EventTraits, GROUPS, LineFormat, LinePart},
};

/// The parts that the lines of a formatter have, and its options.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineParts<'a> {
    pub(super) parts: &'a [LinePart],
    pub(super) options: LineOptions,
}

/// A line with slots.
#[derive(Debug)]
pub(super) struct LineTemplate {
    pub(super) pieces: Vec<LinePiece>,
    /// The text behind the last slot, with the line's end.
    pub(super) end: FixedText,
    /// The text behind the last slot, without the line's end: marks follow.
    pub(super) open_end: FixedText,
    severity: u8,
    category: Category,
    /// An argument has no slot: events of the call site are written part by part.
    is_partial: bool,
}

/// Fixed text, and the slot behind it.
#[derive(Debug)]
pub(super) struct LinePiece {
    pub(super) text: FixedText,
    pub(super) slot: LineSlot,
}

#[derive(Debug)]
pub(super) enum LineSlot {
    Time,
    TimeOfDay,
    /// As above, by local time.
    LocalTime,
    LocalTimeOfDay,
    Source,
    Id,
    Message(SlotArgument),
    Field(SlotArgument),
    /// The shared context.
    Shared,
}

/// The place and the name of an argument.
#[derive(Debug)]
pub(super) struct SlotArgument {
    root_offset: usize,
    kind: &'static Kind,
    pub(super) name: FieldName,
}

impl SlotArgument {
    fn new(field: &DescribedField) -> Self {
        Self { root_offset: field.root_offset, kind: field.kind, name: field.name }
    }

    #[inline(always)]
    pub(super) fn value<'a>(&self, event: &Event<'a>) -> ValueRef<'a> {
        event.argument(self.root_offset, self.kind)
    }
}

impl LineTemplate {
    /// The template of all events of a call site that have the call's own arguments and no other fields, except shared
    /// context where `shares_context`.
    pub(super) fn new<F: LineFormat>(
        format: &mut F,
        lines: LineParts<'_>,
        descriptor: &'static Descriptor,
        shares_context: bool,
    ) -> Self {
        let LineParts { parts, options } = lines;
        let traits = EventTraits::of_site(descriptor);
        let mut draft = LineDraft { format, descriptor, traits, options, pieces: Vec::new(), text: Vec::new() };
        for (index, &part) in parts.iter().enumerate() {
            match part {
                // An event with a correlation id does not fit.
                LinePart::CorrelationId => {}
                LinePart::Fields => {
                    GROUPS.into_iter().for_each(|group| {
                        draft.group(group, shares_context && group == FieldGroup::Context);
                    });
                }
                part => draft.part(part, index == 0),
            }
        }
        let is_single = |group| !matches!(group, FieldGroup::Message) && !FieldGroup::is_keyed(group);
        let mut fields = descriptor.fields().iter();
        let is_partial = descriptor.message_template().is_some()
            || fields.any(|field| is_single(field.name.group) || draft.format.may_need_lines(field));
        draft.finish(is_partial)
    }

    /// Whether the template has all parts of the event.
    #[inline]
    pub(super) fn fits(&self, event: &Event<'_>) -> bool {
        // Level and target of a call site are fixed: an argument in their place makes the template partial.
        event.is_plain() && !self.is_partial && event.category() == self.category && event.severity() == self.severity
    }
}

struct LineDraft<'a, F> {
    format: &'a mut F,
    descriptor: &'static Descriptor,
    traits: EventTraits<'static>,
    options: LineOptions,
    pieces: Vec<LinePiece>,
    text: Vec<u8>,
}

impl<F: LineFormat> LineDraft<'_, F> {
    fn part(&mut self, part: LinePart, is_first: bool) {
        let is_local = self.options.time == LineTime::Local;
        self.format.before(part, is_first, self.traits.level, &mut self.text);
        match part {
            LinePart::Time if is_local => self.slot(LineSlot::LocalTime),
            LinePart::TimeOfDay if is_local => self.slot(LineSlot::LocalTimeOfDay),
            LinePart::Time => self.slot(LineSlot::Time),
            LinePart::TimeOfDay => self.slot(LineSlot::TimeOfDay),
            LinePart::Source => self.slot(LineSlot::Source),
            LinePart::Id => self.slot(LineSlot::Id),
            LinePart::Message => self.message(),
            fixed => self.traits.put(self.format, fixed, &mut self.text),
        }
        if part == LinePart::Target && self.options.call_site {
            self.format.put_location(Location::of(self.descriptor.site()), &mut self.text);
        }
        self.format.behind(part, self.traits.level, &mut self.text);
    }

    fn slot(&mut self, slot: LineSlot) {
        self.pieces.push(LinePiece { text: FixedText::new(&self.text), slot });
        self.text.clear();
    }

    fn message(&mut self) {
        let message = self.descriptor.site().message();
        let argument = self.descriptor.fields().iter().rfind(|field| field.name.group == FieldGroup::Message);
        match argument {
            Some(field) if message.is_empty() => self.slot(LineSlot::Message(SlotArgument::new(field))),
            _ => {
                self.format.put_message(ValueRef::Text(message), &mut self.text);
            }
        }
    }

    fn group(&mut self, group: FieldGroup, is_shared: bool) {
        let mut seen = Vec::new();
        for field in self.descriptor.fields().iter().filter(|field| field.name.group == group) {
            let name = field.name.name;
            if seen.contains(&name) {
                continue;
            }
            self.begin_field(group, seen.is_empty());
            self.format.put_key(group, name, &mut self.text);
            self.slot(LineSlot::Field(SlotArgument::new(field)));
            self.format.behind_value(name, &mut self.text);
            seen.push(name);
        }
        if is_shared {
            self.begin_field(group, seen.is_empty());
            self.slot(LineSlot::Shared);
        }
        if is_shared || !seen.is_empty() {
            self.format.close_group(&mut self.text);
        }
    }

    fn begin_field(&mut self, group: FieldGroup, is_first: bool) {
        if is_first {
            self.format.open_group(group, &mut self.text);
        } else {
            self.format.separate_fields(&mut self.text);
        }
    }

    fn finish(mut self, is_partial: bool) -> LineTemplate {
        let open_end = FixedText::new(&self.text);
        self.text.extend_from_slice(F::LINE_END);
        let EventTraits { severity, category, .. } = self.traits;
        LineTemplate { pieces: self.pieces, end: FixedText::new(&self.text), open_end, severity, category, is_partial }
    }
}
