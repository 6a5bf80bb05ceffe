//! The figures of containers as families of samples: the one list that all formats and bridges are made of.
//!
//! A family has a name, a unit, a text and a kind, and a sample for each set of labels. Names follow Prometheus' rules: the unit is
//! the end of the name, in base units, and `_total` comes behind it where the family counts.

mod container;
mod label_limit;
mod plugin;
mod sink;
mod tables;

use std::time::Duration;

use fapilog::metrics::{Metrics, Percentiles};

pub(crate) use self::label_limit::LabelLimit;
use self::{
    label_limit::OTHER,
    tables::{FIGURES, FigureRow},
};

/// The label of the container, which every sample has.
pub(crate) const CONTAINER: &str = "container";

/// The kind of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FamilyKind {
    Counter,
    Gauge,
    /// Labels that describe something, with the value 1.
    Info,
    /// States, with a sample for each, which is 1 for the present state.
    StateSet,
    Histogram,
}

/// The unit of a family, which its name ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FigureUnit {
    None,
    Bytes,
    Ratio,
    Seconds,
}

impl FigureUnit {
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Bytes => Some("bytes"),
            Self::Ratio => Some("ratio"),
            Self::Seconds => Some("seconds"),
        }
    }
}

/// How samples become one whose labels have become the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MergeRule {
    Sum,
    Greatest,
}

/// A number, whole where it is a count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum FigureNumber {
    Whole(u64),
    Real(f64),
}

impl FigureNumber {
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Whole(value) => value as f64,
            Self::Real(value) => value,
        }
    }

    /// Zero of the same kind.
    fn none(self) -> Self {
        match self {
            Self::Whole(_) => Self::Whole(0),
            Self::Real(_) => Self::Real(0.0),
        }
    }

    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Self::Whole(one.saturating_add(other)),
            (one, other) => Self::Real(one.as_f64() + other.as_f64()),
        }
    }

    /// The difference; zero if `other` is the greater one.
    fn minus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Self::Whole(one.saturating_sub(other)),
            (one, other) => Self::Real((one.as_f64() - other.as_f64()).max(0.0)),
        }
    }

    fn merged(self, other: Self, rule: MergeRule) -> Self {
        match (rule, self, other) {
            (MergeRule::Sum, one, other) => one.plus(other),
            (MergeRule::Greatest, one, other) if other.as_f64() > one.as_f64() => other,
            (MergeRule::Greatest, one, _) => one,
        }
    }
}

impl From<u64> for FigureNumber {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<bool> for FigureNumber {
    fn from(value: bool) -> Self {
        Self::Whole(value.into())
    }
}

impl From<usize> for FigureNumber {
    fn from(value: usize) -> Self {
        Self::Whole(value as u64)
    }
}

impl From<f64> for FigureNumber {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

/// In seconds.
impl From<Duration> for FigureNumber {
    fn from(value: Duration) -> Self {
        Self::Real(value.as_secs_f64())
    }
}

/// The value of a sample.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SampleValue {
    Number(FigureNumber),
    Latency(Box<Percentiles>),
}

/// Labels: names are the library's, values may be any text.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// A value with its labels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FigureSample {
    pub(crate) labels: Labels,
    pub(crate) value: SampleValue,
}

/// The samples of a family.
#[derive(Debug)]
pub(crate) struct FigureFamily {
    pub(crate) row: &'static FigureRow,
    pub(crate) samples: Vec<FigureSample>,
}

impl FigureFamily {
    pub(crate) fn name(&self) -> &'static str {
        self.row.name
    }

    pub(crate) fn kind(&self) -> FamilyKind {
        self.row.kind
    }

    fn add(&mut self, labels: Labels, value: SampleValue) {
        // Other labels differ from those of all other samples.
        let may_be_known = labels.iter().any(|(_, text)| text == OTHER);
        let known = self.samples.iter_mut().find(|known| may_be_known && known.labels == labels);
        match (known, value) {
            (None, value) => self.samples.push(FigureSample { labels, value }),
            (Some(FigureSample { value: SampleValue::Number(sum), .. }), SampleValue::Number(other)) => {
                *sum = sum.merged(other, self.row.merge_rule());
            }
            // Distributions are of whole containers, whose names differ.
            (Some(_), _) => {}
        }
    }

    /// Has the counters of `other` keep the counts of sinks that are removed.
    fn keep_sums(&mut self, limit: &mut LabelLimit) {
        if self.kind() != FamilyKind::Counter {
            return;
        }
        let others = self.samples.iter_mut().filter(|sample| sample.labels.iter().any(|(_, text)| text == OTHER));
        for FigureSample { labels, value } in others {
            if let SampleValue::Number(sum) = value {
                *sum = limit.sum_of_others(self.row.name, labels, *sum);
            }
        }
    }
}

/// The families of these containers, by name. A family without a sample is left out.
pub(crate) fn families(containers: &[(String, Metrics)], limit: &mut LabelLimit) -> Vec<FigureFamily> {
    let mut families = Vec::with_capacity(FIGURES.len());
    for row in FIGURES.iter().copied().flatten() {
        let mut family = FigureFamily { row, samples: Vec::new() };
        for (container, metrics) in containers {
            row.read.samples(metrics, row.name, |own, value| {
                let mut labels = Vec::with_capacity(own.len() + 1);
                labels.push((CONTAINER, container.clone()));
                labels.extend(own.iter().map(|(name, text)| (*name, limit.admit(container, name, text))));
                family.add(labels, value);
            });
        }
        family.keep_sums(limit);
        if !family.samples.is_empty() {
            families.push(family);
        }
    }
    families
}

#[cfg(test)]
mod tests;
