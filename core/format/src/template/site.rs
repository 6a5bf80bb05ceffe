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
    template::{EventTraits, GROUPS, LineFormat, LinePart, keys::KeySet, may_lift, scope::NameSet},
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
    /// The names of the fields.
    pub(super) names: NameSet,
    /// The keys of the fields, of a format that [has common ones](LineFormat::HAS_COMMON_KEYS).
    pub(super) keys: KeySet,
    pub(super) others: OtherFields,
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
    OwnTime,
    Source,
    Id,
    Message(SlotArgument),
    /// The message as a title.
    Title(SlotArgument),
    Field(SlotArgument),
    /// The shared context.
    Shared,
    /// The correlation id of the scope.
    CorrelationId,
    /// The lifted fields of the scope.
    Lifted,
    /// The scope's fields of a group.
    Scope {
        group: FieldGroup,
        place: ScopePlace,
    },
}

/// The place of the scope's fields among those of their group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScopePlace {
    /// Behind others.
    Behind,
    /// Ahead of others.
    Ahead,
    /// The group has no others.
    Alone,
}

/// The fields that events have beside their call site's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct OtherFields {
    /// Context that they share.
    pub(super) are_shared: bool,
    /// Fields of a scope.
    pub(super) are_scoped: bool,
}

/// The place and the name of an argument.
#[derive(Debug)]
pub(crate) struct SlotArgument {
    root_offset: usize,
    kind: &'static Kind,
    pub(crate) name: FieldName,
}

impl SlotArgument {
    pub(crate) fn new(field: &DescribedField) -> Self {
        Self { root_offset: field.root_offset, kind: field.kind, name: field.name }
    }

    #[inline(always)]
    pub(crate) fn value<'a>(&self, event: &Event<'a>) -> ValueRef<'a> {
        event.argument(self.root_offset, self.kind)
    }
}

impl LineTemplate {
    /// The template of all events of a call site that have the call's own arguments and such other fields.
    pub(super) fn new<F: LineFormat>(
        format: &mut F,
        lines: LineParts<'_>,
        descriptor: &'static Descriptor,
        others: OtherFields,
    ) -> Self {
        let LineParts { parts, options } = lines;
        let traits = EventTraits::of_site(descriptor);
        let mut draft = LineDraft {
            format,
            descriptor,
            traits,
            options,
            others,
            pieces: Vec::new(),
            text: Vec::new(),
            keys: KeySet::default(),
        };
        for (index, &part) in parts.iter().enumerate() {
            match part {
                LinePart::CorrelationId if others.are_scoped => draft.slot(LineSlot::CorrelationId),
                // An event with a correlation id of its own does not fit.
                LinePart::CorrelationId => {}
                LinePart::Lifted if others.are_scoped => draft.slot(LineSlot::Lifted),
                // An event with an argument that may be lifted does not fit.
                LinePart::Lifted => {}
                LinePart::Fields => GROUPS.into_iter().for_each(|group| draft.group(group)),
                part => draft.part(part, index == 0),
            }
        }
        let is_single = |group| !matches!(group, FieldGroup::Message) && !FieldGroup::is_keyed(group);
        let mut fields = descriptor.fields().iter();
        let is_partial = descriptor.message_template().is_some()
            || draft.keys.has_twins()
            || fields.any(|field| {
                is_single(field.name.group)
                    || draft.format.may_need_lines(field)
                    || may_lift(draft.format, field.name.group, field.name.name)
            });
        draft.finish(is_partial)
    }

    /// Whether the template has all parts of the event.
    #[inline]
    pub(super) fn fits(&self, event: &Event<'_>) -> bool {
        let is_whole = if self.others.are_scoped { event.is_plain_in_scope() } else { event.is_plain() };
        // Level and target of a call site are fixed: an argument in their place makes the template partial.
        is_whole && !self.is_partial && event.category() == self.category && event.severity() == self.severity
    }

    /// Whether two events need the same texts beside their arguments: call site, source, scope and shared context.
    #[inline(always)]
    pub(super) fn are_alike(&self, event: &Event<'_>, other: &Event<'_>) -> bool {
        std::ptr::eq(event.descriptor(), other.descriptor())
            && event.source().id() == other.source().id()
            && std::ptr::eq(event.shared_context(), other.shared_context())
            && (!self.others.are_scoped || event.scope() == other.scope())
    }
}

struct LineDraft<'a, F> {
    format: &'a mut F,
    descriptor: &'static Descriptor,
    traits: EventTraits<'static>,
    options: LineOptions,
    others: OtherFields,
    pieces: Vec<LinePiece>,
    text: Vec<u8>,
    keys: KeySet,
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
            LinePart::OwnTime => self.slot(LineSlot::OwnTime),
            LinePart::Source => self.slot(LineSlot::Source),
            LinePart::Id => self.slot(LineSlot::Id),
            LinePart::Message | LinePart::Title => self.message(part),
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

    /// The message, or the title.
    fn message(&mut self, part: LinePart) {
        let message = self.descriptor.site().message();
        let argument = self.descriptor.fields().iter().rfind(|field| field.name.group == FieldGroup::Message);
        match argument {
            Some(field) if message.is_empty() && part == LinePart::Title => {
                self.slot(LineSlot::Title(SlotArgument::new(field)));
            }
            Some(field) if message.is_empty() => self.slot(LineSlot::Message(SlotArgument::new(field))),
            _ if part == LinePart::Title => self.format.put_title(ValueRef::Text(message), &mut self.text),
            _ => {
                self.format.put_message(ValueRef::Text(message), &mut self.text);
            }
        }
    }

    fn group(&mut self, group: FieldGroup) {
        let mut seen = Vec::new();
        for field in self.descriptor.fields().iter().filter(|field| field.name.group == group) {
            let name = field.name.name;
            if seen.contains(&name) {
                continue;
            }
            self.begin_field(group, seen.is_empty());
            let key_start = self.text.len();
            self.format.put_key(group, name, &mut self.text);
            if F::HAS_COMMON_KEYS {
                self.keys.add(self.text.get(key_start..).unwrap_or_default());
            }
            self.slot(LineSlot::Field(SlotArgument::new(field)));
            self.format.behind_value(name, &mut self.text);
            seen.push(name);
        }
        let (has_own, is_shared) = (!seen.is_empty(), self.others.are_shared && group == FieldGroup::Context);
        match (has_own, is_shared) {
            (true, _) => self.scope(group, ScopePlace::Behind),
            (false, true) => {
                self.format.open_group(group, &mut self.text);
                self.scope(group, ScopePlace::Ahead);
            }
            (false, false) => return self.scope(group, ScopePlace::Alone),
        }
        if is_shared {
            if has_own {
                self.format.separate_fields(&mut self.text);
            }
            self.slot(LineSlot::Shared);
        }
        self.format.close_group(&mut self.text);
    }

    fn scope(&mut self, group: FieldGroup, place: ScopePlace) {
        if self.others.are_scoped {
            self.slot(LineSlot::Scope { group, place });
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
        let fields = self.descriptor.fields().iter().map(|field| field.name);
        let names = NameSet::of(fields.map(|field| (field.group, field.name)));
        let (pieces, end, others, keys) = (self.pieces, FixedText::new(&self.text), self.others, self.keys);
        LineTemplate { pieces, end, open_end, names, keys, others, severity, category, is_partial }
    }
}
