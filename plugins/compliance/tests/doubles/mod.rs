//! Plugins that state what those of other crates do, and do none of it.
#![allow(dead_code, reason = "each test program uses a part")]

use std::{path::PathBuf, sync::Arc, time::Duration};

use fapilog::{
    event::Batch,
    format::Formatter,
    plugin::{Factory, Metadata, PluginError, PluginSettings, Registry},
    process::Processor,
    sink::{Assurances, DeliveryPolicy, Sink, SinkContext, SinkError, SinkFactory, SinkPlace},
};
use fapilog_plugin::{data_class::DataClass, problem::Problem, settings::duration};
use serde::Deserialize;

/// All linked plugins, and the doubles of those that are not linked.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::linked();
    let has = |registry: &Registry, name: &str| registry.plugins().any(|plugin| plugin.name == name);
    if !has(&registry, "redact") {
        let redact = |_: &PluginSettings<'_>| Ok(nothing().protecting(DataClass::ALL.iter().copied()));
        registry.register_redactor(Metadata::new("redact", "1.0.0"), redact).unwrap();
    }
    if !has(&registry, "audit_schema") {
        registry.register_processor(Metadata::new("audit_schema", "1.0.0"), |_| Ok(nothing())).unwrap();
    }
    if !has(&registry, "encrypted") {
        let about = Metadata::new("encrypted", "1.0.0").encrypts();
        registry.register_formatter(about, |_| Ok(Factory::formatter(|_| NoOutput))).unwrap();
    }
    if !has(&registry, "audit_trail") {
        registry.register_sink(Metadata::new("audit_trail", "1.0.0"), audit_trail).unwrap();
    }
    registry
}

fn nothing() -> Factory<dyn Processor> {
    Factory::processor(|_| DoesNothing)
}

struct DoesNothing;

impl Processor for DoesNothing {
    fn name(&self) -> &'static str {
        "does_nothing"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        Ok(())
    }
}

struct NoOutput;

impl Formatter for NoOutput {
    fn name(&self) -> &'static str {
        "no_output"
    }

    fn format(&mut self, _: &Batch<'_>, _: &mut Vec<u8>) {}
}

/// The settings of a trail that matter to standards.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrailDouble {
    path: PathBuf,
    #[serde(default, with = "duration::maybe")]
    retain_age: Option<Duration>,
}

fn audit_trail(settings: &PluginSettings<'_>) -> Result<Arc<dyn SinkFactory>, Vec<Problem>> {
    Ok(Arc::new(settings.read::<TrailDouble>()?))
}

impl SinkFactory for TrailDouble {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let source = std::io::Error::other("a double opens nothing");
        Err(SinkError::Io { operation: "open", path: self.path.clone(), source })
    }

    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::direct()
    }

    fn assurances(&self) -> Assurances {
        let directory = self.path.parent().unwrap().to_owned();
        let own =
            Assurances::unknown().place(SinkPlace::File { directory }).durable(true).mode(0o640).tamper_evident(true);
        match self.retain_age {
            Some(age) => own.kept_at_least(age).kept_at_most(age + Duration::from_secs(2 * 86_400)),
            None => own.kept_at_least(Duration::MAX),
        }
    }
}
