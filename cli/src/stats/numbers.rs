//! Percentiles and a histogram of a numeric field, with three digits, in little memory.
//!
//! Numbers are counted in steps: those of one sign, power of two and first bits. With too many steps, each becomes twice as wide.

use std::collections::HashMap;

use serde::Serialize;

use crate::stats::edges::edges;

/// The bits of a number that its first step leaves out: 40 of the 52 behind the first, so a step is 0.024 % of its number at most.
const FIRST_SHIFT: u32 = 40;

/// How many steps are counted. All numbers of 64 powers of two fit with the first width.
const MAX_STEPS: usize = 1 << 18;

const QUANTILES: [f64; 6] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999];

/// The numbers of a field.
#[derive(Debug, Default)]
pub(super) struct FieldNumbers {
    count: u64,
    /// Events with the field whose value is no number.
    not_numbers: u64,
    min: f64,
    max: f64,
    mean: f64,
    steps: NumberSteps,
}

/// Counters by step.
#[derive(Debug)]
struct NumberSteps {
    /// How many bits of a number a step leaves out.
    shift: u32,
    /// Negative for negative numbers; in the order of the numbers.
    counts: HashMap<i64, u64>,
}

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
        #[expect(clippy::cast_precision_loss, reason = "a mean is no exact number")]
        let count = self.count as f64;
        // A sum could be beyond all numbers.
        self.mean += number / count - self.mean / count;
        self.steps.add(number);
    }

    pub(super) fn report(&self, name: &str) -> NumberReport {
        let has_any = self.count > 0;
        // The least number of a step may be below all numbers in it.
        let recorded: Vec<(f64, u64)> =
            self.steps.sorted().into_iter().map(|(value, count)| (value.clamp(self.min, self.max), count)).collect();
        let percentile = |quantile| Percentile { percent: quantile * 100.0, value: self.quantile(&recorded, quantile) };
        NumberReport {
            name: name.to_owned(),
            count: self.count,
            not_numbers: self.not_numbers,
            min: has_any.then_some(self.min),
            mean: has_any.then_some(self.mean.clamp(self.min, self.max)),
            max: has_any.then_some(self.max),
            percentiles: if has_any { QUANTILES.map(percentile).into() } else { Vec::new() },
            histogram: if has_any { bars(&recorded, &edges(self.min, self.max)) } else { Vec::new() },
        }
    }

    fn quantile(&self, recorded: &[(f64, u64)], quantile: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank below the count"
        )]
        let rank = ((quantile * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let found = recorded.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        found.map_or(self.max, |(value, _)| *value)
    }
}

fn bars(recorded: &[(f64, u64)], edges: &[f64]) -> Vec<HistogramBar> {
    let mut bars: Vec<HistogramBar> =
        edges.iter().zip(edges.iter().skip(1)).map(|(&from, &to)| HistogramBar { from, to, count: 0 }).collect();
    for (value, count) in recorded {
        let index = bars.partition_point(|bar| bar.to <= *value).min(bars.len().saturating_sub(1));
        if let Some(bar) = bars.get_mut(index) {
            bar.count += count;
        }
    }
    bars
}

impl Default for NumberSteps {
    fn default() -> Self {
        Self { shift: FIRST_SHIFT, counts: HashMap::new() }
    }
}

impl NumberSteps {
    fn add(&mut self, number: f64) {
        *self.counts.entry(self.step_of(number)).or_default() += 1;
        while self.counts.len() > MAX_STEPS {
            self.widen();
        }
    }

    /// Magnitudes are in the order of their bits.
    fn step_of(&self, number: f64) -> i64 {
        let magnitude = (number.abs().to_bits() >> self.shift).cast_signed();
        // Zero has no sign.
        if number < 0.0 { -magnitude - 1 } else { magnitude }
    }

    /// The number of the least magnitude in a step.
    fn value_of(&self, step: i64) -> f64 {
        let (magnitude, sign) = if step < 0 { (-(step + 1), -1.0) } else { (step, 1.0) };
        sign * f64::from_bits(magnitude.cast_unsigned() << self.shift)
    }

    fn widen(&mut self) {
        let mut wider: HashMap<i64, u64> = HashMap::new();
        for (step, count) in self.counts.drain() {
            // Toward minus infinity, which for a negative step is the wider one of its magnitude.
            *wider.entry(step >> 1).or_default() += count;
        }
        self.counts = wider;
        self.shift += 1;
    }

    /// The numbers of all steps with their counts, from the least to the greatest.
    fn sorted(&self) -> Vec<(f64, u64)> {
        let mut steps: Vec<(i64, u64)> = self.counts.iter().map(|(step, count)| (*step, *count)).collect();
        steps.sort_unstable();
        steps.into_iter().map(|(step, count)| (self.value_of(step), count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn any_numbers_have_percentiles_of_three_digits_and_a_bar_each(
            numbers in prop::collection::vec(prop_oneof![any::<f64>(), -1e3..1e3_f64, (0_i32..2000).prop_map(f64::from)], 1..80),
        ) {
            let mut sorted: Vec<f64> = numbers.into_iter().filter(|number| number.is_finite()).collect();
            prop_assume!(!sorted.is_empty());
            let report = report(sorted.clone());
            sorted.sort_by(f64::total_cmp);
            for Percentile { percent, value } in report.percentiles {
                let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
                let exact = sorted[rank.max(1) - 1];
                prop_assert!((value - exact).abs() <= exact.abs() * 1e-3 + f64::MIN_POSITIVE, "{percent}: {value} {exact}");
            }
            let mean = report.mean.unwrap();
            prop_assert!(sorted[0] <= mean && mean <= *sorted.last().unwrap());
            let bars = report.histogram;
            prop_assert_eq!(bars.iter().map(|bar| bar.count).sum::<u64>(), sorted.len() as u64);
            prop_assert!(bars.len() <= 64 && bars.iter().all(|bar| bar.from.is_finite() && bar.to.is_finite()), "{:?}", bars);
            prop_assert!(bars.iter().all(|bar| bar.from < bar.to) || bars.len() == 1, "{:?}", bars);
        }
    }

    #[test]
    fn numbers_of_any_size_are_counted_in_little_memory() {
        let mut numbers = FieldNumbers::default();
        for step in 0..600_000_i32 {
            let number = (1.0 + f64::from(step) * 1e-6) * 10_f64.powi(step % 600 - 300);
            numbers.add(Some(if step % 2 == 0 { number } else { -number }));
        }
        assert!(numbers.steps.counts.len() <= MAX_STEPS);
        assert_eq!(numbers.steps.counts.values().sum::<u64>(), 600_000);
        let report = numbers.report("x");
        // Half of the numbers are negative, and a tenth is above 1e180.
        assert!((report.percentiles[2].value / 1e180).log10().abs() < 3.0, "{:?}", report.percentiles);
    }

    #[test]
    fn small_integers_are_exact() {
        let report = report([0.0, -0.0, 5.0, 200.0, 404.0, -7.0]);
        let values: Vec<f64> = report.percentiles.iter().map(|percentile| percentile.value).collect();
        assert_eq!(values, [0.0, 200.0, 404.0, 404.0, 404.0, 404.0]);
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
