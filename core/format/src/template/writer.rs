//! The lines of a batch.

use fapilog_plugin::{
    event::{Batch, Event, FieldRef},
    per_call_site::{PerCallSite, PerSource},
};
use fapilog_record::text::{fixed::FixedText, time::UtcClock};

use crate::template::{
    LineFormat, LineMarks, event_line::EventLine, id::IdText, shared::SharedText, site::LineTemplate,
};

/// Writes events as lines of one format.
#[derive(Debug, Default)]
pub(crate) struct LineWriter<F> {
    format: F,
    /// Templates for events that share no context.
    templates: PerCallSite<LineTemplate>,
    /// Templates for events that share context with others.
    sharing: PerCallSite<LineTemplate>,
    /// The names of sources, as they stand in a line.
    sources: PerSource<FixedText>,
    shared: SharedText,
    clock: UtcClock,
    ids: IdText,
    /// The marked fields of the current event.
    marks: LineMarks,
}

impl<F: LineFormat> LineWriter<F> {
    pub(crate) fn new(format: F) -> Self {
        Self {
            format,
            templates: PerCallSite::new(),
            sharing: PerCallSite::new(),
            sources: PerSource::new(),
            shared: SharedText::default(),
            clock: UtcClock::default(),
            ids: IdText::default(),
            marks: LineMarks::default(),
        }
    }

    /// Appends every event of the batch, each as a line.
    pub(crate) fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) {
        self.shared.clear();
        // A call that panicked may have left marks.
        self.marks.clear();
        let mut events = batch.events();
        while let Some(first) = events.first() {
            events = self.run(first, events, out);
        }
    }

    /// Writes the first of the events, and those behind it that need the same template, source and shared context. Returns
    /// the others.
    fn run<'e, 'batch>(
        &mut self,
        first: &'e Event<'batch>,
        events: &'e [Event<'batch>],
        out: &mut Vec<u8>,
    ) -> &'e [Event<'batch>] {
        let (format, descriptor) = (&mut self.format, first.descriptor());
        self.shared.cache(first.shared_context(), |fields, out| put_shared(format, fields, out));
        let source = self.sources.get_or_insert_with(first.source(), || source_text(format, first));
        let shares_context = !first.shared_context().is_empty();
        let templates = if shares_context { &mut self.sharing } else { &mut self.templates };
        // An event without a call site is not plain.
        let template = if first.is_plain() {
            Some(&*templates.get_or_insert_with(descriptor, || LineTemplate::new(format, descriptor, shares_context)))
        } else {
            None
        };
        let mut line = EventLine {
            format,
            source,
            shared: self.shared.text(),
            clock: &mut self.clock,
            ids: &mut self.ids,
            marks: &mut self.marks,
        };
        match template {
            Some(template) if template.fits(first) => line.fill_run(template, first, events, out),
            _ => {
                line.write(first, out);
                events.get(1..).unwrap_or_default()
            }
        }
    }
}

#[cold]
fn source_text<F: LineFormat>(format: &F, event: &Event<'_>) -> FixedText {
    let mut name = Vec::new();
    format.put_text(event.source().name(), &mut name);
    FixedText::new(&name)
}

/// Appends fields of the shared context: keys and values, with the format's text between them.
fn put_shared<F: LineFormat>(format: &mut F, fields: &[FieldRef<'_>], out: &mut Vec<u8>) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            format.separate_fields(out);
        }
        format.put_key(field.group, field.name, out);
        // Shared fields are UTF-8: none is marked.
        format.put_value(field.value, out);
        format.behind_value(field.name, out);
    }
}
