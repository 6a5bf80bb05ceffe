//! The name of the sink in settings.

use std::sync::Arc;

use fapilog::{
    plugin::{Metadata, RegisterError, Registry},
    register_plugin,
};
use serde::Deserialize;

use crate::TracingSink;

register_plugin!(register);

fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("tracing", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Hands events to the program's subscriber of the crate tracing");
    registry.register_sink(about, |settings| {
        let TracingSinkSettings {} = settings.read()?;
        Ok(Arc::new(TracingSink::new()))
    })
}

/// It has none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TracingSinkSettings {}
