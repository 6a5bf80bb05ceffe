//! A report as text.

use std::fmt::Write as _;

use fapilog::Level;
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    output::{BOLD, DIM, Paint, RED, color_of, escaped, time_text},
    stats::{StatsReport, counts::TopNames, gaps::IdReport, numbers::NumberReport, rate::RateReport},
};

/// The longest bar, in characters.
const BAR_WIDTH: u64 = 40;

/// Renders a report.
pub(crate) fn render(report: &StatsReport, zone: &TimeZone, paint: Paint) -> String {
    let mut text = StatsText { text: String::new(), paint };
    text.totals(report, zone);
    if let Some(rate) = &report.rate {
        text.rate(rate, zone);
    }
    text.levels(report);
    text.names("source", &report.sources, report);
    text.names("call site", &report.call_sites, report);
    text.names("call site, by bytes", &report.call_sites_by_bytes, report);
    if let Some(ids) = &report.event_ids {
        text.ids(ids);
    }
    for field in &report.fields {
        text.field(field);
    }
    text.text
}

struct StatsText {
    text: String,
    paint: Paint,
}

impl StatsText {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn headline(&mut self, title: &str) {
        self.text.push('\n');
        let title = self.painted(BOLD, title);
        self.line(&title);
    }

    fn painted(&self, color: &str, text: &str) -> String {
        let mut out = Vec::new();
        self.paint.put(color, &mut out, |out| out.extend_from_slice(text.as_bytes()));
        String::from_utf8_lossy(&out).into_owned()
    }

    fn totals(&mut self, report: &StatsReport, zone: &TimeZone) {
        self.line(&format!("events       {}", report.events));
        if report.plain_lines > 0 {
            self.line(&format!("plain lines  {}", report.plain_lines));
        }
        self.line(&format!("bytes        {}", size(report.bytes)));
        let Some(rate) = &report.rate else { return };
        self.line(&format!("first        {}", time_text(rate.first, zone)));
        self.line(&format!("last         {}", time_text(rate.last, zone)));
        if let Some(per_second) = rate.events_per_second {
            self.line(&format!("rate         {} events/s", rounded(per_second)));
        }
    }

    fn rate(&mut self, rate: &RateReport, zone: &TimeZone) {
        self.headline(&format!("events in each {}", width_name(rate.interval_seconds)));
        let most = rate.intervals.iter().map(|interval| interval.events).max().unwrap_or_default();
        for interval in &rate.intervals {
            let start = local_short(interval.start, zone, rate.interval_seconds);
            let errors = match interval.errors {
                0 => String::new(),
                1 => self.painted(RED, " (1 error)"),
                errors => self.painted(RED, &format!(" ({errors} errors)")),
            };
            self.line(&format!("  {start}  {:>8}  {}{errors}", interval.events, bar(interval.events, most)));
        }
    }

    /// Levels in their order, then other names.
    fn levels(&mut self, report: &StatsReport) {
        if report.levels.is_empty() {
            return;
        }
        self.headline("level");
        let rank = |name: &str| name.parse::<Level>().map_or(0, |level| level as u8);
        let mut levels: Vec<_> = report.levels.iter().collect();
        levels.sort_by_key(|(name, _)| rank(name));
        let most = report.levels.values().copied().max().unwrap_or_default();
        for (name, count) in levels {
            let color = name.parse::<Level>().map_or(DIM, color_of);
            let padded = format!("{:<10}", escaped(name));
            let padded = self.painted(color, &padded);
            let share = share(*count, report.events);
            self.line(&format!("  {padded}{count:>8}  {share:>6}  {}", bar(*count, most)));
        }
    }

    fn names(&mut self, title: &str, top: &TopNames, report: &StatsReport) {
        if top.names.is_empty() {
            return;
        }
        self.headline(title);
        for name in &top.names {
            let share = share(name.events, report.events);
            self.line(&format!("  {:>8}  {share:>6}  {:>10}  {}", name.events, size(name.bytes), escaped(&name.name)));
        }
        if top.other_events > 0 {
            let share = share(top.other_events, report.events);
            let others = self.painted(DIM, "(others)");
            self.line(&format!("  {:>8}  {share:>6}  {:>10}  {others}", top.other_events, size(top.other_bytes)));
        }
    }

    fn ids(&mut self, ids: &IdReport) {
        self.headline("event ids");
        self.line(&format!("  producers    {}", ids.producers));
        self.line(&format!("  missing      {}", ids.missing));
        if ids.duplicates > 0 {
            self.line(&format!("  duplicates   {}", ids.duplicates));
        }
        if ids.not_checked > 0 {
            self.line(&format!("  not checked  {}", ids.not_checked));
        }
        for gap in &ids.gaps {
            let count = gap.last - gap.first + 1;
            self.line(&format!("  {count:>8}  {}-{} to {}", escaped(&gap.producer), gap.first, gap.last));
        }
        if ids.missing > 0 {
            let note = "  A missing event was dropped, left out by a processor or a level, or is in another file.";
            let note = self.painted(DIM, note);
            self.line(&note);
        }
    }

    fn field(&mut self, field: &NumberReport) {
        self.headline(&escaped(&field.name));
        self.line(&format!("  count        {}", field.count));
        if field.not_numbers > 0 {
            self.line(&format!("  not numbers  {}", field.not_numbers));
        }
        let ends = [("min", field.min), ("mean", field.mean), ("max", field.max)];
        for (name, value) in ends {
            if let Some(value) = value {
                self.line(&format!("  {name:<11}  {}", rounded(value)));
            }
        }
        for percentile in &field.percentiles {
            self.line(&format!("  {:<11}  {}", format!("p{}", percentile.percent), rounded(percentile.value)));
        }
        let most = field.histogram.iter().map(|bar| bar.count).max().unwrap_or_default();
        for step in &field.histogram {
            let range = format!("{} to {}", rounded(step.from), rounded(step.to));
            self.line(&format!("  {range:>20}  {:>8}  {}", step.count, bar(step.count, most)));
        }
    }
}

/// A bar; a count that is not zero has one.
fn bar(count: u64, most: u64) -> String {
    let width = (u128::from(count) * u128::from(BAR_WIDTH)).div_ceil(u128::from(most.max(1)));
    "█".repeat(usize::try_from(width).unwrap_or_default())
}

#[expect(clippy::cast_precision_loss, reason = "a share has one decimal")]
fn share(count: u64, of: u64) -> String {
    format!("{:.1} %", 100.0 * count as f64 / of.max(1) as f64)
}

#[expect(clippy::cast_precision_loss, reason = "a size has one decimal")]
fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in units {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

/// A number with up to four digits behind its first one, and no zeros at its end.
fn rounded(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.abs().to_string();
    }
    let magnitude = value.abs().log10().floor();
    if !(-9.0..=16.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number, not below zero")]
    let decimals = (3.0 - magnitude).clamp(0.0, 12.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn width_name(seconds: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s")];
    match UNITS.into_iter().find(|(unit, _)| seconds >= *unit) {
        Some((unit, name)) => format!("{} {name}", seconds / unit),
        None => format!("{} ms", (seconds * 1e3).round()),
    }
}

fn local_short(time: Timestamp, zone: &TimeZone, interval_seconds: f64) -> String {
    let form = match interval_seconds {
        ..1.0 => "%Y-%m-%d %H:%M:%S.%3f",
        1.0..60.0 => "%Y-%m-%d %H:%M:%S",
        60.0..86_400.0 => "%Y-%m-%d %H:%M",
        _ => "%Y-%m-%d",
    };
    let mut text = String::new();
    // A text takes everything.
    let _ = write!(text, "{}", time.to_zoned_datetime(zone.clone()).strftime(form));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (20.5, "20.5"),
            (1234.56, "1235"),
            (0.000_017_25, "0.00001725"),
            (-3.0, "-3"),
            (99_999.9, "100000"),
            (1e15, "1000000000000000"),
            (-1.25e300, "-1.250e300"),
            (5e-324, "4.941e-324"),
        ] {
            assert_eq!(rounded(value), text);
        }
        assert_eq!((size(0).as_str(), size(1023).as_str(), size(1536).as_str()), ("0 B", "1023 B", "1.5 KiB"));
        assert_eq!(
            (width_name(0.1), width_name(60.0), width_name(86_400.0)),
            ("100 ms".into(), "1 min".into(), "1 d".into())
        );
    }
}
