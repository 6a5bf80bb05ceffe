//! Settings of the context enricher.

use fapilog_plugin::{
    factory::Factory,
    registry::{RegisterError, Registry},
};
use serde::Deserialize;

use crate::{enrich::Context, registration::about};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_enricher(about("context", "Adds thread and process"), |settings| {
        let own: ContextSettings = settings.read()?;
        Ok(Factory::enricher(move |_| {
            let enricher = Context::new().thread_id(own.thread_id).thread_name(own.thread_name);
            enricher.process_id(own.process_id)
        }))
    })
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
