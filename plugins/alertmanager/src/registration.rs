//! Registration of the sink `alertmanager`.

use std::sync::Arc;

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

use crate::{Alertmanager, AlertmanagerSettings};

register_plugin!(register);

/// Registers `alertmanager`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has its name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("alertmanager", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Sends alerts to Prometheus Alertmanager");
    registry.register_sink(about, |settings| {
        let own: AlertmanagerSettings = settings.read()?;
        Ok(Arc::new(Alertmanager::with_settings(&own)?))
    })
}
