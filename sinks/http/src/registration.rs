//! Registration of the HTTP sink.

use std::sync::Arc;

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

use crate::{Http, HttpSinkSettings};

register_plugin!(register);

/// Registers `http`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has its name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("http", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Sends events to an HTTP endpoint: NDJSON, a JSON array, or an object around it");
    registry.register_sink(about, |settings| {
        let own: HttpSinkSettings = settings.read()?;
        let formatter = settings.formatter(false)?;
        Ok(Arc::new(Http::of_kind("http", own, formatter, None)?))
    })
}
