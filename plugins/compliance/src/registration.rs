//! Registration of the standards.

use std::sync::Arc;

use fapilog_plugin::{
    register_plugin,
    registry::{Metadata, RegisterError, Registry},
};

use crate::{
    TABLES,
    machine::{MachineProbe, ThisMachine},
    table::{StandardTable, TableStandard},
};

register_plugin!(register);

/// Registers all standards of the crate. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has one of their names.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    TABLES.iter().try_for_each(|table| register_table(registry, *table, Arc::new(ThisMachine)))
}

/// Registers the standard of a table, which looks at the machine through `machine`.
///
/// # Errors
/// When the name is invalid, or another plugin has it.
pub fn register_table(
    registry: &mut Registry,
    table: StandardTable,
    machine: Arc<dyn MachineProbe>,
) -> Result<(), RegisterError> {
    let about = Metadata::new(table.name, env!("CARGO_PKG_VERSION")).author("fapilog").description(table.title);
    registry.register_standard(about, move |settings| {
        Ok(Arc::new(TableStandard::read(table, Arc::clone(&machine), settings)?))
    })
}
