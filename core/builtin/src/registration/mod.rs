//! The plugins of this crate, as settings name them.

mod enrichers;
mod processors;

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

register_plugin!(register);

/// Registers every plugin of this crate. A program that links the crate need not call it: see
/// [`Registry::linked`].
///
/// # Errors
/// When another plugin has one of their names.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    enrichers::register(registry)?;
    processors::register(registry)
}

fn about(name: &str, description: &str) -> Metadata {
    Metadata::new(name, env!("CARGO_PKG_VERSION")).author("fapilog").description(description)
}
