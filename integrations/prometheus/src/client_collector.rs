//! An exporter as a collector of the crate `prometheus-client`.

use std::fmt;

use fapilog::metrics::Percentiles;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Unit,
};

use crate::{
    exporter::Exporter,
    figures::{FamilyKind, FigureFamily, FigureNumber, FigureUnit, Labels, SampleValue},
};

/// Register it by `Registry::register_collector`: the figures are then among those of the registry, as of the time when it is
/// encoded. States are gauges: the crate has no type for them.
impl Collector for Exporter {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.families().iter().try_for_each(|family| encode_family(family, &mut encoder))
    }
}

fn encode_family(family: &FigureFamily, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let unit = unit_of(family.row.unit);
    // The encoder puts the unit behind the name.
    let name = match &unit {
        Some(unit) => family.name().strip_suffix(unit.as_str()).and_then(|name| name.strip_suffix('_')),
        None => None,
    };
    let name = name.unwrap_or(family.name());
    let mut metric = encoder.encode_descriptor(name, family.row.help, unit.as_ref(), type_of(family.kind()))?;
    family.samples.iter().try_for_each(|sample| match &sample.value {
        SampleValue::Number(_) if family.kind() == FamilyKind::Info => metric.encode_info(&sample.labels),
        SampleValue::Number(value) => encode_number(family.kind(), *value, &mut metric.encode_family(&sample.labels)?),
        SampleValue::Latency(percentiles) => encode_histogram(percentiles, &mut metric, &sample.labels),
    })
}

fn unit_of(unit: FigureUnit) -> Option<Unit> {
    match unit {
        FigureUnit::None => None,
        FigureUnit::Bytes => Some(Unit::Bytes),
        FigureUnit::Seconds => Some(Unit::Seconds),
        FigureUnit::Ratio => Some(Unit::Other("ratio".to_owned())),
    }
}

fn type_of(kind: FamilyKind) -> MetricType {
    match kind {
        FamilyKind::Counter => MetricType::Counter,
        FamilyKind::Gauge | FamilyKind::StateSet => MetricType::Gauge,
        FamilyKind::Info => MetricType::Info,
        FamilyKind::Histogram => MetricType::Histogram,
    }
}

fn encode_number(kind: FamilyKind, value: FigureNumber, encoder: &mut MetricEncoder<'_>) -> Result<(), fmt::Error> {
    match (kind, value) {
        (FamilyKind::Counter, FigureNumber::Whole(value)) => encoder.encode_counter::<NoLabelSet, _, f64>(&value, None),
        (FamilyKind::Counter, FigureNumber::Real(value)) => encoder.encode_counter::<NoLabelSet, _, f64>(&value, None),
        (_, FigureNumber::Whole(value)) => encoder.encode_gauge(&value),
        (_, FigureNumber::Real(value)) => encoder.encode_gauge(&value),
    }
}

/// The encoder takes the samples between two bounds, and adds them up.
fn encode_histogram(
    percentiles: &Percentiles,
    metric: &mut MetricEncoder<'_>,
    labels: &Labels,
) -> Result<(), fmt::Error> {
    let mut below = 0;
    let mut between: Vec<(f64, u64)> = Vec::new();
    for (bound, samples) in percentiles.histogram.iter() {
        between.push((bound.as_secs_f64(), samples.saturating_sub(below)));
        below = samples;
    }
    between.push((f64::INFINITY, percentiles.samples.saturating_sub(below)));
    let sum = percentiles.sum.as_secs_f64();
    metric.encode_family(labels)?.encode_histogram::<NoLabelSet>(sum, percentiles.samples, &between, None)
}
