//! Registration of the sink `datadog`.

use std::sync::Arc;

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

use crate::{Datadog, DatadogSettings};

register_plugin!(register);

/// Registers `datadog`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has its name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("datadog", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Sends events to Datadog's logs API");
    registry.register_sink(about, |settings| {
        let own: DatadogSettings = settings.read()?;
        Ok(Arc::new(Datadog::with_settings(&own)?))
    })
}
