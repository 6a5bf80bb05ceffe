//! Figures for the recorder of the crate `metrics`.
//!
//! The facade has counters of whole numbers, gauges, and histograms that take each sample by itself. So a counter of seconds is a
//! gauge there, and a distribution is a gauge for each percentile, with the number of its samples as a counter and their sum as
//! a gauge.

use std::{
    io,
    time::{Duration, Instant},
};

use fapilog::metrics::Percentiles;
use metrics::{Key, Label, Metadata, Recorder, Unit};

use crate::{
    background::{BackgroundThread, PollEnd},
    exporter::Exporter,
    exposition::sample_suffix,
    figures::{FamilyKind, FigureFamily, FigureNumber, FigureUnit, Labels, SampleValue},
    user_code::catch_panic,
};

/// The shortest interval of a [`Publisher`].
const INTERVAL_MIN: Duration = Duration::from_millis(10);
/// The longest interval of a [`Publisher`].
const INTERVAL_MAX: Duration = Duration::from_secs(86_400);

const METADATA: Metadata<'static> = Metadata::new("fapilog", metrics::Level::INFO, Some("fapilog_prometheus"));

impl Exporter {
    /// Sets the figures as of now in the recorder of the crate `metrics`, under the names of the text format. Without a recorder, it
    /// does nothing.
    pub fn publish(&self) {
        let families = self.families();
        metrics::with_recorder(|recorder| families.iter().for_each(|family| publish_family(family, recorder)));
    }

    /// [Publishes](Self::publish) the figures now and once an interval, on a thread that blocks all signals, until the publisher is
    /// dropped. The interval is between 10 ms and a day.
    ///
    /// # Errors
    /// When the system has no thread or descriptor to give.
    pub fn publish_every(&self, interval: Duration) -> io::Result<Publisher> {
        let (exporter, interval) = (self.clone(), interval.clamp(INTERVAL_MIN, INTERVAL_MAX));
        let thread = BackgroundThread::start("fapilog-publish", move |stop| {
            loop {
                // The recorder is the program's code. An interval without figures is seen where they are looked at.
                let _ = catch_panic(|| exporter.publish());
                if stop.wait_until(Instant::now() + interval) == PollEnd::Stop {
                    return;
                }
            }
        })?;
        Ok(Publisher { _thread: thread })
    }
}

/// Publishes the figures of an [`Exporter`] until it is dropped.
#[derive(Debug)]
pub struct Publisher {
    _thread: BackgroundThread,
}

fn publish_family(family: &FigureFamily, recorder: &dyn Recorder) {
    let name = format!("{}{}", family.name(), sample_suffix(family.kind()));
    let publication = FamilyPublication { family, name, recorder };
    publication.describe();
    for sample in &family.samples {
        match &sample.value {
            SampleValue::Number(value) => publication.set(&publication.name, &sample.labels, None, *value),
            SampleValue::Latency(percentiles) => publication.set_percentiles(&sample.labels, percentiles),
        }
    }
}

/// A family on its way to a recorder.
struct FamilyPublication<'a> {
    family: &'a FigureFamily,
    name: String,
    recorder: &'a dyn Recorder,
}

impl FamilyPublication<'_> {
    fn describe(&self) {
        let unit = match self.family.row.unit {
            FigureUnit::None => None,
            FigureUnit::Bytes => Some(Unit::Bytes),
            FigureUnit::Ratio => Some(Unit::Count),
            FigureUnit::Seconds => Some(Unit::Seconds),
        };
        let (name, help) = (self.name.clone().into(), self.family.row.help.into());
        if self.is_counter(self.first_value()) {
            self.recorder.describe_counter(name, unit, help);
        } else {
            self.recorder.describe_gauge(name, unit, help);
        }
    }

    fn first_value(&self) -> Option<FigureNumber> {
        match self.family.samples.first()?.value {
            SampleValue::Number(value) => Some(value),
            SampleValue::Latency(_) => None,
        }
    }

    fn is_counter(&self, value: Option<FigureNumber>) -> bool {
        self.family.kind() == FamilyKind::Counter && matches!(value, Some(FigureNumber::Whole(_)))
    }

    fn set(&self, name: &str, labels: &Labels, added: Option<(&'static str, &'static str)>, value: FigureNumber) {
        let key = key(name, labels, added);
        match value {
            FigureNumber::Whole(count) if self.is_counter(Some(value)) => {
                self.recorder.register_counter(&key, &METADATA).absolute(count);
            }
            _ => self.recorder.register_gauge(&key, &METADATA).set(value.as_f64()),
        }
    }

    fn set_percentiles(&self, labels: &Labels, percentiles: &Percentiles) {
        let quantiles = [
            ("0.5", percentiles.p50),
            ("0.9", percentiles.p90),
            ("0.99", percentiles.p99),
            ("0.999", percentiles.p99_9),
        ];
        for (quantile, time) in quantiles {
            self.set(&self.name, labels, Some(("quantile", quantile)), time.into());
        }
        self.set(&format!("{}_sum", self.name), labels, None, percentiles.sum.into());
        let count = key(&format!("{}_count", self.name), labels, None);
        self.recorder.register_counter(&count, &METADATA).absolute(percentiles.samples);
    }
}

fn key(name: &str, labels: &Labels, added: Option<(&'static str, &'static str)>) -> Key {
    let own = labels.iter().map(|(label, value)| Label::new(*label, value.clone()));
    let added = added.map(|(label, value)| Label::new(label, value));
    Key::from_parts(name.to_owned(), own.chain(added).collect::<Vec<_>>())
}
