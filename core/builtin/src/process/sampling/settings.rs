//! Settings of sampling.

use std::time::Duration;

use fapilog_plugin::{
    factory::Factory,
    problem::Problem,
    registry::{RegisterError, Registry},
    settings::duration,
};
use serde::Deserialize;

use crate::{process::Sampling, registration::about};

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
    first: Option<u32>,
    #[serde(default, with = "duration::maybe")]
    window: Option<Duration>,
}

impl SamplingSettings {
    fn sampling(self) -> Result<Sampling, Vec<Problem>> {
        let sampling = Sampling::new(self.rate);
        let mut sampling = sampling.map_err(|_| vec![Problem::new("rate", self.rate, "allowed are 0 to 1")])?;
        if let Some(is_per_trace) = self.per_trace {
            sampling = sampling.per_trace(is_per_trace);
        }
        if let Some(events) = self.first {
            sampling = sampling.first(events);
        }
        if let Some(window) = self.window {
            sampling = sampling.window(window);
        }
        Ok(sampling)
    }
}
