//! The name of the sink in settings.

use std::sync::Arc;

use fapilog::{
    plugin::{Metadata, RegisterError, Registry},
    register_plugin,
};
use serde::Deserialize;

use crate::LogSink;

register_plugin!(register);

fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("log", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Hands events to the program's logger of the crate log");
    registry.register_sink(about, |settings| {
        let LogSinkSettings {} = settings.read()?;
        Ok(Arc::new(LogSink::new()))
    })
}

/// It has none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogSinkSettings {}
