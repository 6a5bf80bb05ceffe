//! The line of an event.

use fapilog_plugin::event::{Event, FieldRef};
use fapilog_record::{field_group::FieldGroup, text::fixed::FixedText, value::ValueRef};

use crate::{
    line_options::LineTime,
    template::{
        EventTraits, GROUPS, LineFormat, LineMarks, LinePart,
        clock::LineClock,
        id::IdText,
        keys::LineKeys,
        scope::ScopeText,
        site::{LineParts, LinePiece, LineSlot, LineTemplate, ScopePlace},
    },
};

/// Writes the lines of a run of events.
pub(super) struct EventLine<'a, F> {
    pub(super) format: &'a mut F,
    pub(super) lines: LineParts<'a>,
    pub(super) source: &'a FixedText,
    /// The file and the line of the log call, where they are wanted and there are any.
    pub(super) location: Option<&'a FixedText>,
    pub(super) shared: &'a FixedText,
    pub(super) scope: &'a ScopeText,
    pub(super) clock: &'a mut LineClock,
    pub(super) ids: &'a mut IdText,
    pub(super) marks: &'a mut LineMarks,
    /// The keys of a line that is written part by part.
    pub(super) keys: &'a mut LineKeys,
}

impl<F: LineFormat> EventLine<'_, F> {
    /// Writes the first event and those behind it that need the same template and texts: events of one call site come in runs, and a run
    /// needs one lookup. Returns the others.
    pub(super) fn fill_run<'e, 'batch>(
        &mut self,
        template: &LineTemplate,
        first: &Event<'_>,
        events: &'e [Event<'batch>],
        out: &mut Vec<u8>,
    ) -> &'e [Event<'batch>] {
        let mut remaining = events;
        while let Some((event, behind)) = remaining.split_first()
            && template.fits(event)
            && template.are_alike(event, first)
        {
            self.fill(template, event, out);
            remaining = behind;
        }
        remaining
    }

    /// Writes an event whose fields all have slots.
    #[inline(always)]
    fn fill(&mut self, template: &LineTemplate, event: &Event<'_>, out: &mut Vec<u8>) {
        for piece in &template.pieces {
            piece.text.put(out);
            self.slot(piece, event, out);
        }
        if event.is_cut() || !self.marks.not_utf8.is_empty() {
            template.open_end.put(out);
            self.marks_and_end(event, out);
        } else {
            template.end.put(out);
        }
    }

    #[inline(always)]
    fn slot(&mut self, piece: &LinePiece, event: &Event<'_>, out: &mut Vec<u8>) {
        match &piece.slot {
            LineSlot::Field(argument) => {
                self.value(argument.name.group, argument.name.name, argument.value(event), out);
            }
            LineSlot::Message(argument) => self.message(argument.value(event), out),
            LineSlot::Title(argument) => self.format.put_title(argument.value(event), out),
            LineSlot::OwnTime => self.format.put_own_time(event.timestamp(), out),
            LineSlot::Lifted => self.scope.lifted().put(out),
            LineSlot::Time => self.clock.put(event.timestamp(), out),
            LineSlot::TimeOfDay => self.clock.put_time_of_day(event.timestamp(), out),
            LineSlot::LocalTime => self.clock.put_local(event.timestamp(), out),
            LineSlot::LocalTimeOfDay => self.clock.put_local_time_of_day(event.timestamp(), out),
            LineSlot::Source => self.source.put(out),
            LineSlot::Id => self.ids.put(event, out),
            LineSlot::Shared => self.shared.put(out),
            LineSlot::CorrelationId => self.scope.correlation_id().put(out),
            LineSlot::Scope { group, place } => self.scope(*group, *place, out),
        }
    }

    /// Writes the scope's fields of a group, with the text between them and others.
    fn scope(&self, group: FieldGroup, place: ScopePlace, out: &mut Vec<u8>) {
        let Some(fields) = self.scope.fields(group) else { return };
        match place {
            ScopePlace::Behind => self.format.separate_fields(out),
            ScopePlace::Alone => self.format.open_group(group, out),
            ScopePlace::Ahead => {}
        }
        fields.put(out);
        match place {
            ScopePlace::Behind => {}
            ScopePlace::Ahead => self.format.separate_fields(out),
            ScopePlace::Alone => self.format.close_group(out),
        }
    }

    /// Writes any event, part by part.
    pub(super) fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let LineParts { parts, options } = self.lines;
        let traits = EventTraits::of_event(event);
        let is_local = options.time == LineTime::Local;
        self.keys.clear();
        for (index, &part) in parts.iter().enumerate() {
            match part {
                LinePart::CorrelationId => {
                    if let Some(id) = event.correlation_id() {
                        self.format.put_correlation_id(id, out);
                    }
                }
                LinePart::Lifted => self.lifted(event, out),
                LinePart::Fields => GROUPS.into_iter().for_each(|group| self.group(event, group, out)),
                part => {
                    self.format.before(part, index == 0, traits.level, out);
                    match part {
                        LinePart::Time if is_local => self.clock.put_local(event.timestamp(), out),
                        LinePart::TimeOfDay if is_local => self.clock.put_local_time_of_day(event.timestamp(), out),
                        LinePart::Time => self.clock.put(event.timestamp(), out),
                        LinePart::TimeOfDay => self.clock.put_time_of_day(event.timestamp(), out),
                        LinePart::OwnTime => self.format.put_own_time(event.timestamp(), out),
                        LinePart::Title => self.format.put_title(event.message(), out),
                        LinePart::Source => self.source.put(out),
                        LinePart::Id => self.ids.put(event, out),
                        LinePart::Message => self.message(event.message(), out),
                        fixed => traits.put(self.format, fixed, out),
                    }
                    if let (LinePart::Target, Some(location)) = (part, self.location) {
                        location.put(out);
                    }
                    self.format.behind(part, traits.level, out);
                }
            }
        }
        self.marks_and_end(event, out);
        self.format.put_lines(out);
    }

    fn lifted(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        for field in event.counted_fields(FieldGroup::Context).iter().filter(|field| self.format.lifts(field)) {
            self.format.put_lifted(field, out);
        }
    }

    fn group(&mut self, event: &Event<'_>, group: FieldGroup, out: &mut Vec<u8>) {
        let mut is_first = true;
        for field in event.counted_fields(group) {
            if self.format.hides(event, field) || self.format.put_aside(event, field) {
                continue;
            }
            if group == FieldGroup::Context && self.format.lifts(field) {
                continue;
            }
            if is_first {
                self.format.open_group(group, out);
            } else {
                self.format.separate_fields(out);
            }
            is_first = false;
            let is_utf8 = if F::HAS_COMMON_KEYS { self.field(field, out) } else { self.format.put_field(field, out) };
            if !is_utf8 {
                self.mark_not_utf8(group, field.name);
            }
        }
        if !is_first {
            self.format.close_group(out);
        }
    }

    /// Writes a field whose key others of the line may have. Returns `false` for a value that was written marked.
    fn field(&mut self, field: &FieldRef<'_>, out: &mut Vec<u8>) -> bool {
        let (format, FieldRef { group, name, value }) = (&mut *self.format, *field);
        let put_own = |out: &mut Vec<u8>| format.put_key(group, name, out);
        self.keys.put(out, put_own, |number, out| format.put_numbered_key(group, name, number, out));
        let is_utf8 = format.put_value(value, out);
        format.behind_value(name, out);
        is_utf8
    }

    #[inline(always)]
    fn value(&mut self, group: FieldGroup, name: &str, value: ValueRef<'_>, out: &mut Vec<u8>) {
        if !self.format.put_value(value, out) {
            self.mark_not_utf8(group, name);
        }
    }

    fn message(&mut self, message: ValueRef<'_>, out: &mut Vec<u8>) {
        if !self.format.put_message(message, out) {
            self.mark_not_utf8(FieldGroup::Message, "");
        }
    }

    #[cold]
    fn mark_not_utf8(&mut self, group: FieldGroup, name: &str) {
        self.format.mark(group, name, &mut self.marks.not_utf8);
    }

    fn marks_and_end(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        for (group, name) in event.cut_fields() {
            self.format.mark(*group, name, &mut self.marks.cut);
        }
        self.format.put_marks(event.is_cut(), self.marks, out);
        out.extend_from_slice(F::LINE_END);
    }
}
