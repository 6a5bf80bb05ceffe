//! Registration of the null sink.

use std::sync::Arc;

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

use crate::Null;

register_plugin!(register);

/// Registers `null`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has its name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("null", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Renders events and discards them");
    registry.register_sink(about, |settings| {
        settings.none()?;
        Ok(Arc::new(Null::new(settings.formatter(false)?)))
    })
}
