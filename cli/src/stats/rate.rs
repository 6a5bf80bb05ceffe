//! Events over time, in intervals that become wider as the time becomes longer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// Widths of intervals, in milliseconds. Each is a multiple of the one before, so intervals can be joined.
const WIDTHS_MS: [i64; 16] = [
    1,
    10,
    100,
    1_000,
    10_000,
    60_000,
    600_000,
    3_600_000,
    6 * 3_600_000,
    86_400_000,
    10 * 86_400_000,
    100 * 86_400_000,
    1000 * 86_400_000,
    10_000 * 86_400_000,
    100_000 * 86_400_000,
    1_000_000 * 86_400_000,
];

/// How many intervals are kept while events are counted.
const MAX_INTERVALS: usize = 4096;

/// How many intervals a report has at most.
const REPORTED_INTERVALS: usize = 24;

/// Counters by interval.
#[derive(Debug, Default)]
pub(super) struct EventRate {
    /// The place in the widths.
    width: usize,
    intervals: BTreeMap<i64, IntervalCounts>,
    span: Option<(Timestamp, Timestamp)>,
    events: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct IntervalCounts {
    events: u64,
    errors: u64,
}

/// Events over time.
#[derive(Debug, Serialize)]
pub(crate) struct RateReport {
    #[serde(serialize_with = "serialize_time")]
    pub(crate) first: Timestamp,
    #[serde(serialize_with = "serialize_time")]
    pub(crate) last: Timestamp,
    /// The number of all events over the time from the first one to the last one.
    pub(crate) events_per_second: Option<f64>,
    pub(crate) interval_seconds: f64,
    /// All intervals from the first event to the last one.
    pub(crate) intervals: Vec<ReportedInterval>,
}

/// An interval of the report.
#[derive(Debug, Serialize)]
pub(crate) struct ReportedInterval {
    #[serde(serialize_with = "serialize_time")]
    pub(crate) start: Timestamp,
    pub(crate) events: u64,
    /// Events of ERROR and CRITICAL.
    pub(crate) errors: u64,
}

/// As `format::Json` writes times.
fn serialize_time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.9}"))
}

impl EventRate {
    pub(super) fn add(&mut self, time: Timestamp, is_error: bool) {
        let (first, last) = self.span.unwrap_or((time, time));
        self.span = Some((first.min(time), last.max(time)));
        self.events += 1;
        let interval = self.intervals.entry(time.as_millisecond().div_euclid(self.width_ms())).or_default();
        interval.events += 1;
        interval.errors += u64::from(is_error);
        while self.intervals.len() > MAX_INTERVALS && self.widen() {}
    }

    fn width_ms(&self) -> i64 {
        WIDTHS_MS.get(self.width).copied().unwrap_or(i64::MAX)
    }

    /// Joins intervals; `false` if there is no wider one.
    fn widen(&mut self) -> bool {
        let Some(wider) = WIDTHS_MS.get(self.width + 1) else { return false };
        let factor = wider / self.width_ms();
        let mut joined: BTreeMap<i64, IntervalCounts> = BTreeMap::new();
        for (index, counts) in &self.intervals {
            let interval = joined.entry(index.div_euclid(factor)).or_default();
            interval.events += counts.events;
            interval.errors += counts.errors;
        }
        self.intervals = joined;
        self.width += 1;
        true
    }

    pub(super) fn report(mut self) -> Option<RateReport> {
        let (first, last) = self.span?;
        while self.count_of_intervals(first, last) > REPORTED_INTERVALS as i64 && self.widen() {}
        let seconds = last.duration_since(first).as_secs_f64();
        Some(RateReport {
            first,
            last,
            #[expect(clippy::cast_precision_loss, reason = "a rate is no exact number")]
            events_per_second: (seconds > 0.0).then(|| self.events as f64 / seconds),
            #[expect(clippy::cast_precision_loss, reason = "widths are small numbers")]
            interval_seconds: self.width_ms() as f64 / 1e3,
            intervals: self.reported(),
        })
    }

    fn count_of_intervals(&self, first: Timestamp, last: Timestamp) -> i64 {
        let index = |time: Timestamp| time.as_millisecond().div_euclid(self.width_ms());
        index(last) - index(first) + 1
    }

    /// All intervals, also those without events.
    fn reported(&self) -> Vec<ReportedInterval> {
        let ends = self.intervals.first_key_value().zip(self.intervals.last_key_value());
        let Some(((&first, _), (&last, _))) = ends else { return Vec::new() };
        let interval = |index: i64| {
            let counts = self.intervals.get(&index).copied().unwrap_or_default();
            let start = Timestamp::from_millisecond(index * self.width_ms()).unwrap_or(Timestamp::MIN);
            ReportedInterval { start, events: counts.events, errors: counts.errors }
        };
        (first..=last).map(interval).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report_of(millis: impl IntoIterator<Item = i64>) -> RateReport {
        let mut rate = EventRate::default();
        for time in millis {
            rate.add(Timestamp::from_millisecond(time).unwrap(), time % 2 == 1);
        }
        rate.report().unwrap()
    }

    #[test]
    fn intervals_widen_until_there_are_few() {
        let report = report_of([0, 1_001, 15_000]);
        assert_eq!((report.interval_seconds, report.intervals.len()), (1.0, 16));
        let counts: Vec<_> = report.intervals.iter().map(|interval| (interval.events, interval.errors)).collect();
        assert_eq!((counts[0], counts[1], counts[2], counts[15]), ((1, 0), (1, 1), (0, 0), (1, 0)));
        assert_eq!(report.events_per_second, Some(0.2));
    }

    #[test]
    fn events_of_many_years_are_counted_in_little_memory() {
        let year = 365 * 86_400_000;
        let report = report_of((0..20_000).map(|number| number * year / 400));
        assert!(report.intervals.len() <= REPORTED_INTERVALS, "{}", report.intervals.len());
        assert_eq!(report.intervals.iter().map(|interval| interval.events).sum::<u64>(), 20_000);
    }

    #[test]
    fn the_first_and_the_last_time_of_all_have_few_intervals() {
        let report = report_of([Timestamp::MIN.as_millisecond(), Timestamp::MAX.as_millisecond() - 1000]);
        assert!(report.intervals.len() <= REPORTED_INTERVALS, "{}", report.intervals.len());
        assert_eq!(report.intervals.iter().map(|interval| interval.events).sum::<u64>(), 2);
    }

    #[test]
    fn a_single_event_has_no_rate() {
        let report = report_of([5]);
        assert_eq!((report.events_per_second, report.intervals.len()), (None, 1));
    }
}
