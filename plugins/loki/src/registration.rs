//! Registration of the sink `loki`.

use std::sync::Arc;

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

use crate::{Loki, LokiSettings};

register_plugin!(register);

/// Registers `loki`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has its name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("loki", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Sends events to Grafana Loki, with labels, structured metadata and tenants");
    registry.register_sink(about, |settings| {
        let own: LokiSettings = settings.read()?;
        Ok(Arc::new(Loki::with_formatter(&own, settings.formatter(false)?)?))
    })
}
