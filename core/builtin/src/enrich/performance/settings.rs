//! Settings of the performance enricher.

use std::time::Duration;

use fapilog_plugin::{
    enricher::Enricher,
    factory::Factory,
    problem::Problem,
    registry::{PluginSettings, RegisterError, Registry},
    settings::duration,
};
use fapilog_record::level::Level;
use serde::Deserialize;

use super::{INTERVAL, INTERVAL_MIN, PerformanceMetric};
use crate::{enrich::Performance, registration::about};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_enricher(about("performance", "Adds metrics of the process and the host"), performance)
}

fn performance(settings: &PluginSettings<'_>) -> Result<Factory<dyn Enricher>, Vec<Problem>> {
    let (own, mut problems) = settings.read_with_problems::<PerformanceSettings>();
    if let Some(own) = &own {
        own.check(&mut problems);
    }
    match own {
        Some(own) if problems.is_empty() => {
            let enricher = own.enricher();
            // Clones share the sample.
            Ok(Factory::enricher(move |_| enricher.clone()))
        }
        _ => Err(problems),
    }
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PerformanceSettings {
    metrics: Vec<PerformanceMetric>,
    #[serde(with = "duration")]
    interval: Duration,
    every_event: bool,
    level: Level,
}

impl Default for PerformanceSettings {
    fn default() -> Self {
        Self { metrics: PerformanceMetric::ALL.to_vec(), interval: INTERVAL, every_event: false, level: Level::Trace }
    }
}

impl PerformanceSettings {
    fn check(&self, problems: &mut Vec<Problem>) {
        if self.metrics.is_empty() {
            let allowed = format!("it must list a metric; allowed are {}", PerformanceMetric::NAMES.join(", "));
            problems.push(Problem::new("metrics", "empty", allowed));
        }
        if self.interval < INTERVAL_MIN {
            problems.push(Problem::new("interval", format!("{:?}", self.interval), "it must be 100ms or more"));
        }
    }

    fn enricher(self) -> Performance {
        let enricher = Performance::new().metrics(self.metrics).interval(self.interval);
        enricher.every_event(self.every_event).level(self.level)
    }
}
