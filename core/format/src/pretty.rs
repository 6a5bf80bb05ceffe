//! A line for a developer's terminal.

use fapilog_plugin::{event::Batch, formatter::Formatter};
use fapilog_record::level::Level;

use crate::{
    template::LinePart,
    text::{Dialect, FieldFrame, Layout, TextLines},
};

/// Renders events as lines for a developer's terminal:
///
/// ```text
/// 10:00:00.123456 INFO     matching-engine [engine::orders] order filled order_id=42 tags.region=eu
/// 10:00:00.123498 ERROR    matching-engine [engine::orders] gave up error="connect: connection refused"
/// ```
///
/// The time of day is UTC, up to microseconds. With [`colors`](Self::colors) the level has a colour of its own, the message is
/// bold, what is less important is dim, and errors (fields called `error` or `err`) are red; without, the line is the same
/// text. It is put together as [`Simple`](super::Simple)'s, so the only terminal sequences in it are those
/// colours, whatever was logged.
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
        // Templates that were rendered so far have the old ones.
        Self { lines: TextLines::new(PrettyLayout { has_colors }) }
    }
}

impl Formatter for Pretty {
    fn name(&self) -> &'static str {
        "pretty"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) {
        self.lines.format(batch, out);
    }
}

/// Select graphic rendition (ECMA-48, 8.3.117).
const RESET: &str = "\x1b[0m";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";

const fn color(level: Level) -> &'static str {
    match level {
        Level::Trace => DIM,
        Level::Debug => "\x1b[36m",
        Level::Info => "\x1b[32m",
        Level::Warning => "\x1b[33m",
        Level::Error => "\x1b[31m",
        // Bold, white on red.
        Level::Critical => "\x1b[1;37;41m",
        Level::Audit => "\x1b[34m",
        Level::Security => "\x1b[1;35m",
    }
}

/// Keys of errors, by custom.
const ERROR_KEYS: [&str; 2] = ["error", "err"];

/// As wide as the longest level's name.
const LEVEL_BYTES: usize = 8;

#[derive(Debug, Default)]
struct PrettyLayout {
    has_colors: bool,
}

impl Layout for PrettyLayout {
    const DIALECT: Dialect = Dialect::People;
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
        if part != LinePart::TimeOfDay {
            out.push(b' ');
        }
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

    fn frame(&self, key: &str) -> FieldFrame {
        match (self.has_colors, ERROR_KEYS.contains(&key)) {
            (false, _) => FieldFrame { before_key: " ", before_value: "=", behind_value: "" },
            (true, false) => FieldFrame { before_key: " \x1b[2m", before_value: "=\x1b[0m", behind_value: "" },
            (true, true) => FieldFrame { before_key: " \x1b[2m", before_value: "=\x1b[0;31m", behind_value: RESET },
        }
    }
}
