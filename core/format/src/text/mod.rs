//! Lines of text: what the text formats have in common.
//!
//! The formats differ in their layout; values, keys and escapes are theirs together.
//!
//! # Values
//!
//! | value | text |
//! |---|---|
//! | text, `char` | an *atom* as it is, all else *quoted*; the text `null` is quoted |
//! | integers, also of 128 bits | all digits |
//! | floats | the shortest decimal that reads back the same; `NaN`, `Infinity`, `-Infinity` |
//! | `bool`, `None` | `true`, `false`, `null` |
//! | `Duration` | seconds with an `s`, up to nanoseconds: `0.25s` |
//! | `SystemTime` | RFC 3339 in UTC; before 1970 or after 2554 the number of seconds since 1970 |
//! | address, UUID | as ever |
//! | bytes | text, if they are UTF-8; if not: below |
//! | sequence | `[a,b]`, each element as it would be by itself. In logfmt, and as a message, it is quoted as a whole if an element is quoted |
//!
//! An **atom** is text with no space (of any kind), no character that is escaped, and none of `=[],`; the empty text is none.
//!
//! **Quoted** text is a JSON string (RFC 8259). Escaped in it are `"`, `\`, and what can do harm where it is printed: C0, DEL and
//! C1 controls, U+2028, U+2029, and the bidirectional controls U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069.
//! So an event is one line, and nothing in it moves a cursor or turns text around.
//!
//! **Bytes that are not UTF-8** are quoted, and each that is not is `\xNN`. Parsers of logfmt know JSON's escapes only. So
//! there the text is what [`decode_marked_text`](crate::decode_marked_text) reads, `\xNN` for a byte and `\\` for a
//! backslash, quoted like any text; and `not_utf8` names the key. In an element of a list it is `\xNN`, as elsewhere.
//!
//! # Keys
//!
//! Context stands under its own key, tags under `tags.` and metrics under `metrics.`. A context key that is reserved (`time`,
//! `level`, `severity`, `category`, `source`, `target`, `event_id`, `msg`, `correlation_id`, `truncated`, `not_utf8`), or
//! that begins with `tags.`, `metrics.` or `field.`, stands behind `field.`. A key that is no atom is quoted; in logfmt,
//! what an atom cannot have in it, and `%`, becomes `%NN` for each byte, and `%` alone is the empty key. No two different
//! fields have one key.

mod escape;
mod key;
mod layout;
#[cfg(test)]
mod line_tests;
#[cfg(test)]
mod reader;
mod template;
#[cfg(test)]
mod tests;
mod value;

pub(super) use layout::{Dialect, Frame, Layout, Part};

use fapilog_plugin::event::{Batch, Event, FieldRef};
use fapilog_record::{
    field_group::FieldGroup,
    text::{fixed::FixedText, time::UtcClock},
    value::ValueRef,
};

use crate::{
    id::IdText,
    shared::SharedText,
    text::{
        key::put_key,
        template::{GROUPS, Piece, Slot, Template, Traits},
        value::{ValueWriter, put_text},
    },
};

/// Keys of the formats' own that stand among the fields, or name a part of the event.
const CORRELATION_ID: &str = "correlation_id";
const MESSAGE: &str = "msg";
const TRUNCATED: &str = "truncated";
const NOT_UTF8: &str = "not_utf8";

/// Writes events as lines of one layout.
#[derive(Debug)]
pub(super) struct Lines<L> {
    layout: L,
    /// By the descriptor's id.
    templates: Vec<Option<Template>>,
    /// By the source's id: the name as it stands in a line.
    sources: Vec<Option<FixedText>>,
    shared: SharedText,
    pen: Pen,
}

impl<L: Layout> Lines<L> {
    pub(super) fn new(layout: L) -> Self {
        let pen = Pen::new(L::DIALECT);
        Self { layout, templates: Vec::new(), sources: Vec::new(), shared: SharedText::default(), pen }
    }

    /// Appends every event of the batch, each as a line.
    pub(super) fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) {
        self.shared.forget();
        // A call that panicked may have left something.
        self.pen.not_utf8.clear();
        for event in batch.events() {
            self.learn(event);
            self.line(event, out);
        }
    }

    #[inline]
    fn line(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let id = event.descriptor().id() as usize;
        let source = self.sources.get(event.source().id() as usize).and_then(Option::as_ref);
        match self.templates.get(id) {
            Some(Some(template)) if template.fits(event) => {
                self.pen.fill(template, source, &self.shared, event, out);
            }
            _ => self.pen.spell_out(&self.layout, source, event, out),
        }
        self.pen.marks(&self.layout, event, out);
        out.push(b'\n');
    }

    /// Sees to it that template, source and shared context are there.
    #[inline]
    fn learn(&mut self, event: &Event<'_>) {
        let template = event.descriptor().id() as usize;
        if !matches!(self.templates.get(template), Some(Some(_))) {
            self.learn_template(event, template);
        }
        let source = event.source().id() as usize;
        if !matches!(self.sources.get(source), Some(Some(_))) {
            self.learn_source(event, source);
        }
        let (layout, pen) = (&self.layout, &mut self.pen);
        // What is shared are the library's own fields, all of them UTF-8: none is marked.
        self.shared.learn(event.shared_context(), |out, fields| {
            fields.iter().for_each(|&field| pen.field(layout, field, out));
        });
    }

    #[cold]
    fn learn_template(&mut self, event: &Event<'_>, id: usize) {
        // An event that describes itself has no template to keep.
        if id != 0 {
            set(&mut self.templates, id, Template::new(&self.layout, event.descriptor()));
        }
    }

    #[cold]
    fn learn_source(&mut self, event: &Event<'_>, id: usize) {
        let mut name = Vec::new();
        put_text(&mut name, event.source().name());
        set(&mut self.sources, id, FixedText::new(&name));
    }
}

fn set<T>(table: &mut Vec<Option<T>>, id: usize, entry: T) {
    if table.len() <= id {
        table.resize_with(id + 1, || None);
    }
    if let Some(slot) = table.get_mut(id) {
        *slot = Some(entry);
    }
}

/// What lines are written with.
#[derive(Debug)]
struct Pen {
    dialect: Dialect,
    clock: UtcClock,
    ids: IdText,
    values: ValueWriter,
    /// Keys of the current event's fields whose bytes were marked: a list that is not closed yet. Keys of logfmt are atoms.
    not_utf8: Vec<u8>,
}

impl Pen {
    fn new(dialect: Dialect) -> Self {
        let (clock, ids) = (UtcClock::default(), IdText::default());
        Self { dialect, clock, ids, values: ValueWriter::new(dialect), not_utf8: Vec::new() }
    }

    /// Writes an event whose fields are all known to the template.
    #[inline]
    fn fill(
        &mut self,
        template: &Template,
        source: Option<&FixedText>,
        shared: &SharedText,
        event: &Event<'_>,
        out: &mut Vec<u8>,
    ) {
        for piece in template.pieces() {
            piece.text.put(out);
            self.slot(piece, source, shared, event, out);
        }
        template.end().put(out);
    }

    #[inline(always)]
    fn slot(
        &mut self,
        piece: &Piece,
        source: Option<&FixedText>,
        shared: &SharedText,
        event: &Event<'_>,
        out: &mut Vec<u8>,
    ) {
        match &piece.slot {
            Slot::Field(argument) => {
                self.value(argument.name.group, argument.name.name, argument.value(event), out);
            }
            Slot::Message(argument) => self.message(argument.value(event), out),
            Slot::Time => self.clock.put(event.timestamp(), out),
            Slot::TimeOfDay => self.clock.put_time_of_day(event.timestamp(), out),
            Slot::Source => put_source(source, out),
            Slot::Id => self.ids.put(event, out),
            Slot::Shared if event.shared_context().is_empty() => {}
            Slot::Shared => shared.text().put(out),
        }
    }

    /// Writes any event, each field by its name.
    fn spell_out<L: Layout>(&mut self, layout: &L, source: Option<&FixedText>, event: &Event<'_>, out: &mut Vec<u8>) {
        let traits = Traits::of_event(event);
        for &part in L::PARTS {
            match part {
                Part::CorrelationId => self.correlation_id(layout, event, out),
                Part::Fields => {
                    let fields = GROUPS.into_iter().flat_map(|group| event.counted_fields(group).iter().copied());
                    fields.for_each(|field| self.field(layout, field, out));
                }
                part => {
                    layout.before(part, traits.level, out);
                    match part {
                        Part::Time => self.clock.put(event.timestamp(), out),
                        Part::TimeOfDay => self.clock.put_time_of_day(event.timestamp(), out),
                        Part::Source => put_source(source, out),
                        Part::Id => self.ids.put(event, out),
                        Part::Message => self.message(event.message(), out),
                        fixed => traits.put(fixed, out),
                    }
                    layout.behind(part, traits.level, out);
                }
            }
        }
    }

    fn correlation_id<L: Layout>(&mut self, layout: &L, event: &Event<'_>, out: &mut Vec<u8>) {
        if let Some(id) = event.correlation_id() {
            layout.frame(CORRELATION_ID).put_own(out, CORRELATION_ID, |out| put_text(out, id));
        }
    }

    fn field<L: Layout>(&mut self, layout: &L, field: FieldRef<'_>, out: &mut Vec<u8>) {
        let frame = layout.frame(field.name);
        frame.put_key(out, self.dialect, field.group, field.name);
        self.value(field.group, field.name, field.value, out);
        out.extend_from_slice(frame.behind_value.as_bytes());
    }

    #[inline(always)]
    fn value(&mut self, group: FieldGroup, name: &str, value: ValueRef<'_>, out: &mut Vec<u8>) {
        if !self.values.put(out, value) {
            self.mark_not_utf8(group, name);
        }
    }

    fn message(&mut self, message: ValueRef<'_>, out: &mut Vec<u8>) {
        if !self.values.put_message(out, message) {
            self.mark_not_utf8(FieldGroup::Message, MESSAGE);
        }
    }

    #[cold]
    fn mark_not_utf8(&mut self, group: FieldGroup, name: &str) {
        self.not_utf8.push(if self.not_utf8.is_empty() { b'[' } else { b',' });
        match group {
            FieldGroup::Message => self.not_utf8.extend_from_slice(MESSAGE.as_bytes()),
            _ => put_key(&mut self.not_utf8, self.dialect, group, name),
        }
    }

    #[inline]
    fn marks<L: Layout>(&mut self, layout: &L, event: &Event<'_>, out: &mut Vec<u8>) {
        if event.is_cut() {
            layout.frame(TRUNCATED).put_own(out, TRUNCATED, |out| out.extend_from_slice(b"true"));
        }
        if !self.not_utf8.is_empty() {
            self.not_utf8.push(b']');
            layout.frame(NOT_UTF8).put_own(out, NOT_UTF8, |out| out.append(&mut self.not_utf8));
        }
    }
}

fn put_source(source: Option<&FixedText>, out: &mut Vec<u8>) {
    match source {
        Some(source) => source.put(out),
        None => put_text(out, ""),
    }
}
