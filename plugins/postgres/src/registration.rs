//! Registration of the sink.

use std::sync::Arc;

use fapilog_plugin::{
    problem::Problem,
    register_plugin,
    registry::{Metadata, PluginSettings, RegisterError, Registry},
    sink::SinkFactory,
};

use crate::{PostgresTable, settings::PostgresSettings};

register_plugin!(register);

/// Registers the sink `postgres`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has its name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("postgres", env!("CARGO_PKG_VERSION")).author("fapilog");
    registry.register_sink(about.description("Writes events to a table of PostgreSQL"), postgres)
}

/// All errors at once: also of the values that can be read, where others cannot.
fn postgres(settings: &PluginSettings<'_>) -> Result<Arc<dyn SinkFactory>, Vec<Problem>> {
    let (own, mut problems) = settings.read_with_problems::<PostgresSettings>();
    let Some(own) = own else { return Err(problems) };
    match PostgresTable::new(&own) {
        Ok(sink) if problems.is_empty() => Ok(Arc::new(sink)),
        made => {
            let found = made.err().map(|error| error.problems).unwrap_or_default();
            let is_new = |problem: &Problem| !problems.iter().any(|known| known.path == problem.path);
            let new: Vec<_> = found.into_iter().filter(is_new).collect();
            problems.extend(new);
            Err(problems)
        }
    }
}
