//! Settings of adaptive sampling.

use std::time::Duration;

use fapilog_plugin::{
    factory::Factory,
    problem::Problem,
    registry::{RegisterError, Registry},
    settings::duration,
};
use fapilog_record::level::Level;
use serde::Deserialize;

use crate::{
    process::{AdaptiveSampling, adaptive_sampling::INTERVAL_MIN},
    registration::about,
};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = about("adaptive_sampling", "Keeps rare events whole and thins frequent ones");
    registry.register_processor(about, |settings| {
        let sampling = settings.read::<AdaptiveSamplingSettings>()?.sampling()?;
        Ok(Factory::processor(move |shard| sampling.clone().for_shard(shard)).keeping_audit_events(true))
    })
}

/// Values that are not given are the defaults of [`AdaptiveSampling`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdaptiveSamplingSettings {
    /// The target of each key.
    events_per_second: u64,
    /// `call_site`, `level` or a field.
    key: Option<String>,
    #[serde(default, with = "duration::maybe")]
    interval: Option<Duration>,
    first: Option<u64>,
    keys_max: Option<usize>,
    keep_level: Option<Level>,
    per_trace: Option<bool>,
    trace_field: Option<String>,
    write_rate: Option<bool>,
    #[serde(default, with = "duration::maybe")]
    report_every: Option<Duration>,
}

impl AdaptiveSamplingSettings {
    fn sampling(self) -> Result<AdaptiveSampling, Vec<Problem>> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut sampling = AdaptiveSampling::per_second(self.events_per_second);
        if let Some(key) = self.key {
            sampling = sampling.key(key);
        }
        if let Some(interval) = self.interval {
            sampling = sampling.interval(interval);
        }
        if let Some(events) = self.first {
            sampling = sampling.first(events);
        }
        if let Some(keys) = self.keys_max {
            sampling = sampling.keys_max(keys);
        }
        if let Some(level) = self.keep_level {
            sampling = sampling.keep_level(level);
        }
        if let Some(is_per_trace) = self.per_trace {
            sampling = sampling.per_trace(is_per_trace);
        }
        if let Some(field) = self.trace_field {
            sampling = sampling.trace_field(field);
        }
        if let Some(is_written) = self.write_rate {
            sampling = sampling.write_rate(is_written);
        }
        if let Some(every) = self.report_every {
            sampling = sampling.report_every(every);
        }
        Ok(sampling)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.events_per_second == 0 {
            problems.push(Problem::new("events_per_second", 0, "allowed are 1 and more"));
        }
        if self.keys_max == Some(0) {
            problems.push(Problem::new("keys_max", 0, "allowed are 1 and more"));
        }
        if let Some(interval) = self.interval.filter(|interval| *interval < INTERVAL_MIN) {
            problems.push(Problem::new("interval", format!("{interval:?}"), "allowed are 1ms and more"));
        }
        if let Some(field) = self.trace_field.as_deref().filter(|_| self.per_trace != Some(true)) {
            problems.push(Problem::new("trace_field", field, "it must be left out unless per_trace is true"));
        }
        problems
    }
}
