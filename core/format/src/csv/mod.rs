//! CSV: rows of chosen columns.

mod cell;
mod column;
mod row;
mod scope;
mod settings;
mod shared;
mod template;
#[cfg(test)]
mod tests;

pub use self::column::{CsvColumn, CsvColumnsError};
pub(crate) use self::settings::CsvSettings;

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event},
    formatter::Formatter,
    named_enum,
    per_call_site::{PerCallSite, PerSource},
    record_end::RecordEnd,
};
use fapilog_record::text::{fixed::FixedText, time::UtcClock};

use crate::{
    csv::{
        cell::CellStyle,
        row::CellWriter,
        scope::ScopeCells,
        shared::SharedMembers,
        template::{BesideCall, RowTemplate},
    },
    template::{IdText, ScopeText, ScopeTexts},
};

named_enum! {
    /// The character between two cells.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[non_exhaustive]
    pub enum CsvDelimiter {
        /// `,`
        #[default]
        Comma = "comma",
        /// `;`: what spreadsheets read where the comma is in numbers.
        Semicolon = "semicolon",
        /// A tab.
        Tab = "tab",
        /// `|`
        Pipe = "pipe",
    }
}

impl CsvDelimiter {
    const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }
}

/// Renders events as rows of CSV (RFC 4180), one a line:
///
/// ```text
/// 2026-11-24T10:00:00.123456789Z,INFO,matching-engine,engine::orders,4fk2m09q7vh1-3-1024,,order filled,"{""context.order_id"":42}",,
/// ```
///
/// A row has no line end but its own, a line feed: those in texts are escaped, as control characters and backslashes are. Rows have
/// no header, as a formatter does not know where a file begins: [`header`](Self::header) has it. The page `docs/csv.md` has the
/// columns and the cells.
///
/// ```
/// use fapilog_format::Csv;
///
/// let csv = Csv::with_columns(["timestamp", "level", "message", "context.order_id", "fields"])?;
/// assert_eq!(csv.header(), "timestamp,level,message,context.order_id,fields\n");
/// assert_eq!(csv.decode_cell(r"one\ntwo").as_deref(), Some(&b"one\ntwo"[..]));
/// # Ok::<(), fapilog_format::CsvColumnsError>(())
/// ```
#[doc(alias = "CsvFormatter")]
#[derive(Debug)]
pub struct Csv {
    columns: Box<[CsvColumn]>,
    style: CellStyle,
    /// By the fields that events have beside their call's: none, shared context, those of a scope, both.
    templates: [PerCallSite<RowTemplate>; 4],
    /// The cells of sources and of places in the program.
    sources: PerSource<FixedText>,
    locations: PerCallSite<FixedText>,
    shared: SharedMembers,
    scopes: ScopeTexts,
    clock: UtcClock,
    ids: IdText,
    /// The names of fields of the current event that are not UTF-8.
    marked: Vec<u8>,
}

impl Default for Csv {
    fn default() -> Self {
        Self::of_columns(column::DEFAULT.into())
    }
}

impl Csv {
    /// The formatter with its defaults: the columns `timestamp`, `level`, `source`, `target`, `event_id`, `correlation_id`, `message`,
    /// `fields`, `truncated`, `not_utf8`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The formatter with the columns of these [names](CsvColumn).
    ///
    /// # Errors
    /// When a name is that of no column, or comes twice, or there is none.
    pub fn with_columns<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, CsvColumnsError> {
        column::read(names).map(Self::of_columns)
    }

    fn of_columns(columns: Box<[CsvColumn]>) -> Self {
        Self {
            columns,
            style: CellStyle { delimiter: CsvDelimiter::default().byte(), escapes_formulas: true },
            templates: [const { PerCallSite::new() }; 4],
            sources: PerSource::new(),
            locations: PerCallSite::new(),
            shared: SharedMembers::default(),
            scopes: ScopeTexts::default(),
            clock: UtcClock::default(),
            ids: IdText::default(),
            marked: Vec::new(),
        }
    }

    /// The character between two cells. Default: a comma.
    #[must_use]
    pub fn delimiter(self, delimiter: CsvDelimiter) -> Self {
        let style = CellStyle { delimiter: delimiter.byte(), ..self.style };
        Self { style, ..Self::of_columns(self.columns) }
    }

    /// Whether a text that begins with `=`, `+`, `-`, `@` or one of their full-width forms has an apostrophe in front, so that no
    /// spreadsheet takes it for a formula. A text that begins with an apostrophe gets one more, so that a reader takes
    /// [one away](Self::decode_cell) in any case. Numbers have none. Default: yes.
    #[must_use]
    pub fn escape_formulas(self, is_wanted: bool) -> Self {
        let style = CellStyle { escapes_formulas: is_wanted, ..self.style };
        Self { style, ..Self::of_columns(self.columns) }
    }

    /// The names of the columns, as a row with its line end.
    #[must_use]
    pub fn header(&self) -> String {
        let mut row = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                row.push(self.style.delimiter);
            }
            self.style.put_text(&mut row, &column.to_string());
        }
        row.push(b'\n');
        String::from_utf8_lossy(&row).into_owned()
    }

    /// The bytes that were logged, of the cell of a text as a CSV reader gives it: without the apostrophe and without escapes.
    /// Bytes that are not UTF-8 come back as they were. JSON in a cell is not decoded so.
    ///
    /// `None` for a text that the formatter does not write.
    #[must_use]
    pub fn decode_cell(&self, cell: &str) -> Option<Vec<u8>> {
        cell::decode(cell, self.style.escapes_formulas)
    }

    /// Writes the first of the events, and those behind it that need the same template and texts. Returns the others.
    fn run<'e, 'batch>(
        &mut self,
        first: &'e Event<'batch>,
        events: &'e [Event<'batch>],
        out: &mut Vec<u8>,
    ) -> &'e [Event<'batch>] {
        let (style, columns, descriptor) = (self.style, &*self.columns, first.descriptor());
        self.shared.cache(first.shared_context(), columns);
        let source = self.sources.get_or_insert_with(first.source(), || style.fixed_text(first.source().name()));
        let location = first.location().filter(|_| columns.contains(&CsvColumn::CallSite));
        let location = location.map(|location| {
            &*self.locations.get_or_insert_with(descriptor, || style.fixed_text(&location.to_string()))
        });
        let scope =
            if first.is_plain_in_scope() { self.scopes.of(&mut ScopeCells { style, columns }, first) } else { None };
        let template = scope.and_then(|scope| {
            let beside =
                BesideCall { is_shared: !first.shared_context().is_empty(), is_scoped: !first.scope().is_empty() };
            let template = || RowTemplate::new(style, columns, descriptor, beside);
            let template = &*templates_of(&mut self.templates, beside).get_or_insert_with(descriptor, template);
            (template.fits(first) && scope.is_free(&template.names, first)).then_some((scope, template))
        });
        #[cfg(test)]
        let template = template.filter(|_| !crate::template::is_part_by_part());
        let mut row = CellWriter {
            style,
            columns,
            source,
            location,
            scope: template.map_or(ScopeText::NONE, |(scope, _)| scope),
            shared: &self.shared,
            clock: &mut self.clock,
            ids: &mut self.ids,
            marked: &mut self.marked,
            marks_at: None,
            object_at: 0,
        };
        let Some((_, template)) = template else {
            row.write(first, out);
            return events.get(1..).unwrap_or_default();
        };
        let mut remaining = events;
        while let Some((event, behind)) = remaining.split_first()
            && template.fits(event)
            && template.are_alike(event, first)
        {
            template.fill(&mut row, event, out);
            remaining = behind;
        }
        remaining
    }
}

#[inline]
fn templates_of(templates: &mut [PerCallSite<RowTemplate>; 4], beside: BesideCall) -> &mut PerCallSite<RowTemplate> {
    let [plain, shared, scoped, scoped_and_shared] = templates;
    match (beside.is_scoped, beside.is_shared) {
        (false, false) => plain,
        (false, true) => shared,
        (true, false) => scoped,
        (true, true) => scoped_and_shared,
    }
}

impl CellStyle {
    fn fixed_text(self, text: &str) -> FixedText {
        let mut cell = Vec::new();
        self.put_text(&mut cell, text);
        FixedText::new(&cell)
    }
}

impl Formatter for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        self.shared.clear();
        // A call that panicked may have left marks.
        self.marked.clear();
        let mut events = batch.events();
        while let Some(first) = events.first() {
            events = self.run(first, events, out);
        }
        Ok(())
    }

    fn record_end(&self) -> RecordEnd {
        RecordEnd::LineFeed
    }
}
