//! Registration of the memory sink, and its settings.

use std::sync::Arc;

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
    settings::size_bytes,
};
use serde::Deserialize;

use crate::{Memory, MemoryEvents};

register_plugin!(register);

/// Settings alone cannot name a memory sink: without its handle, it would only fill up.
fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry
        .leave_to_code("memory", "code registers it, by sink::Memory::register, and keeps the handle that reads it");
    Ok(())
}

fn about(name: &str, description: &str) -> Metadata {
    Metadata::new(name, env!("CARGO_PKG_VERSION")).author("fapilog").description(description)
}

impl Memory {
    /// Registers a memory sink that settings name by `name`. Returns the handle to the events that all containers of this
    /// registry deliver to it.
    ///
    /// # Errors
    /// When the name is invalid or taken.
    pub fn register(registry: &mut Registry, name: &str) -> Result<MemoryEvents, RegisterError> {
        let events = MemoryEvents::default();
        let kept = events.clone();
        registry.register_sink(about(name, "Keeps rendered events, for tests"), move |settings| {
            let MemorySettings { capacity_bytes } = settings.read()?;
            let mut sink = Self::into_events(&kept, settings.formatter(false)?);
            if let Some(bytes) = capacity_bytes {
                sink = sink.capacity_bytes(bytes);
            }
            Ok(Arc::new(sink))
        })?;
        Ok(events)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemorySettings {
    #[serde(default, with = "size_bytes::maybe")]
    capacity_bytes: Option<usize>,
}
