//! Registration of the sink `webhook`.

use std::sync::Arc;

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

use crate::{Webhook, WebhookSettings};

register_plugin!(register);

/// Registers `webhook`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has its name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("webhook", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Sends events to a webhook, signed as Standard Webhooks or as GitHub signs");
    registry.register_sink(about, |settings| {
        let own: WebhookSettings = settings.read()?;
        Ok(Arc::new(Webhook::with_formatter(&own, settings.formatter(false)?)?))
    })
}
