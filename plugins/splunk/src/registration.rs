//! Registration of the sink `splunk`.

use std::sync::Arc;

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

use crate::{Splunk, SplunkSettings};

register_plugin!(register);

/// Registers `splunk`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has its name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("splunk", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Sends events to Splunk's HTTP Event Collector");
    registry.register_sink(about, |settings| {
        let own: SplunkSettings = settings.read()?;
        Ok(Arc::new(Splunk::with_formatter(&own, settings.formatter(false)?)?))
    })
}
