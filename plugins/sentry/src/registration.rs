//! Registration of the sink `sentry`.

use std::sync::Arc;

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

use crate::{Sentry, SentrySettings};

register_plugin!(register);

/// Registers `sentry`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has its name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("sentry", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Sends errors with breadcrumbs, and structured logs, to Sentry");
    registry.register_sink(about, |settings| {
        let own: SentrySettings = settings.read()?;
        Ok(Arc::new(Sentry::with_settings(&own)?))
    })
}
