//! Lines of events: the engine of all formats.
//!
//! A format describes its lines as a list of [parts](LinePart) and writes the text of each: [`LineFormat`]. The engine
//! ([`LineWriter`]) renders the text that all events of a call site share once, as a `LineTemplate` with slots, and fills
//! the slots for each event. An event that has more than its call site's arguments is written part by part.

mod clock;
mod event_line;
mod id;
mod keys;
mod scope;
#[cfg(test)]
mod scope_tests;
mod shared;
mod site;
mod writer;

#[cfg(test)]
pub(crate) use self::scope_tests::is_part_by_part;
pub(crate) use self::{
    id::IdText,
    scope::{NameSet, ScopeText, ScopeTexts},
    shared::SharedText,
    site::SlotArgument,
    writer::LineWriter,
};
use crate::line_options::{LineOptions, LineTime};

use std::fmt::Debug;

use fapilog_plugin::event::{Event, FieldRef, Location};
use fapilog_record::{
    call_site::{DescribedField, Descriptor},
    field_group::FieldGroup,
    level::{Category, Level},
    timestamp::Timestamp,
    value::ValueRef,
};

/// A part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinePart {
    /// The timestamp, RFC 3339.
    Time,
    /// Hours to microseconds, with the offset.
    TimeOfDay,
    /// The timestamp, in a [form of the format's own](LineFormat::put_own_time).
    OwnTime,
    Level,
    Severity,
    Category,
    Source,
    /// The target, and file and line where they are [wanted](LineOptions::call_site).
    Target,
    Id,
    Message,
    /// The message once more, as a [title](LineFormat::put_title).
    Title,
    /// The event's correlation id, if it has one. Nothing stands [before](LineFormat::before) or behind it.
    CorrelationId,
    /// The context that the format [lifts](LineFormat::lifts) out of the fields. Nothing stands [before](LineFormat::before) or behind it.
    Lifted,
    /// All fields: context, tags, metrics. Nothing stands [before](LineFormat::before) or behind them.
    Fields,
}

/// A format: the parts of a line, and their text. The engine asks for the text of a call site's events once.
pub(crate) trait LineFormat: Debug {
    /// The parts of a line, but for the marks at its end.
    const PARTS: &'static [LinePart];

    /// The end of every line.
    const LINE_END: &'static [u8];

    /// Whether fields of different groups or names may have one [key](Self::put_key). The lines have each key once.
    const HAS_COMMON_KEYS: bool = false;

    /// Whether lines have a part.
    fn has(&self, part: LinePart, options: LineOptions) -> bool {
        !matches!(part, LinePart::Time | LinePart::TimeOfDay) || options.time != LineTime::None
    }

    /// Appends the text before a part, in a line of this level.
    fn before(&self, part: LinePart, is_first: bool, level: Level, out: &mut Vec<u8>);

    /// Appends the text behind a part, in a line of this level.
    fn behind(&self, _part: LinePart, _level: Level, _out: &mut Vec<u8>) {}

    /// Appends the text of a source or a target.
    fn put_text(&self, text: &str, out: &mut Vec<u8>);

    /// Appends the text of a target.
    fn put_target(&self, target: &str, out: &mut Vec<u8>) {
        self.put_text(target, out);
    }

    /// Appends the file and the line of a log call, behind the target. The engine asks for them once for each call site.
    fn put_location(&self, location: Location, out: &mut Vec<u8>);

    /// Appends the value of a field. Returns `false` for bytes that are not UTF-8 and were written marked.
    fn put_value(&mut self, value: ValueRef<'_>, out: &mut Vec<u8>) -> bool;

    /// Appends the message. Returns `false` for bytes that are not UTF-8 and were written marked.
    fn put_message(&mut self, message: ValueRef<'_>, out: &mut Vec<u8>) -> bool;

    /// Appends the message as a title.
    fn put_title(&mut self, _message: ValueRef<'_>, _out: &mut Vec<u8>) {}

    /// Appends the timestamp in a form of the format's own.
    fn put_own_time(&self, _timestamp: Timestamp, _out: &mut Vec<u8>) {}

    /// Whether a field of the context stands in the part [`Lifted`](LinePart::Lifted), and not among the others.
    fn lifts(&self, _field: &FieldRef<'_>) -> bool {
        false
    }

    /// Whether [`lifts`](Self::lifts) may be true for a field of the context of this name.
    fn may_lift(&self, _name: &str) -> bool {
        false
    }

    /// Appends a lifted field, with its key and all that stands around it.
    fn put_lifted(&self, _field: &FieldRef<'_>, _out: &mut Vec<u8>) {}

    /// Appends the correlation id, with its key.
    fn put_correlation_id(&self, id: &str, out: &mut Vec<u8>);

    /// Appends the text before the first field of a group.
    fn open_group(&self, _group: FieldGroup, _out: &mut Vec<u8>) {}

    /// Appends the text between two fields of a group.
    fn separate_fields(&self, _out: &mut Vec<u8>) {}

    /// Appends the text behind the last field of a group.
    fn close_group(&self, _out: &mut Vec<u8>) {}

    /// Appends a field's key, up to its value.
    fn put_key(&self, group: FieldGroup, name: &str, out: &mut Vec<u8>);

    /// Appends another key for a field: the line has its [key](Self::put_key) already, or that with a smaller number.
    fn put_numbered_key(&self, group: FieldGroup, name: &str, _number: u32, out: &mut Vec<u8>) {
        self.put_key(group, name, out);
    }

    /// Appends the text behind a field's value.
    fn behind_value(&self, _name: &str, _out: &mut Vec<u8>) {}

    /// Appends a field: key, value, and the text around them. Returns `false` for a value that was written marked.
    fn put_field(&mut self, field: &FieldRef<'_>, out: &mut Vec<u8>) -> bool {
        self.put_key(field.group, field.name, out);
        let is_utf8 = self.put_value(field.value, out);
        self.behind_value(field.name, out);
        is_utf8
    }

    /// Whether a field that an enricher adds is left out of the lines.
    fn hides(&self, _event: &Event<'_>, _field: &FieldRef<'_>) -> bool {
        false
    }

    /// Whether [`hides`](Self::hides) may leave out a field like this one, in lines of some events at least.
    fn may_hide(&self, _field: &FieldRef<'_>) -> bool {
        false
    }

    /// Whether the values of an argument may need [lines of their own](Self::put_aside). Events of such a call site are
    /// written part by part.
    fn may_need_lines(&self, _argument: &DescribedField) -> bool {
        false
    }

    /// Keeps a field for lines of its own behind the event's line. Returns `false` for one that stands in the line.
    fn put_aside(&mut self, _event: &Event<'_>, _field: &FieldRef<'_>) -> bool {
        false
    }

    /// Appends the lines of the fields that were put aside.
    fn put_lines(&mut self, _out: &mut Vec<u8>) {}

    /// Forgets the fields that were put aside: a call that panicked may have left some.
    fn forget_lines(&mut self) {}

    /// Appends a field to a list of marked fields.
    fn mark(&self, group: FieldGroup, name: &str, marks: &mut Vec<u8>);

    /// Appends the marks of an event. The lists are left empty.
    fn put_marks(&self, is_cut: bool, marks: &mut LineMarks, out: &mut Vec<u8>);
}

/// The fields of an event that are marked at the line's end, as lists of the [format's](LineFormat::mark).
#[derive(Debug, Default)]
pub(crate) struct LineMarks {
    pub(crate) cut: Vec<u8>,
    pub(crate) not_utf8: Vec<u8>,
}

impl LineMarks {
    fn clear(&mut self) {
        self.cut.clear();
        self.not_utf8.clear();
    }
}

/// The groups of fields under keys, in the order of a line.
const GROUPS: [FieldGroup; 3] = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];

/// Whether a field of a group may be [lifted](LineFormat::lifts).
fn may_lift<F: LineFormat>(format: &F, group: FieldGroup, name: &str) -> bool {
    group == FieldGroup::Context && format.may_lift(name)
}

/// Properties that all events of a call site have in common, as a rule.
#[derive(Debug, Clone, Copy)]
struct EventTraits<'a> {
    level: Level,
    severity: u8,
    category: Category,
    target: &'a str,
}

impl<'a> EventTraits<'a> {
    fn of_event(event: &Event<'a>) -> Self {
        let (level, severity, category) = (event.level(), event.severity(), event.category());
        Self { level, severity, category, target: event.target() }
    }

    fn of_site(descriptor: &'static Descriptor) -> Self {
        let (level, target) = (descriptor.level(), descriptor.site().target());
        Self { level, severity: level.severity(), category: level.category(), target }
    }

    /// Appends the text of level, severity, category or target; of other parts nothing.
    fn put<F: LineFormat>(&self, format: &F, part: LinePart, out: &mut Vec<u8>) {
        match part {
            LinePart::Level => out.extend_from_slice(self.level.name().as_bytes()),
            LinePart::Severity => out.extend_from_slice(itoa::Buffer::new().format(self.severity).as_bytes()),
            LinePart::Category => out.extend_from_slice(self.category.name().as_bytes()),
            LinePart::Target => format.put_target(self.target, out),
            _ => {}
        }
    }
}
