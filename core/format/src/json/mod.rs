//! JSON, one object a line.
//!
//! ```json
//! {"timestamp":"2026-01-31T23:59:59.123456789Z","level":"INFO","severity":3,"category":"SYSTEM",
//!  "target":"engine::orders","message":"order filled","source":"matching-engine","event_id":"3-1024",
//!  "correlation_id":"...","context":{"order_id":42},"tags":{"region":"eu"},"metrics":{"latency_ms":3.2},
//!  "truncated":true,"not_utf8":["message"]}
//! ```
//!
//! (in one line). `correlation_id`, `context`, `tags`, `metrics`, `truncated` and `not_utf8` are left out where there is
//! nothing to say. Every line is strict JSON (RFC 8259), whatever was logged:
//!
//! | value | JSON |
//! |---|---|
//! | integers, also of 128 bits | number, all digits |
//! | floats | number, the shortest that reads back the same; `"NaN"`, `"Infinity"`, `"-Infinity"` as in protobuf's JSON mapping |
//! | `Duration` | number of seconds, up to nanoseconds |
//! | `SystemTime` | string, RFC 3339 in UTC; before 1970 or after 2554 a string of seconds since 1970 |
//! | address, UUID, `char` | string |
//! | text | string; control characters are escaped, those beyond ASCII too, and so are line separators, the controls of bidirectional text, and `<`, as keys are: no line holds a tag |
//! | bytes | string, if they are UTF-8. If not: the bytes that are not are written `\xNN` and each backslash twice, and the field is named in `not_utf8` (`"message"`, or group and key as in `"context.line"`). [`decode_marked_text`] reads it back |
//! | sequence | array. If an element (or one of its own elements) is not UTF-8, all text and `char`s of the sequence are written as such bytes are: each backslash twice. So every string of a field that is named in `not_utf8` is to be decoded, and no other |
//! | `None` | `null` |

#[cfg(test)]
mod line_tests;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod value;

pub use text::decode_marked_text;

use fapilog_plugin::{
    event::{Batch, Event, FieldRef},
    formatter::Formatter,
};
use fapilog_record::{
    field_group::FieldGroup,
    text::{fixed::FixedText, time::UtcClock},
};

use crate::{
    id::IdText,
    json::template::{LINE_END, Part, Piece, Slot, Template},
    shared::SharedText,
};

/// Renders events as JSON, one object a line. The format is on the [module's page](self).
#[derive(Debug, Default)]
pub struct JsonFormatter {
    /// By the descriptor's id.
    templates: Vec<Option<Template>>,
    /// By the descriptor's id: for events that share context with others.
    sharing: Vec<Option<Template>>,
    /// By the source's id: the name as a JSON string.
    sources: Vec<Option<FixedText>>,
    shared: SharedText,
    clock: UtcClock,
    ids: IdText,
    /// Fields of the current event that were not UTF-8, as JSON strings with commas between.
    not_utf8: Vec<u8>,
}

impl JsonFormatter {
    /// The formatter with its defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the first of the events, and those behind it that need nothing else looked up. Returns the others.
    fn run<'e, 'batch>(
        &mut self,
        first: &'e Event<'batch>,
        events: &'e [Event<'batch>],
        out: &mut Vec<u8>,
    ) -> &'e [Event<'batch>] {
        self.learn(first);
        let id = first.descriptor().id() as usize;
        let templates = if first.shared_context().is_empty() { &self.templates } else { &self.sharing };
        let mut line = Line {
            source: self.sources.get(first.source().id() as usize).and_then(Option::as_ref),
            shared: self.shared.text(),
            clock: &mut self.clock,
            ids: &mut self.ids,
            not_utf8: &mut self.not_utf8,
        };
        match templates.get(id) {
            Some(Some(template)) if template.fits(first) => line.fill_run(template, first, events, out),
            _ => {
                line.spell_out(first, out);
                events.get(1..).unwrap_or_default()
            }
        }
    }

    /// Sees to it that template and source are there.
    #[inline]
    fn learn(&mut self, event: &Event<'_>) {
        let template = event.descriptor().id() as usize;
        let templates = if event.shared_context().is_empty() { &self.templates } else { &self.sharing };
        if !matches!(templates.get(template), Some(Some(_))) {
            self.learn_template(event, template);
        }
        self.shared.learn(event.shared_context(), render_shared);
        let source = event.source().id() as usize;
        if !matches!(self.sources.get(source), Some(Some(_))) {
            self.learn_source(event, source);
        }
    }

    #[cold]
    fn learn_template(&mut self, event: &Event<'_>, id: usize) {
        // An event that describes itself has no template to keep.
        if id == 0 {
            return;
        }
        let shares_context = !event.shared_context().is_empty();
        let templates = if shares_context { &mut self.sharing } else { &mut self.templates };
        if templates.len() <= id {
            templates.resize_with(id + 1, || None);
        }
        if let Some(slot) = templates.get_mut(id) {
            *slot = Some(Template::for_descriptor(event.descriptor(), shares_context));
        }
    }

    #[cold]
    fn learn_source(&mut self, event: &Event<'_>, id: usize) {
        if self.sources.len() <= id {
            self.sources.resize_with(id + 1, || None);
        }
        if let Some(slot) = self.sources.get_mut(id) {
            let mut name = Vec::new();
            text::put_string(&mut name, event.source().name());
            *slot = Some(FixedText::new(&name));
        }
    }
}

impl Formatter for JsonFormatter {
    fn name(&self) -> &'static str {
        "json"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) {
        self.shared.forget();
        // A call that panicked may have left something.
        self.not_utf8.clear();
        let mut events = batch.events();
        while let Some(first) = events.first() {
            events = self.run(first, events, out);
        }
    }
}

/// Keys and values, with commas between.
fn render_shared(out: &mut Vec<u8>, fields: &[FieldRef<'_>]) {
    for field in fields {
        if !out.is_empty() {
            out.push(b',');
        }
        text::put_string(out, field.name);
        out.push(b':');
        // What is shared are the library's own fields, all of them UTF-8.
        value::put(out, field.value);
    }
}

/// What the lines of a run are written with.
struct Line<'a> {
    source: Option<&'a FixedText>,
    shared: &'a FixedText,
    clock: &'a mut UtcClock,
    ids: &'a mut IdText,
    not_utf8: &'a mut Vec<u8>,
}

impl Line<'_> {
    /// Writes the first event and those behind it for which the same template, source and shared context do: events of
    /// one call site come in runs, and what to write them with is looked up once. Returns the others.
    fn fill_run<'e, 'batch>(
        &mut self,
        template: &Template,
        first: &Event<'_>,
        events: &'e [Event<'batch>],
        out: &mut Vec<u8>,
    ) -> &'e [Event<'batch>] {
        let mut rest = events;
        while let Some((event, behind)) = rest.split_first()
            && template.fits(event)
            && is_alike(event, first)
        {
            self.fill(template, event, out);
            rest = behind;
        }
        rest
    }

    /// Writes an event whose fields are all known to the template.
    #[inline(always)]
    fn fill(&mut self, template: &Template, event: &Event<'_>, out: &mut Vec<u8>) {
        for piece in template.pieces() {
            piece.text.put(out);
            self.slot(piece, event, out);
        }
        if event.is_cut() || !self.not_utf8.is_empty() {
            template.open_end().put(out);
            self.marks_and_end(event, out);
        } else {
            template.end().put(out);
        }
    }

    #[inline(always)]
    fn slot(&mut self, piece: &Piece, event: &Event<'_>, out: &mut Vec<u8>) {
        match &piece.slot {
            Slot::Argument { root_offset, kind, name } => {
                if !value::put(out, event.argument(*root_offset, kind)) {
                    self.mark_not_utf8(name.group, name.name);
                }
            }
            Slot::Timestamp => self.clock.put(event.timestamp(), out),
            Slot::Id => self.ids.put(event, out),
            Slot::Source => self.source(out),
            Slot::Shared => self.shared.put(out),
        }
    }

    #[inline(always)]
    fn source(&self, out: &mut Vec<u8>) {
        match self.source {
            Some(source) => source.put(out),
            None => out.extend_from_slice(b"\"\""),
        }
    }

    /// Writes what every event starts with, for one that has no template.
    fn opening(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        for (text, part) in template::OPENING {
            out.extend_from_slice(text.as_bytes());
            match part {
                Part::Timestamp => self.clock.put(event.timestamp(), out),
                Part::Level => out.extend_from_slice(event.level().name().as_bytes()),
                Part::Severity => {
                    out.extend_from_slice(itoa::Buffer::new().format(event.severity()).as_bytes());
                }
                Part::Category => out.extend_from_slice(event.category().name().as_bytes()),
                Part::Target => text::put_string(out, event.target()),
                Part::Source => self.source(out),
                Part::Id => self.ids.put(event, out),
            }
        }
        out.extend_from_slice(template::MESSAGE.as_bytes());
    }

    /// Writes any event, each field by its name.
    fn spell_out(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        self.opening(event, out);
        if !value::put(out, event.message()) {
            self.mark_not_utf8(FieldGroup::Message, "");
        }
        if let Some(id) = event.correlation_id() {
            out.extend_from_slice(b",\"correlation_id\":");
            text::put_string(out, id);
        }
        for (group, opening) in template::GROUPS {
            self.group(event, group, opening, out);
        }
        self.marks_and_end(event, out);
    }

    fn group(&mut self, event: &Event<'_>, group: FieldGroup, opening: &str, out: &mut Vec<u8>) {
        let mut is_open = false;
        for field in event.counted_fields(group).iter().copied() {
            out.extend_from_slice(if is_open { b"," } else { opening.as_bytes() });
            is_open = true;
            text::put_string(out, field.name);
            out.push(b':');
            if !value::put(out, field.value) {
                self.mark_not_utf8(group, field.name);
            }
        }
        if is_open {
            out.push(b'}');
        }
    }

    #[cold]
    fn mark_not_utf8(&mut self, group: FieldGroup, name: &str) {
        let mut key = group.name().to_owned();
        if group.is_keyed() {
            key.push('.');
            key.push_str(name);
        }
        if !self.not_utf8.is_empty() {
            self.not_utf8.push(b',');
        }
        text::put_string(self.not_utf8, &key);
    }

    fn marks_and_end(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if event.is_cut() {
            out.extend_from_slice(b",\"truncated\":true");
        }
        if !self.not_utf8.is_empty() {
            out.extend_from_slice(b",\"not_utf8\":[");
            out.append(self.not_utf8);
            out.push(b']');
        }
        out.extend_from_slice(LINE_END.as_bytes());
    }
}

/// Whether two events have call site, source and shared context in common.
#[inline(always)]
fn is_alike(event: &Event<'_>, other: &Event<'_>) -> bool {
    std::ptr::eq(event.descriptor(), other.descriptor())
        && event.source().id() == other.source().id()
        && std::ptr::eq(event.shared_context(), other.shared_context())
}
