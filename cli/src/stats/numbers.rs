//! Percentiles and a histogram of a numeric field, by HDR histograms: with three digits, in little memory.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Numbers below this have nanounits, others milliunits: seconds and bytes both have their digits.
const SMALL: f64 = 1000.0;
const SMALL_SCALE: f64 = 1e9;
const LARGE_SCALE: f64 = 1e3;

/// How many bars a histogram has, about.
const BARS: f64 = 12.0;

const QUANTILES: [f64; 6] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999];

/// The numbers of a field.
#[derive(Debug, Default)]
pub(super) struct FieldNumbers {
    count: u64,
    /// Events with the field whose value is no number.
    not_numbers: u64,
    min: f64,
    max: f64,
    sum: f64,
    /// From the least numbers to the greatest.
    bands: [NumberBand; 4],
}

/// Numbers of one sign and size.
#[derive(Debug, Default)]
struct NumberBand(Option<Histogram<u64>>);

/// The counts of a numeric field.
#[derive(Debug, Serialize)]
pub(crate) struct NumberReport {
    pub(crate) name: String,
    pub(crate) count: u64,
    pub(crate) not_numbers: u64,
    pub(crate) min: Option<f64>,
    pub(crate) mean: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) percentiles: Vec<Percentile>,
    pub(crate) histogram: Vec<HistogramBar>,
}

/// A percentile, with three digits.
#[derive(Debug, Serialize)]
pub(crate) struct Percentile {
    pub(crate) percent: f64,
    pub(crate) value: f64,
}

/// Numbers from `from` on, and below `to`.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct HistogramBar {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) count: u64,
}

/// The sign and the scale of each band, in their order.
const BANDS: [(f64, f64); 4] = [(-1.0, LARGE_SCALE), (-1.0, SMALL_SCALE), (1.0, SMALL_SCALE), (1.0, LARGE_SCALE)];

impl FieldNumbers {
    pub(super) fn add(&mut self, number: Option<f64>) {
        let Some(number) = number.filter(|number| number.is_finite()) else {
            self.not_numbers += 1;
            return;
        };
        if self.count == 0 {
            (self.min, self.max) = (number, number);
        }
        self.count += 1;
        (self.min, self.max) = (self.min.min(number), self.max.max(number));
        self.sum += number;
        let [large_negative, small_negative, small, large] = &mut self.bands;
        let (band, scale) = match (number < 0.0, number.abs() < SMALL) {
            (true, true) => (small_negative, SMALL_SCALE),
            (true, false) => (large_negative, LARGE_SCALE),
            (false, true) => (small, SMALL_SCALE),
            (false, false) => (large, LARGE_SCALE),
        };
        band.record(number.abs() * scale);
    }

    pub(super) fn report(&self, name: &str) -> NumberReport {
        let has_any = self.count > 0;
        #[expect(clippy::cast_precision_loss, reason = "a mean is no exact number")]
        let mean = self.sum / self.count.max(1) as f64;
        let percentile = |quantile| Percentile { percent: quantile * 100.0, value: self.quantile(quantile) };
        NumberReport {
            name: name.to_owned(),
            count: self.count,
            not_numbers: self.not_numbers,
            min: has_any.then_some(self.min),
            mean: has_any.then_some(mean),
            max: has_any.then_some(self.max),
            percentiles: if has_any { QUANTILES.map(percentile).into() } else { Vec::new() },
            histogram: self.histogram(),
        }
    }

    /// Each recorded value with its count, from the least to the greatest.
    fn recorded(&self) -> Vec<(f64, u64)> {
        let mut all = Vec::new();
        for (band, (sign, scale)) in self.bands.iter().zip(BANDS) {
            let mut of_band = band.recorded(scale);
            if sign < 0.0 {
                of_band.reverse();
                of_band.iter_mut().for_each(|(value, _)| *value = -*value);
            }
            all.append(&mut of_band);
        }
        all
    }

    fn quantile(&self, quantile: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank below the count"
        )]
        let rank = ((quantile * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let found = self.recorded().into_iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        // A recorded value is that of its step, which may be beyond the ends.
        found.map_or(self.max, |(value, _)| value).clamp(self.min, self.max)
    }

    fn histogram(&self) -> Vec<HistogramBar> {
        if self.count == 0 {
            return Vec::new();
        }
        let edges = if self.min > 0.0 && self.max / self.min > 50.0 {
            logarithmic_edges(self.min, self.max)
        } else {
            linear_edges(self.min, self.max)
        };
        let mut bars: Vec<HistogramBar> =
            edges.iter().zip(edges.iter().skip(1)).map(|(&from, &to)| HistogramBar { from, to, count: 0 }).collect();
        for (value, count) in self.recorded() {
            let value = value.clamp(self.min, self.max);
            let index = bars.partition_point(|bar| bar.to <= value);
            let index = index.min(bars.len().saturating_sub(1));
            if let Some(bar) = bars.get_mut(index) {
                bar.count += count;
            }
        }
        bars
    }
}

impl NumberBand {
    fn record(&mut self, scaled: f64) {
        if self.0.is_none() {
            self.0 = Histogram::new(3).ok();
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, and the number is positive"
        )]
        let scaled = scaled.round() as u64;
        if let Some(histogram) = &mut self.0
            && histogram.record(scaled.min(u64::MAX >> 1)).is_err()
        {
            histogram.saturating_record(scaled);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "three digits are kept")]
    fn recorded(&self, scale: f64) -> Vec<(f64, u64)> {
        let Some(histogram) = &self.0 else { return Vec::new() };
        let median = |value| histogram.median_equivalent(value) as f64 / scale;
        histogram.iter_recorded().map(|step| (median(step.value_iterated_to()), step.count_at_value())).collect()
    }
}

/// Edges of bars of one width, which is 1, 2 or 5 times a power of ten.
fn linear_edges(min: f64, max: f64) -> Vec<f64> {
    let step = nice_step((max - min) / BARS);
    let first = (min / step).floor();
    let last = (max / step).floor() + 1.0;
    let mut edges = Vec::new();
    let mut index = first;
    while index <= last && edges.len() < 64 {
        edges.push(index * step);
        index += 1.0;
    }
    edges
}

/// The least of 1, 2 and 5 times a power of ten that is not less.
fn nice_step(width: f64) -> f64 {
    if width <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(width.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|factor| factor * power).find(|step| *step >= width).unwrap_or(10.0 * power)
}

/// Edges at 1, 2 and 5 times powers of ten, or at powers of ten alone if those are too many.
fn logarithmic_edges(min: f64, max: f64) -> Vec<f64> {
    let powers = min.log10().floor()..=max.log10().floor() + 1.0;
    let factors: &[f64] = if max / min < 1e5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let mut edges = Vec::new();
    let mut power = *powers.start();
    while powers.contains(&power) {
        edges.extend(factors.iter().map(|factor| factor * 10_f64.powf(power)));
        power += 1.0;
    }
    let first = edges.partition_point(|edge| *edge <= min).saturating_sub(1);
    let last = edges.partition_point(|edge| *edge <= max);
    edges.get(first..=last.min(edges.len().saturating_sub(1))).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(numbers: impl IntoIterator<Item = f64>) -> NumberReport {
        let mut all = FieldNumbers::default();
        numbers.into_iter().for_each(|number| all.add(Some(number)));
        all.report("x")
    }

    fn is_close(one: f64, other: f64) -> bool {
        (one - other).abs() <= other.abs() * 1e-3
    }

    #[test]
    fn percentiles_have_three_digits() {
        for scale in [1e-6, 1.0, 1e3, 1e9, -1.0, -1e6] {
            let report = report((1..=1000).map(|number| f64::from(number) * scale));
            let at = |percent: f64| if scale > 0.0 { percent * 10.0 } else { 1001.0 - percent * 10.0 };
            for percentile in &report.percentiles {
                let expected = at(percentile.percent) * scale;
                assert!(is_close(percentile.value, expected), "{percentile:?} {expected}");
            }
            assert!(is_close(report.mean.unwrap(), 500.5 * scale));
        }
    }

    #[test]
    fn every_number_is_in_a_bar() {
        for numbers in [
            vec![5.0],
            vec![0.0, 0.0],
            vec![1.0, 2.0, 99.0],
            vec![0.001, 70.0, 3000.0],
            vec![-5.0, 5.0],
            vec![1e-9, 1e12],
        ] {
            let report = report(numbers.clone());
            let counted: u64 = report.histogram.iter().map(|bar| bar.count).sum();
            assert_eq!(counted, numbers.len() as u64, "{numbers:?}");
            assert!(report.histogram.len() <= 40 && report.histogram[0].count > 0, "{report:?}");
        }
    }

    #[test]
    fn values_that_are_no_numbers_are_counted() {
        let mut numbers = FieldNumbers::default();
        [None, Some(f64::NAN), Some(1.0)].into_iter().for_each(|number| numbers.add(number));
        assert_eq!((numbers.report("x").count, numbers.report("x").not_numbers), (1, 2));
        assert_eq!(FieldNumbers::default().report("x").percentiles.len(), 0);
    }
}
