//! Latencies of events.

use std::time::Duration;

use fapilog_ring::sync::{Mutex, lock};
use hdrhistogram::Histogram;
use serde::{
    Serialize, Serializer,
    ser::{SerializeSeq, SerializeStruct},
};

/// Times beyond this count as this: ten minutes, in nanoseconds.
const LONGEST_NANOS: u64 = 600_000_000_000;
/// Digits that are kept: within one per cent.
const DIGITS: u8 = 2;

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// The upper bounds of [`LatencyHistogram`], in nanoseconds.
const BOUNDS: [u64; 22] = [
    MICRO,
    10 * MICRO,
    25 * MICRO,
    50 * MICRO,
    100 * MICRO,
    250 * MICRO,
    500 * MICRO,
    MILLI,
    2 * MILLI + 500 * MICRO,
    5 * MILLI,
    10 * MILLI,
    25 * MILLI,
    50 * MILLI,
    100 * MILLI,
    250 * MILLI,
    500 * MILLI,
    SECOND,
    2 * SECOND + 500 * MILLI,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    60 * SECOND,
];

/// Distributions of one shard's times, one sample for each batch and each payload.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    /// From the log call to the drain.
    pub(crate) drain_lag: Distribution,
    /// From the log call to the end of the delivery.
    pub(crate) end_to_end: Distribution,
}

/// A distribution. The drain adds samples; a thread that asks for metrics reads them.
#[derive(Debug, Default)]
pub(crate) struct Distribution(Mutex<LatencySum>);

/// The samples of a distribution, or of several.
#[derive(Debug, Default)]
pub(crate) struct LatencySum {
    /// Made with the first sample.
    histogram: Option<Histogram<u64>>,
    nanos: u64,
}

impl Distribution {
    pub(crate) fn record(&self, time: Duration) {
        // In a model, another lock is another branch, and models do not check times.
        if cfg!(fapilog_loom) {
            return;
        }
        lock(&self.0).record(time);
    }

    /// Adds this distribution to a sum.
    pub(crate) fn add_to(&self, sum: &mut LatencySum) {
        let own = lock(&self.0);
        sum.nanos = sum.nanos.saturating_add(own.nanos);
        match (own.histogram.as_ref(), sum.histogram.as_mut()) {
            (Some(own), Some(sum)) => {
                // Both have the same bounds, so it cannot fail.
                let _ = sum.add(own);
            }
            (Some(own), None) => sum.histogram = Some(own.clone()),
            (None, _) => {}
        }
    }
}

impl LatencySum {
    fn record(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(LONGEST_NANOS).clamp(1, LONGEST_NANOS);
        if self.histogram.is_none() {
            self.histogram = Histogram::new_with_bounds(1, LONGEST_NANOS, DIGITS).ok();
        }
        if let Some(histogram) = self.histogram.as_mut() {
            histogram.saturating_record(nanos);
            self.nanos = self.nanos.saturating_add(nanos);
        }
    }
}

/// The percentiles of a distribution. It has a sample for each batch or payload: the time of its oldest event. Values are
/// within one per cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Percentiles {
    /// How many samples there are.
    pub samples: u64,
    /// The sum of all samples.
    pub sum: Duration,
    /// Half of the samples are not above it.
    pub p50: Duration,
    /// Nine of ten samples are not above it.
    pub p90: Duration,
    /// 99 % of the samples are not above it.
    pub p99: Duration,
    /// 99.9 % of the samples are not above it.
    pub p99_9: Duration,
    /// The longest.
    pub max: Duration,
    /// The same samples by fixed bounds: percentiles of several containers cannot be added up, and these can.
    pub histogram: LatencyHistogram,
}

impl Percentiles {
    pub(crate) fn of(sum: &LatencySum) -> Self {
        let Some(histogram) = &sum.histogram else { return Self::default() };
        let at = |percentile| Duration::from_nanos(histogram.value_at_percentile(percentile));
        Self {
            samples: histogram.len(),
            sum: Duration::from_nanos(sum.nanos),
            p50: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            p99_9: at(99.9),
            max: Duration::from_nanos(histogram.max()),
            histogram: LatencyHistogram(BOUNDS.map(|bound| histogram.count_between(0, bound))),
        }
    }
}

/// For each of 22 bounds from 1 µs to 60 s, the number of samples that are not above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LatencyHistogram([u64; BOUNDS.len()]);

impl LatencyHistogram {
    /// Each bound, and the number of samples that are not above it, the least bound first.
    pub fn iter(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        BOUNDS.into_iter().map(Duration::from_nanos).zip(self.0)
    }
}

/// Times in nanoseconds, and the histogram as a list of `{"le_ns": ..., "samples": ...}`.
impl Serialize for Percentiles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut percentiles = serializer.serialize_struct("Percentiles", 8)?;
        percentiles.serialize_field("samples", &self.samples)?;
        let times = [
            ("sum_ns", self.sum),
            ("p50_ns", self.p50),
            ("p90_ns", self.p90),
            ("p99_ns", self.p99),
            ("p99_9_ns", self.p99_9),
            ("max_ns", self.max),
        ];
        for (name, time) in times {
            percentiles.serialize_field(name, &Nanos(time))?;
        }
        percentiles.serialize_field("histogram", &self.histogram)?;
        percentiles.end()
    }
}

impl Serialize for LatencyHistogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct LatencyCount {
            le_ns: u64,
            samples: u64,
        }
        let mut list = serializer.serialize_seq(Some(BOUNDS.len()))?;
        for (le_ns, samples) in BOUNDS.into_iter().zip(self.0) {
            list.serialize_element(&LatencyCount { le_ns, samples })?;
        }
        list.end()
    }
}

struct Nanos(Duration);

impl Serialize for Nanos {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_nanos(&self.0, serializer)
    }
}

/// A time as a whole number of nanoseconds.
pub(crate) fn as_nanos<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_and_sums_are_those_of_all_shards() {
        let (one, other) = (Distribution::default(), Distribution::default());
        [5, 40_000, 900_000_000].into_iter().for_each(|nanos| one.record(Duration::from_nanos(nanos)));
        other.record(Duration::from_secs(3600));
        let mut sum = LatencySum::default();
        one.add_to(&mut sum);
        other.add_to(&mut sum);
        let percentiles = Percentiles::of(&sum);
        assert_eq!((percentiles.samples, percentiles.sum), (4, Duration::from_nanos(LONGEST_NANOS + 900_040_005)));
        let counts: Vec<_> = percentiles.histogram.iter().collect();
        assert_eq!(counts[0], (Duration::from_micros(1), 1));
        assert_eq!(counts[2], (Duration::from_micros(25), 1));
        assert_eq!(counts[3], (Duration::from_micros(50), 2));
        assert_eq!(counts[15], (Duration::from_millis(500), 2));
        assert_eq!(counts[16], (Duration::from_secs(1), 3));
        assert_eq!(counts[21], (Duration::from_secs(60), 3));
    }
}
