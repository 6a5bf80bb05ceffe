//! Settings of the hostname enricher: none.

use fapilog_plugin::{
    factory::Factory,
    registry::{RegisterError, Registry},
};

use crate::{enrich::Hostname, registration::about};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_enricher(about("hostname", "Adds the name of the host"), |settings| {
        settings.none()?;
        Ok(Factory::enricher(|_| Hostname::new()))
    })
}
