//! Families as text, in both formats.
//!
//! The formats differ little. OpenMetrics names a family without `_total` and `_info`, has a line for the unit, types for
//! descriptions and states, and an end. In the text format these types are gauges, and a family has the name of its samples.

use std::fmt::{self, Display, Write};

use fapilog::metrics::Percentiles;

use crate::{
    exposition::{ExpositionFormat, number::CanonicalNumber},
    figures::{FamilyKind, FigureFamily, FigureNumber, FigureSample, SampleValue},
};

/// A label that the format adds to those of a sample.
type AddedLabel<'a> = Option<(&'a str, &'a dyn Display)>;

pub(super) fn render(families: &[FigureFamily], format: ExpositionFormat) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = families.iter().try_for_each(|family| write_family(&mut text, family, format));
    if format == ExpositionFormat::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

fn write_family(text: &mut String, family: &FigureFamily, format: ExpositionFormat) -> fmt::Result {
    let (name, is_open_metrics) = (family.name(), format == ExpositionFormat::OpenMetrics);
    let suffix = sample_suffix(family.kind());
    let described_suffix = if is_open_metrics { "" } else { suffix };
    let help = EscapedLine { text: family.row.help, with_quotes: is_open_metrics };
    writeln!(text, "# HELP {name}{described_suffix} {help}")?;
    writeln!(text, "# TYPE {name}{described_suffix} {}", type_name(family.kind(), format))?;
    if let Some(unit) = family.row.unit.name().filter(|_| is_open_metrics) {
        writeln!(text, "# UNIT {name} {unit}")?;
    }
    family.samples.iter().try_for_each(|sample| match &sample.value {
        SampleValue::Number(value) => write_sample(text, name, suffix, sample, None, *value),
        SampleValue::Latency(percentiles) => write_histogram(text, name, sample, percentiles),
    })
}

/// The end of a sample's name behind that of its family.
pub(crate) fn sample_suffix(kind: FamilyKind) -> &'static str {
    match kind {
        FamilyKind::Counter => "_total",
        FamilyKind::Info => "_info",
        FamilyKind::Gauge | FamilyKind::StateSet | FamilyKind::Histogram => "",
    }
}

fn type_name(kind: FamilyKind, format: ExpositionFormat) -> &'static str {
    match (kind, format) {
        (FamilyKind::Counter, _) => "counter",
        (FamilyKind::Histogram, _) => "histogram",
        (FamilyKind::Info, ExpositionFormat::OpenMetrics) => "info",
        (FamilyKind::StateSet, ExpositionFormat::OpenMetrics) => "stateset",
        (FamilyKind::Gauge, _) | (FamilyKind::Info | FamilyKind::StateSet, ExpositionFormat::Text) => "gauge",
    }
}

fn write_histogram(text: &mut String, name: &str, sample: &FigureSample, percentiles: &Percentiles) -> fmt::Result {
    let mut bucket = |bound: &dyn Display, samples: u64| {
        write_sample(text, name, "_bucket", sample, Some(("le", bound)), samples.into())
    };
    for (bound, samples) in percentiles.histogram.iter() {
        bucket(&CanonicalNumber(bound.as_secs_f64()), samples)?;
    }
    bucket(&"+Inf", percentiles.samples)?;
    write_sample(text, name, "_count", sample, None, percentiles.samples.into())?;
    write_sample(text, name, "_sum", sample, None, percentiles.sum.into())
}

fn write_sample(
    text: &mut String,
    name: &str,
    suffix: &str,
    sample: &FigureSample,
    added: AddedLabel<'_>,
    value: FigureNumber,
) -> fmt::Result {
    write!(text, "{name}{suffix}")?;
    let mut opening = '{';
    for (label, value) in &sample.labels {
        write!(text, "{opening}{label}=\"{}\"", EscapedLine { text: value, with_quotes: true })?;
        opening = ',';
    }
    if let Some((label, value)) = added {
        write!(text, "{opening}{label}=\"{value}\"")?;
        opening = ',';
    }
    let closing = if opening == ',' { "}" } else { "" };
    writeln!(text, "{closing} {value}")
}

/// A text in a line: backslashes, ends of lines and, in a value, quotes are escaped.
struct EscapedLine<'a> {
    text: &'a str,
    with_quotes: bool,
}

impl Display for EscapedLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.text.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '"' if self.with_quotes => f.write_str("\\\"")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_both_formats_have_it() {
        let escaped = |with_quotes| EscapedLine { text: "a\\b\nc\"d\r\u{7f}é", with_quotes }.to_string();
        assert_eq!(escaped(true), "a\\\\b\\nc\\\"d\r\u{7f}é");
        assert_eq!(escaped(false), "a\\\\b\\nc\"d\r\u{7f}é");
    }
}
