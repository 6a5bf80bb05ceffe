//! Latencies of events.

use std::time::Duration;

use fapilog_ring::sync::{Mutex, lock};
use hdrhistogram::Histogram;

/// Times beyond this count as this: ten minutes, in nanoseconds.
const LONGEST_NANOS: u64 = 600_000_000_000;
/// Digits that are kept: within one per cent.
const DIGITS: u8 = 2;

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
pub(crate) struct Distribution {
    /// Made with the first sample.
    histogram: Mutex<Option<Histogram<u64>>>,
}

impl Distribution {
    pub(crate) fn record(&self, time: Duration) {
        // In a model, another lock is another branch, and models do not check times.
        if cfg!(fapilog_loom) {
            return;
        }
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(LONGEST_NANOS);
        let mut histogram = lock(&self.histogram);
        if histogram.is_none() {
            *histogram = Histogram::new_with_bounds(1, LONGEST_NANOS, DIGITS).ok();
        }
        if let Some(histogram) = histogram.as_mut() {
            histogram.saturating_record(nanos.max(1));
        }
    }

    /// Adds this distribution to a sum.
    pub(crate) fn add_to(&self, sum: &mut Option<Histogram<u64>>) {
        let histogram = lock(&self.histogram);
        match (histogram.as_ref(), sum.as_mut()) {
            (Some(own), Some(sum)) => {
                // Both have the same bounds, so it cannot fail.
                let _ = sum.add(own);
            }
            (Some(own), None) => *sum = Some(own.clone()),
            (None, _) => {}
        }
    }
}

/// The percentiles of a distribution. It has a sample for each batch or payload: the time of its oldest event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Percentiles {
    /// How many samples there are.
    pub samples: u64,
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
}

impl Percentiles {
    pub(crate) fn of(histogram: Option<&Histogram<u64>>) -> Self {
        let Some(histogram) = histogram else { return Self::default() };
        let at = |percentile| Duration::from_nanos(histogram.value_at_percentile(percentile));
        Self {
            samples: histogram.len(),
            p50: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            p99_9: at(99.9),
            max: Duration::from_nanos(histogram.max()),
        }
    }
}
