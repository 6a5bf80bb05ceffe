//! Built-in enrichers, as settings name them.

use std::path::PathBuf;

use fapilog_plugin::{
    factory::Factory,
    registry::{RegisterError, Registry},
};
use serde::Deserialize;

use crate::{
    enrich::{
        ContextEnricher, CorrelationEnricher, HostnameEnricher, KubernetesEnricher, RuntimeInfoEnricher,
        TimestampEnricher, WhenMissing,
    },
    registration::about,
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_enricher(about("timestamp", "Lets no event be from the future"), |settings| {
        let own: TimestampSettings = settings.read()?;
        Ok(Factory::enricher(move |_| {
            TimestampEnricher::new().correct_future(own.correct_future).drained_at(own.drained_at)
        }))
    })?;
    registry.register_enricher(
        about("correlation", "Gives events without a correlation id one, if wanted"),
        |settings| {
            let CorrelationSettings { when_missing } = settings.read()?;
            Ok(Factory::enricher(move |_| {
                CorrelationEnricher::new().when_missing(match when_missing {
                    Missing::Leave => WhenMissing::Leave,
                    Missing::PerProducer => WhenMissing::PerProducer,
                    Missing::PerEvent => WhenMissing::PerEvent,
                })
            }))
        },
    )?;
    registry.register_enricher(about("context", "Adds thread and process"), |settings| {
        let own: ContextSettings = settings.read()?;
        Ok(Factory::enricher(move |_| {
            let enricher = ContextEnricher::new().thread_id(own.thread_id).thread_name(own.thread_name);
            enricher.process_id(own.process_id)
        }))
    })?;
    registry.register_enricher(about("hostname", "Adds the name of the host"), |settings| {
        settings.none()?;
        Ok(Factory::enricher(|_| HostnameEnricher::new()))
    })?;
    registry.register_enricher(
        about("runtime_info", "Adds service, version, environment and process"),
        |settings| {
            let own: RuntimeInfoSettings = settings.read()?;
            Ok(Factory::enricher(move |_| own.enricher()))
        },
    )?;
    registry.register_enricher(about("kubernetes", "Adds pod, namespace, node and labels"), |settings| {
        let own: KubernetesSettings = settings.read()?;
        Ok(Factory::enricher(move |_| own.enricher()))
    })
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TimestampSettings {
    correct_future: bool,
    drained_at: bool,
}

impl Default for TimestampSettings {
    fn default() -> Self {
        Self { correct_future: true, drained_at: false }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CorrelationSettings {
    when_missing: Missing,
}

/// The names of [`WhenMissing`].
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Missing {
    #[default]
    Leave,
    PerProducer,
    PerEvent,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ContextSettings {
    thread_id: bool,
    thread_name: bool,
    process_id: bool,
}

impl Default for ContextSettings {
    fn default() -> Self {
        Self { thread_id: true, thread_name: true, process_id: true }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RuntimeInfoSettings {
    service: Option<String>,
    version: Option<String>,
    environment: Option<String>,
    pid: Option<bool>,
}

impl RuntimeInfoSettings {
    /// What is not given, the enricher finds in the environment.
    fn enricher(&self) -> RuntimeInfoEnricher {
        let mut enricher = RuntimeInfoEnricher::new();
        if let Some(service) = &self.service {
            enricher = enricher.service(service);
        }
        if let Some(version) = &self.version {
            enricher = enricher.version(version);
        }
        if let Some(environment) = &self.environment {
            enricher = enricher.environment(environment);
        }
        match self.pid {
            Some(add) => enricher.pid(add),
            None => enricher,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct KubernetesSettings {
    directory: Option<PathBuf>,
    labels: Vec<String>,
    annotations: Vec<String>,
}

impl KubernetesSettings {
    fn enricher(&self) -> KubernetesEnricher {
        let enricher = KubernetesEnricher::new().labels(self.labels.clone()).annotations(self.annotations.clone());
        match &self.directory {
            Some(directory) => enricher.directory(directory),
            None => enricher,
        }
    }
}
