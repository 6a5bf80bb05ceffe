//! Registration of the sink, and its settings.

use fapilog_plugin::registry::{RegisterError, Registry};

/// Registers `audit_trail`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has the name.
pub fn register(_registry: &mut Registry) -> Result<(), RegisterError> {
    Ok(())
}
