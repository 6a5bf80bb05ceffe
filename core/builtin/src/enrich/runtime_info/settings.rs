//! Settings of the runtime info enricher.

use fapilog_plugin::{
    factory::Factory,
    registry::{RegisterError, Registry},
};
use serde::Deserialize;

use crate::{enrich::RuntimeInfo, registration::about};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_enricher(about("runtime_info", "Adds service, version, environment and process"), |settings| {
        let own: RuntimeInfoSettings = settings.read()?;
        Ok(Factory::enricher(move |_| own.enricher()))
    })
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
    /// The enricher finds values that are not given in the environment.
    fn enricher(&self) -> RuntimeInfo {
        let mut enricher = RuntimeInfo::new();
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
