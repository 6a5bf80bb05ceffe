//! Output: events as people or programs read them.

mod arguments;
pub(crate) mod colors;
mod csv;
mod json;
mod logfmt;
mod pager;
mod pretty;
pub(crate) mod screen;
mod values;

pub(crate) use arguments::{FormatArguments, OutputFormat};
pub(crate) use colors::{BOLD, DIM, Paint, RED, color_of};
pub(crate) use screen::{PagerUse, Screen};

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};

use crate::{expression::EventPath, line::LogLine};

/// Writes lines in one format.
pub(crate) struct EventPrinter {
    format: OutputFormat,
    pub(crate) layout: OutputLayout,
}

/// The options of formats.
pub(crate) struct OutputLayout {
    /// The fields that are written, with their names; all of them if there are none.
    pub(crate) fields: Vec<OutputField>,
    pub(crate) paint: Paint,
    pub(crate) zone: TimeZone,
    /// Whether lines are written to a terminal, which obeys control characters.
    pub(crate) is_for_terminal: bool,
    /// The time that others are relative to.
    pub(crate) origin: Option<Timestamp>,
}

/// A field that is written.
#[derive(Debug)]
pub(crate) struct OutputField {
    pub(crate) name: String,
    pub(crate) path: EventPath,
}

impl OutputField {
    /// The field of a name such as `tags.region`.
    pub(crate) fn of(name: &str) -> Self {
        Self { name: name.to_owned(), path: EventPath::of(name) }
    }
}

/// The zone of times in the output.
pub(crate) fn zone(is_utc: bool) -> TimeZone {
    if is_utc { TimeZone::UTC } else { TimeZone::system() }
}

/// A time as RFC 3339 has it, with microseconds.
pub(crate) fn time_text(time: Timestamp, zone: &TimeZone) -> String {
    let mut text = String::new();
    // A text takes everything.
    let _ = write!(text, "{}", time.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S.%6f%:z"));
    match text.strip_suffix("+00:00") {
        Some(utc) => format!("{utc}Z"),
        None => text,
    }
}

/// A text with its control characters escaped.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = Vec::new();
    values::put_harmless(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}

impl EventPrinter {
    pub(crate) fn new(format: OutputFormat, layout: OutputLayout) -> Self {
        Self { format, layout }
    }

    /// Appends the line in front of all others, if the format has one. It is there without events, too.
    pub(crate) fn put_header(&self, out: &mut Vec<u8>) {
        if self.format == OutputFormat::Csv {
            csv::put_header(&self.layout, out);
        }
    }

    /// Appends a line, with its end. A line of plain text stays what it is, but that csv and, with fields, JSON and logfmt have it as a message.
    pub(crate) fn put(&mut self, line: &LogLine<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        match self.format {
            OutputFormat::Pretty => pretty::put(line, &self.layout, out),
            OutputFormat::Json => json::put(line, &self.layout, out),
            OutputFormat::Logfmt => logfmt::put(line, &self.layout, out),
            OutputFormat::Csv => csv::put(line, &self.layout, out),
            OutputFormat::Raw => out.extend_from_slice(line.bytes()),
        }
        if self.layout.is_for_terminal
            && matches!(self.format, OutputFormat::Json | OutputFormat::Csv | OutputFormat::Raw)
        {
            make_harmless(out, start);
        }
        out.push(b'\n');
    }
}

/// Escapes the control characters from `start` on: in a log, they may be those of anybody.
fn make_harmless(out: &mut Vec<u8>, start: usize) {
    let written = out.split_off(start);
    let text = String::from_utf8_lossy(&written);
    values::put_harmless(out, text.strip_suffix('\r').unwrap_or(&text));
}
