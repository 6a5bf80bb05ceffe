//! The report at the end: a table for people, JSON for programs.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::{error::BenchError, machine::Machine, subject::LogDestination};

/// The figures, under the keys of the JSON. A figure that does not apply is `null`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) events_submitted: Option<u64>,
    pub(crate) events_delivered: Option<u64>,
    pub(crate) events_filtered: Option<u64>,
    pub(crate) events_lost: Option<u64>,
    pub(crate) files_rotated: Option<u64>,
    pub(crate) files_compressed: Option<u64>,
    pub(crate) files_removed: Option<u64>,
    pub(crate) events_removed: Option<u64>,
    pub(crate) seconds: Option<f64>,
    pub(crate) events_per_second: Option<f64>,
    pub(crate) bytes_written: Option<u64>,
    pub(crate) bytes_per_second: Option<f64>,
    pub(crate) bytes_per_event: Option<f64>,
    pub(crate) device_bytes_per_second: Option<f64>,
    pub(crate) device_ratio: Option<f64>,
    pub(crate) default_events_per_second: Option<f64>,
    pub(crate) default_ratio: Option<f64>,
    pub(crate) verified: Option<bool>,
    pub(crate) executor: Option<String>,
    pub(crate) writer: Option<String>,
    pub(crate) call_ns: Option<NanosPercentiles>,
    pub(crate) turn_ns: Option<NanosPercentiles>,
    pub(crate) machine: Machine,
}

/// Nanoseconds that a log call, or a turn of the drain, takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct NanosPercentiles {
    pub(crate) p50: f64,
    pub(crate) p75: f64,
    pub(crate) p90: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) p99_9: f64,
    pub(crate) max: f64,
}

impl NanosPercentiles {
    /// The percentiles of a histogram in such a unit.
    pub(crate) fn new(histogram: &Histogram<u64>, units_per_nano: f64) -> Self {
        let nanos = |units: u64| units as f64 / units_per_nano;
        let at = |quantile| nanos(histogram.value_at_quantile(quantile));
        Self {
            p50: at(0.5),
            p75: at(0.75),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p99_9: at(0.999),
            max: nanos(histogram.max()),
        }
    }
}

impl Figures {
    /// Nothing but the machine.
    pub(crate) fn none(machine: Machine) -> Self {
        Self {
            events_submitted: None,
            events_delivered: None,
            events_filtered: None,
            events_lost: None,
            files_rotated: None,
            files_compressed: None,
            files_removed: None,
            events_removed: None,
            seconds: None,
            events_per_second: None,
            bytes_written: None,
            bytes_per_second: None,
            bytes_per_event: None,
            device_bytes_per_second: None,
            device_ratio: None,
            default_events_per_second: None,
            default_ratio: None,
            verified: None,
            executor: None,
            writer: None,
            call_ns: None,
            turn_ns: None,
            machine,
        }
    }
}

/// Lines of two columns, in the order they are added.
#[derive(Debug, Default)]
pub(crate) struct FigureTable {
    rows: Vec<(String, String)>,
}

impl FigureTable {
    pub(crate) fn row(&mut self, name: &str, value: impl Into<String>) {
        self.rows.push((name.to_owned(), value.into()));
    }

    /// The rows of every measurement of the log.
    pub(crate) fn log_figures(&mut self, figures: &Figures) {
        let mut count = |name, value: Option<u64>| value.into_iter().for_each(|n| self.row(name, grouped(n)));
        count("events submitted", figures.events_submitted);
        count("events delivered", figures.events_delivered);
        count("events filtered", figures.events_filtered);
        count("events lost", figures.events_lost);
        count("bytes written", figures.bytes_written);
        // Most logs have a single file.
        if figures.files_rotated.is_some_and(|files| files > 0) {
            count("files rotated", figures.files_rotated);
            count("files compressed", figures.files_compressed);
            count("files removed", figures.files_removed);
            count("events removed", figures.events_removed);
        }
        let mut rate = |name, value: Option<f64>, unit: fn(f64) -> String| {
            value.into_iter().for_each(|x| self.row(name, unit(x)));
        };
        rate("seconds", figures.seconds, |x| format!("{x:.3}"));
        rate("events a second", figures.events_per_second, |x| grouped(x as u64));
        rate("bytes a second", figures.bytes_per_second, megabytes);
        rate("bytes an event", figures.bytes_per_event, |x| format!("{x:.1}"));
        rate("disk, bytes a second", figures.device_bytes_per_second, megabytes);
        rate("part of the disk used", figures.device_ratio, |x| format!("{x:.3}"));
        for (name, value) in [("executor", &figures.executor), ("writer", &figures.writer)] {
            value.iter().for_each(|value| self.row(name, value.as_str()));
        }
    }

    pub(crate) fn machine(&mut self, machine: &Machine) {
        self.row("processor", format!("{}, {} cores", machine.cpu, machine.cores));
        self.row("kernel", machine.kernel.as_str());
        machine.filesystem.iter().for_each(|kind| self.row("file system", kind.as_str()));
    }

    /// The path of the file, if it is to be kept.
    pub(crate) fn kept_file(&mut self, destination: &LogDestination) {
        if let LogDestination::File(file) = destination
            && file.is_kept()
        {
            self.row("file", file.path().display().to_string());
        }
    }

    fn write(&self, mut out: impl Write) -> io::Result<()> {
        let width = self.rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in &self.rows {
            writeln!(out, "{name:width$}  {value}")?;
        }
        out.flush()
    }
}

/// Thousands set apart.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `"1,234 MB/s"`
pub(crate) fn megabytes(bytes_per_second: f64) -> String {
    format!("{} MB/s", grouped((bytes_per_second / 1e6).round() as u64))
}

/// The destination of the figures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FigureReporter<'a> {
    json: Option<&'a Path>,
}

impl<'a> FigureReporter<'a> {
    /// `json`: where programs read them; `-` is standard output, and people then read them on standard error.
    pub(crate) fn new(json: Option<&'a Path>) -> Self {
        Self { json }
    }

    /// Reports the figures.
    pub(crate) fn report(self, table: &FigureTable, figures: &Figures) -> Result<(), BenchError> {
        let error = |target: String| move |source| BenchError::Report { target, source };
        match self.json {
            None => unless_closed(table.write(io::stdout().lock())).map_err(error("standard output".to_owned())),
            Some(path) if path == Path::new("-") => {
                // An unwritable standard error is no failure: the JSON is the report.
                let _ = table.write(io::stderr().lock());
                unless_closed(write_json(io::stdout().lock(), figures)).map_err(error("standard output".to_owned()))
            }
            Some(path) => {
                let file = File::create(path).and_then(|file| write_json(file, figures));
                file.map_err(error(path.display().to_string()))?;
                unless_closed(table.write(io::stdout().lock())).map_err(error("standard output".to_owned()))
            }
        }
    }
}

fn write_json(mut out: impl Write, figures: &Figures) -> io::Result<()> {
    serde_json::to_writer(&mut out, figures)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// A reader that has closed its end is no error.
fn unless_closed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Prints a note for people, beside the table. A closed standard error is ignored.
pub(crate) fn print_note(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
    }

    #[test]
    fn the_columns_of_a_table_line_up() {
        let mut table = FigureTable::default();
        table.row("a", "1");
        table.row("long name", "2");
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a          1\nlong name  2\n");
    }

    #[test]
    fn what_does_not_apply_is_null() {
        let figures = Figures::none(Machine::look(None));
        let mut out = Vec::new();
        write_json(&mut out, &figures).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert!(value["call_ns"].is_null() && value["verified"].is_null() && value["machine"]["cpu"].is_string());
    }
}
