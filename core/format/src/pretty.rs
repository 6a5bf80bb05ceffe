//! A line for a developer's terminal.

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, FieldRef, TextOrigin},
    formatter::Formatter,
    record_end::RecordEnd,
};
use fapilog_record::{
    call_site::DescribedField,
    field_group::FieldGroup,
    level::Level,
    value::{Kind, ValueRef},
};

use crate::{
    line_options::line_option_setters,
    template::LinePart,
    text::{BlockFrame, Dialect, FieldFrame, Layout, TextLines, is_backtrace, put_block, put_error_block},
};

/// Renders events as lines for a developer's terminal:
///
/// ```text
/// 11:00:00.123456+01:00 INFO     matching-engine [engine::orders] order filled order_id=42 took=17µs tags.region=eu
/// 11:00:00.123498+01:00 ERROR    matching-engine [engine::orders] gave up attempt=3
///     error: cannot open the book
///       caused by: permission denied
///     order:
///       Order {
///           id: 42,
///       }
/// ```
///
/// * The time of day, up to microseconds, has its offset, or a `Z` for UTC: see [`time`](Self::time).
/// * An error that was logged as `#error` and has sources, a `?value` whose text has several lines, and a `backtrace` stand on
///   lines of their own, behind the event's line: see [`multi_line`](Self::multi_line).
/// * Thread id and process id are left out: see [`ids`](Self::ids).
/// * Durations are as people write them.
/// * With [`colors`](Self::colors) the level has a colour of its own, the message is bold, what is less important is dim, and
///   errors (also fields called `error` or `err`) are red; without, the lines are the same text.
///
/// All else is as in the lines of [`Simple`](super::Simple). So the only terminal sequences are the colours, and only the
/// line of an event begins without a space, whatever was logged.
#[doc(alias = "PrettyFormatter")]
#[derive(Debug, Default)]
pub struct Pretty {
    lines: TextLines<PrettyLayout>,
}

impl Pretty {
    /// The formatter with its defaults: no colours.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to write colours, as ECMA-48's SGR sequences: for terminals.
    #[must_use]
    pub fn colors(self, has_colors: bool) -> Self {
        Self { lines: self.lines.with_layout(|layout| layout.has_colors = has_colors) }
    }

    /// Whether lines have the thread id and the process id that the enricher `context` adds. Other fields of these names are
    /// always there. Default: no.
    #[must_use]
    pub fn ids(self, are_shown: bool) -> Self {
        Self { lines: self.lines.with_layout(|layout| layout.shows_ids = are_shown) }
    }

    /// Whether an error with its sources, a `?value` of several lines and a `backtrace` stand on lines of their own, each
    /// indented. If not, each event is one line. Default: yes.
    #[must_use]
    pub fn multi_line(self, is_multi_line: bool) -> Self {
        Self { lines: self.lines.with_layout(|layout| layout.is_multi_line = is_multi_line) }
    }

    line_option_setters!(call_site, time);
}

impl Formatter for Pretty {
    fn name(&self) -> &'static str {
        "pretty"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        self.lines.format(batch, out);
        Ok(())
    }

    fn record_end(&self) -> RecordEnd {
        RecordEnd::IndentedLines
    }
}

/// Select graphic rendition (ECMA-48, 8.3.117).
const RESET: &str = "\x1b[0m";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";

const fn color(level: Level) -> &'static str {
    match level {
        Level::Trace => DIM,
        Level::Debug => "\x1b[36m",
        Level::Info => "\x1b[32m",
        Level::Warning => "\x1b[33m",
        Level::Error => RED,
        // Bold, white on red.
        Level::Critical => "\x1b[1;37;41m",
        Level::Audit => "\x1b[34m",
        Level::Security => "\x1b[1;35m",
    }
}

/// Keys of errors, by custom.
const ERROR_KEYS: [&str; 2] = ["error", "err"];

/// The key of backtraces, that of the panic hook's among them.
const BACKTRACE_KEY: &str = "backtrace";

/// Keys of the enricher `context`.
const THREAD_ID: &str = "thread_id";
const PROCESS_ID: &str = "process_id";

/// As wide as the longest level's name.
const LEVEL_BYTES: usize = 8;

#[derive(Debug)]
struct PrettyLayout {
    has_colors: bool,
    shows_ids: bool,
    is_multi_line: bool,
    process_id: u64,
}

impl Default for PrettyLayout {
    fn default() -> Self {
        Self { has_colors: false, shows_ids: false, is_multi_line: true, process_id: std::process::id().into() }
    }
}

impl PrettyLayout {
    fn block_frame(&self, is_error: bool) -> BlockFrame {
        if !self.has_colors {
            return BlockFrame { before_key: "", behind_key: "", before_error: "", behind_error: "" };
        }
        let (before_error, behind_error) = if is_error { (RED, RESET) } else { ("", "") };
        BlockFrame { before_key: DIM, behind_key: RESET, before_error, behind_error }
    }
}

impl Layout for PrettyLayout {
    const DIALECT: Dialect = Dialect::Terminal;
    const PARTS: &'static [LinePart] = &[
        LinePart::TimeOfDay,
        LinePart::Level,
        LinePart::Source,
        LinePart::Target,
        LinePart::Message,
        LinePart::Fields,
        LinePart::CorrelationId,
    ];

    fn before(&self, part: LinePart, level: Level, out: &mut Vec<u8>) {
        if self.has_colors {
            let rendition = match part {
                LinePart::Level => color(level),
                LinePart::Message => BOLD,
                _ => DIM,
            };
            out.extend_from_slice(rendition.as_bytes());
        }
        if part == LinePart::Target {
            out.push(b'[');
        }
    }

    fn behind(&self, part: LinePart, level: Level, out: &mut Vec<u8>) {
        if part == LinePart::Target {
            out.push(b']');
        }
        if self.has_colors {
            out.extend_from_slice(RESET.as_bytes());
        }
        if part == LinePart::Level {
            out.extend(std::iter::repeat_n(b' ', LEVEL_BYTES.saturating_sub(level.name().len())));
        }
    }

    /// The enricher's values are those of the event's producer and of this process. A field with another value, or of the
    /// call itself, is the program's.
    fn hides(&self, event: &Event<'_>, field: &FieldRef<'_>) -> bool {
        if !self.may_hide(field) {
            return false;
        }
        let enriched = match field.name {
            THREAD_ID => event.producer().thread_id(),
            PROCESS_ID => self.process_id,
            _ => return false,
        };
        let is_argument =
            |argument: &DescribedField| argument.name.group == field.group && argument.name.name == field.name;
        field.value == ValueRef::U64(enriched) && !event.descriptor().fields().iter().any(is_argument)
    }

    fn may_hide(&self, field: &FieldRef<'_>) -> bool {
        !self.shows_ids && field.group == FieldGroup::Context && [THREAD_ID, PROCESS_ID].contains(&field.name)
    }

    fn may_need_lines(&self, argument: &DescribedField) -> bool {
        let is_candidate = match argument.kind {
            Kind::DebugText | Kind::ErrorText => true,
            _ => argument.name.name == BACKTRACE_KEY,
        };
        self.is_multi_line && argument.name.group.is_keyed() && is_candidate
    }

    fn put_aside(&self, event: &Event<'_>, field: &FieldRef<'_>, lines: &mut Vec<u8>) -> bool {
        let ValueRef::Text(text) = field.value else { return false };
        if !self.is_multi_line {
            return false;
        }
        match event.text_origin(field) {
            TextOrigin::Error(chain) if text.contains('\n') || chain.clone().nth(1).is_some() => {
                put_error_block(lines, self.block_frame(true), field.group, field.name, chain);
            }
            TextOrigin::Debug if text.contains('\n') => {
                put_block(lines, self.block_frame(false), field.group, field.name, text);
            }
            _ if field.name == BACKTRACE_KEY && is_backtrace(text) => {
                put_block(lines, self.block_frame(false), field.group, field.name, text);
            }
            _ => return false,
        }
        true
    }

    fn frame(&self, key: &str) -> FieldFrame {
        match (self.has_colors, ERROR_KEYS.contains(&key)) {
            (false, _) => FieldFrame { before_key: " ", before_value: "=", behind_value: "" },
            (true, false) => FieldFrame { before_key: " \x1b[2m", before_value: "=\x1b[0m", behind_value: "" },
            (true, true) => FieldFrame { before_key: " \x1b[2m", before_value: "=\x1b[0;31m", behind_value: RESET },
        }
    }
}
