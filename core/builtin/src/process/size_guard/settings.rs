//! Settings of the size guard.

use fapilog_plugin::{
    factory::Factory,
    registry::{RegisterError, Registry},
    settings::size_bytes,
};
use serde::Deserialize;

use crate::{process::SizeGuard, registration::about};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_processor(about("size_guard", "Bounds the size of each event"), |settings| {
        let SizeGuardSettings { event_max_bytes } = settings.read()?;
        Ok(Factory::processor(move |_| match event_max_bytes {
            Some(bytes) => SizeGuard::new().event_max_bytes(bytes),
            None => SizeGuard::new(),
        })
        .keeping_audit_events(true))
    })
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SizeGuardSettings {
    #[serde(with = "size_bytes::maybe")]
    event_max_bytes: Option<usize>,
}
