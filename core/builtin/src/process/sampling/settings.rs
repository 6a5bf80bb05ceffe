//! Settings of sampling.

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
    process::{Sampling, WithoutTrace},
    registration::about,
};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_processor(about("sampling", "Keeps a part of the events"), |settings| {
        let sampling = settings.read::<SamplingSettings>()?.sampling()?;
        Ok(Factory::processor(move |_| sampling.clone()).keeping_audit_events(true))
    })
}

/// Values that are not given are the defaults of [`Sampling`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SamplingSettings {
    rate: f64,
    per_trace: Option<bool>,
    /// The field with the trace id, in front of the correlation id.
    trace_field: Option<String>,
    without_trace: Option<WithoutTrace>,
    keep_level: Option<Level>,
    write_rate: Option<bool>,
    first: Option<u32>,
    #[serde(default, with = "duration::maybe")]
    window: Option<Duration>,
}

impl SamplingSettings {
    fn sampling(self) -> Result<Sampling, Vec<Problem>> {
        let problems = self.problems_without_traces();
        if !problems.is_empty() {
            return Err(problems);
        }
        let sampling = Sampling::new(self.rate);
        let mut sampling = sampling.map_err(|_| vec![Problem::new("rate", self.rate, "allowed are 0 to 1")])?;
        if let Some(is_per_trace) = self.per_trace {
            sampling = sampling.per_trace(is_per_trace);
        }
        if let Some(field) = self.trace_field {
            sampling = sampling.trace_field(field);
        }
        if let Some(treatment) = self.without_trace {
            sampling = sampling.without_trace(treatment);
        }
        if let Some(level) = self.keep_level {
            sampling = sampling.keep_level(level);
        }
        if let Some(is_written) = self.write_rate {
            sampling = sampling.write_rate(is_written);
        }
        if let Some(events) = self.first {
            sampling = sampling.first(events);
        }
        if let Some(window) = self.window {
            sampling = sampling.window(window);
        }
        Ok(sampling)
    }

    /// Settings about traces have no effect where each event is chosen on its own.
    fn problems_without_traces(&self) -> Vec<Problem> {
        let is_per_trace = self.per_trace.unwrap_or(true);
        let field = self.trace_field.as_deref().map(|field| ("trace_field", field));
        let treatment = self.without_trace.map(|treatment| ("without_trace", treatment.name()));
        let given = [field, treatment].into_iter().flatten().filter(|_| !is_per_trace);
        given.map(|(path, value)| Problem::new(path, value, "it must be left out where per_trace is false")).collect()
    }
}
