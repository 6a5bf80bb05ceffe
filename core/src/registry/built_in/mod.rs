//! The plugins that come with this crate.

mod enrichers;
mod formatters;
mod processors;

use super::{Metadata, RegisterError, Registry};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    enrichers::register(registry)?;
    processors::register(registry)?;
    formatters::register(registry)
}

fn about(name: &str, description: &str) -> Metadata {
    Metadata::new(name, env!("CARGO_PKG_VERSION")).author("fapilog").description(description)
}
