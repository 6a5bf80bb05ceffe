//! Registration of the sink `otlp`.

use std::sync::Arc;

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

use crate::{Otlp, OtlpSettings};

register_plugin!(register);

/// Registers `otlp`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has its name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("otlp", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Sends events as logs of OpenTelemetry, by OTLP over HTTP or gRPC, in protobuf or in JSON");
    registry.register_sink(about, |settings| {
        let own: OtlpSettings = settings.read()?;
        Ok(Arc::new(Otlp::with_variables(&own, &|name| std::env::var_os(name))?))
    })
}
