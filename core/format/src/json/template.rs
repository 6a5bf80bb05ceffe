//! What is the same in every event of a call site, rendered once.

use fapilog_plugin::event::Event;
use fapilog_record::{
    call_site::{Descriptor, FieldName},
    field_group::FieldGroup,
    level::Category,
    text::fixed::FixedText,
    value::Kind,
};

use crate::json::text::put_string;

/// The objects that hold fields under keys, in the order they are written, and how each is opened.
pub(super) const GROUPS: [(FieldGroup, &str); 3] = [
    (FieldGroup::Context, ",\"context\":{"),
    (FieldGroup::Tags, ",\"tags\":{"),
    (FieldGroup::Metrics, ",\"metrics\":{"),
];

/// A line with slots.
#[derive(Debug)]
pub(super) struct Template {
    pieces: Vec<Piece>,
    /// What comes behind the last slot, with the line's end.
    end: FixedText,
    /// The same, but without the line's closing brace: more is to come.
    open_end: FixedText,
    category: Category,
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
    Timestamp,
    Source,
    Id,
    Argument {
        root_offset: usize,
        kind: &'static Kind,
        name: FieldName,
    },
    /// Keys and values of the shared context, with commas between.
    Shared,
}

/// What every event starts with: fixed text, and what comes behind it.
pub(super) const OPENING: [(&str, Part); 7] = [
    ("{\"timestamp\":\"", Part::Timestamp),
    ("\",\"level\":\"", Part::Level),
    ("\",\"severity\":", Part::Severity),
    (",\"category\":\"", Part::Category),
    ("\",\"target\":", Part::Target),
    (",\"source\":", Part::Source),
    (",\"event_id\":\"", Part::Id),
];

/// What stands between the opening and the message.
pub(super) const MESSAGE: &str = "\",\"message\":";

/// What every line ends with.
pub(super) const LINE_END: &str = "}\n";

/// A part of every event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Timestamp,
    Level,
    Severity,
    Category,
    Target,
    Source,
    Id,
}

impl Template {
    /// For all events of a call site that have the call's own arguments and nothing else, but for shared context where
    /// `shares_context`.
    pub(super) fn for_descriptor(descriptor: &'static Descriptor, shares_context: bool) -> Self {
        let site = descriptor.site();
        let mut template = Draft::default();
        template.opening(descriptor);
        template.message(descriptor);
        for (group, opening) in GROUPS {
            template.group(descriptor, group, opening, shares_context && group == FieldGroup::Context);
        }
        let is_single = |group| !matches!(group, FieldGroup::Message) && !FieldGroup::is_keyed(group);
        let is_partial = descriptor.fields().iter().any(|field| is_single(field.name.group));
        template.finish(site.level().category(), is_partial)
    }

    /// Whether the event is as the template takes it to be.
    #[inline]
    pub(super) fn fits(&self, event: &Event<'_>) -> bool {
        event.is_plain()
            && !self.is_partial
            && event.category() == self.category
            && event.severity() == event.level().severity()
    }

    #[inline]
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    #[inline]
    pub(super) fn end(&self) -> &FixedText {
        &self.end
    }

    pub(super) fn open_end(&self) -> &FixedText {
        &self.open_end
    }
}

#[derive(Debug, Default)]
struct Draft {
    pieces: Vec<Piece>,
    text: Vec<u8>,
}

impl Draft {
    fn text(&mut self, text: &str) -> &mut Self {
        self.text.extend_from_slice(text.as_bytes());
        self
    }

    fn string(&mut self, text: &str) -> &mut Self {
        put_string(&mut self.text, text);
        self
    }

    fn slot(&mut self, slot: Slot) -> &mut Self {
        self.pieces.push(Piece { text: FixedText::new(&self.text), slot });
        self.text.clear();
        self
    }

    fn opening(&mut self, descriptor: &'static Descriptor) {
        let site = descriptor.site();
        for (text, part) in OPENING {
            self.text(text);
            match part {
                Part::Timestamp => self.slot(Slot::Timestamp),
                Part::Level => self.text(site.level().name()),
                Part::Severity => self.text(itoa::Buffer::new().format(site.level().severity())),
                Part::Category => self.text(site.level().category().name()),
                Part::Target => self.string(site.target()),
                Part::Source => self.slot(Slot::Source),
                Part::Id => self.slot(Slot::Id),
            };
        }
    }

    fn message(&mut self, descriptor: &'static Descriptor) {
        self.text(MESSAGE);
        let argument = descriptor.fields().iter().rfind(|field| field.name.group == FieldGroup::Message);
        match argument {
            Some(field) if descriptor.site().message().is_empty() => {
                self.slot(Slot::Argument { root_offset: field.root_offset, kind: field.kind, name: field.name });
            }
            _ => {
                self.string(descriptor.site().message());
            }
        }
    }

    fn group(&mut self, descriptor: &'static Descriptor, group: FieldGroup, opening: &str, is_shared: bool) {
        let mut seen = Vec::new();
        for field in descriptor.fields().iter().filter(|field| field.name.group == group) {
            if seen.contains(&field.name.name) {
                continue;
            }
            self.text(if seen.is_empty() { opening } else { "," });
            self.string(field.name.name).text(":");
            self.slot(Slot::Argument { root_offset: field.root_offset, kind: field.kind, name: field.name });
            seen.push(field.name.name);
        }
        if is_shared {
            self.text(if seen.is_empty() { opening } else { "," }).slot(Slot::Shared);
        }
        if is_shared || !seen.is_empty() {
            self.text("}");
        }
    }

    fn finish(mut self, category: Category, is_partial: bool) -> Template {
        let open_end = FixedText::new(&self.text);
        self.text(LINE_END);
        Template { pieces: self.pieces, end: FixedText::new(&self.text), open_end, category, is_partial }
    }
}
