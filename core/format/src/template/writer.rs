//! The lines of a batch.

use fapilog_plugin::{
    event::{Batch, Event, FieldRef, Location},
    per_call_site::{PerCallSite, PerSource},
};
use fapilog_record::text::fixed::FixedText;

use crate::{
    line_options::LineOptions,
    template::{
        LineFormat, LineMarks, LinePart,
        clock::LineClock,
        event_line::EventLine,
        id::IdText,
        keys::{LineKeys, SharedKeys},
        may_lift,
        scope::{ScopeText, ScopeTexts},
        shared::SharedText,
        site::{LineParts, LineTemplate, OtherFields},
    },
};

/// Writes events as lines of one format.
#[derive(Debug)]
pub(crate) struct LineWriter<F> {
    format: F,
    options: LineOptions,
    parts: Box<[LinePart]>,
    templates: Templates,
    /// Files and lines of log calls, as they stand in a line.
    locations: PerCallSite<FixedText>,
    /// The names of sources, as they stand in a line.
    sources: PerSource<FixedText>,
    shared: SharedText,
    shared_keys: SharedKeys,
    scopes: ScopeTexts,
    clock: LineClock,
    ids: IdText,
    /// The marked fields of the current event.
    marks: LineMarks,
    /// The keys of the current event.
    keys: LineKeys,
}

impl<F: LineFormat + Default> Default for LineWriter<F> {
    fn default() -> Self {
        Self::new(F::default(), LineOptions::default())
    }
}

impl<F: LineFormat> LineWriter<F> {
    /// With local time among the options, the time zone is read now.
    pub(crate) fn new(format: F, options: LineOptions) -> Self {
        let parts = F::PARTS.iter().copied().filter(|part| format.has(*part, options)).collect();
        Self {
            format,
            options,
            parts,
            templates: Templates::default(),
            locations: PerCallSite::new(),
            sources: PerSource::new(),
            shared: SharedText::default(),
            shared_keys: SharedKeys::default(),
            scopes: ScopeTexts::default(),
            clock: LineClock::new(options.time),
            ids: IdText::default(),
            marks: LineMarks::default(),
            keys: LineKeys::default(),
        }
    }

    /// A writer with other options. It renders all templates anew.
    pub(crate) fn with_options(self, change: impl FnOnce(&mut LineOptions)) -> Self {
        let Self { format, mut options, .. } = self;
        change(&mut options);
        Self::new(format, options)
    }

    /// A writer with a format that is a little different. It renders all templates anew.
    pub(crate) fn with_format(self, change: impl FnOnce(&mut F)) -> Self {
        let Self { mut format, options, .. } = self;
        change(&mut format);
        Self::new(format, options)
    }

    /// Appends every event of the batch, each as a line.
    pub(crate) fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) {
        self.shared.clear();
        // A call that panicked may have left marks.
        self.marks.clear();
        self.format.forget_lines();
        let mut events = batch.events();
        while let Some(first) = events.first() {
            events = self.run(first, events, out);
        }
    }

    /// Writes the first of the events, and those behind it that need the same template and texts. Returns the others.
    fn run<'e, 'batch>(
        &mut self,
        first: &'e Event<'batch>,
        events: &'e [Event<'batch>],
        out: &mut Vec<u8>,
    ) -> &'e [Event<'batch>] {
        let (format, descriptor) = (&mut self.format, first.descriptor());
        let lines = LineParts { parts: &self.parts, options: self.options };
        let shared_keys = &mut self.shared_keys;
        self.shared.cache(first.shared_context(), |fields, out| put_shared(format, first, fields, out, shared_keys));
        let source = self.sources.get_or_insert_with(first.source(), || source_text(format, first));
        let location = if self.options.call_site { first.location() } else { None };
        let location = location
            .map(|location| &*self.locations.get_or_insert_with(descriptor, || location_text(format, location)));
        let scope = if first.is_plain_in_scope() { self.scopes.of(format, first) } else { None };
        // An event without a call site is not plain.
        let template = scope.map(|scope| {
            let others =
                OtherFields { are_shared: !first.shared_context().is_empty(), are_scoped: !first.scope().is_empty() };
            let template = || LineTemplate::new(format, lines, descriptor, others);
            (scope, &*self.templates.of(others).get_or_insert_with(descriptor, template))
        });
        let template =
            template.filter(|(scope, template)| template.fits(first) && scope.is_free(&template.names, first));
        let shared_keys = &self.shared_keys;
        let template = template.filter(|(scope, template)| are_distinct::<F>(template, scope, shared_keys));
        #[cfg(test)]
        let template = template.filter(|_| !super::scope_tests::is_part_by_part());
        let mut line = EventLine {
            format,
            lines,
            source,
            location,
            shared: self.shared.text(),
            scope: template.map_or(ScopeText::NONE, |(scope, _)| scope),
            clock: &mut self.clock,
            ids: &mut self.ids,
            marks: &mut self.marks,
            keys: &mut self.keys,
        };
        match template {
            Some((_, template)) => line.fill_run(template, first, events, out),
            None => {
                line.write(first, out);
                events.get(1..).unwrap_or_default()
            }
        }
    }
}

/// The templates of all call sites, by the fields that their events have beside the call's own.
#[derive(Debug, Default)]
struct Templates {
    plain: PerCallSite<LineTemplate>,
    shared: PerCallSite<LineTemplate>,
    scoped: PerCallSite<LineTemplate>,
    scoped_and_shared: PerCallSite<LineTemplate>,
}

impl Templates {
    #[inline]
    fn of(&mut self, others: OtherFields) -> &mut PerCallSite<LineTemplate> {
        match (others.are_scoped, others.are_shared) {
            (false, false) => &mut self.plain,
            (false, true) => &mut self.shared,
            (true, false) => &mut self.scoped,
            (true, true) => &mut self.scoped_and_shared,
        }
    }
}

#[cold]
fn source_text<F: LineFormat>(format: &F, event: &Event<'_>) -> FixedText {
    let mut name = Vec::new();
    format.put_text(event.source().name(), &mut name);
    FixedText::new(&name)
}

#[cold]
fn location_text<F: LineFormat>(format: &F, location: Location) -> FixedText {
    let mut text = Vec::new();
    format.put_location(location, &mut text);
    FixedText::new(&text)
}

/// Whether arguments, scope and shared context have no key in common, and no shared field is lifted.
#[inline]
fn are_distinct<F: LineFormat>(template: &LineTemplate, scope: &ScopeText, shared: &SharedKeys) -> bool {
    let fits_shared = || !template.others.are_shared || shared.fits([&template.keys, scope.keys()]);
    !(F::HAS_COMMON_KEYS && template.keys.meets(scope.keys())) && fits_shared()
}

/// Appends fields of the shared context: keys and values, with the format's text between them. `event` is any that shares
/// it. Keeps their keys.
fn put_shared<F: LineFormat>(
    format: &mut F,
    event: &Event<'_>,
    fields: &[FieldRef<'_>],
    out: &mut Vec<u8>,
    keys: &mut SharedKeys,
) {
    let keys = keys.set(fields.iter().any(|field| may_lift(format, field.group, field.name)));
    let mut is_first = true;
    for field in fields {
        if format.hides(event, field) {
            continue;
        }
        if !is_first {
            format.separate_fields(out);
        }
        is_first = false;
        if F::HAS_COMMON_KEYS {
            keys.add_of(format, field);
        }
        // Shared fields are UTF-8: none is marked.
        format.put_field(field, out);
    }
}
