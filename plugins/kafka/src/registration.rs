//! Registration of the sink.

use std::sync::Arc;

use fapilog_plugin::{
    problem::Problem,
    register_plugin,
    registry::{Metadata, PluginSettings, RegisterError, Registry},
    sink::SinkFactory,
};

use crate::{Kafka, settings::KafkaSettings};

register_plugin!(register);

/// Registers the sink `kafka`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has its name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("kafka", env!("CARGO_PKG_VERSION")).author("fapilog");
    registry.register_sink(about.description("Produces events to topics of Kafka"), kafka)
}

/// All errors at once: also of the values that can be read, where others cannot.
fn kafka(settings: &PluginSettings<'_>) -> Result<Arc<dyn SinkFactory>, Vec<Problem>> {
    let (own, mut problems) = settings.read_with_problems::<KafkaSettings>();
    let Some(own) = own else { return Err(problems) };
    let formatter = settings.formatter(false)?;
    match Kafka::with_formatter(&own, formatter) {
        Ok(sink) if problems.is_empty() => Ok(Arc::new(sink)),
        made => {
            let found = made.err().unwrap_or_default();
            let is_new = |problem: &Problem| !problems.iter().any(|known| known.path == problem.path);
            let new: Vec<_> = found.into_iter().filter(is_new).collect();
            problems.extend(new);
            Err(problems)
        }
    }
}
