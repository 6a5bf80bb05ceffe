//! Settings of the Kubernetes enricher.

use std::path::PathBuf;

use fapilog_plugin::{
    factory::Factory,
    registry::{RegisterError, Registry},
};
use serde::Deserialize;

use crate::{enrich::Kubernetes, registration::about};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_enricher(about("kubernetes", "Adds pod, namespace, node and labels"), |settings| {
        let own: KubernetesSettings = settings.read()?;
        Ok(Factory::enricher(move |_| own.enricher()))
    })
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct KubernetesSettings {
    directory: Option<PathBuf>,
    labels: Vec<String>,
    annotations: Vec<String>,
}

impl KubernetesSettings {
    fn enricher(&self) -> Kubernetes {
        let enricher = Kubernetes::new().labels(self.labels.clone()).annotations(self.annotations.clone());
        match &self.directory {
            Some(directory) => enricher.directory(directory),
            None => enricher,
        }
    }
}
