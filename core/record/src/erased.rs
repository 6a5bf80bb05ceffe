//! Arguments whose types are erased: for code that is compiled once, and not for each list of types.

use crate::{
    arguments::Arguments,
    writer::{self, Overrun, WrittenRecord},
};

/// The arguments of a call, of whatever types: all that the slow paths of a log call need of them.
pub trait ErasedArguments {
    /// How long the whole record is, if nothing is cut.
    fn record_bytes(&self, scope_bytes: usize) -> usize;

    /// Writes a record that fits: see [`writer::write_whole_record`].
    ///
    /// # Errors
    /// [`Overrun`] if it does not fit.
    fn write_whole_record(&self, slot: &mut [u8], source: u32, scope: &[u8]) -> Result<WrittenRecord, Overrun>;

    /// Writes a record from which something has to be cut: see [`writer::write_cut_record`].
    ///
    /// # Errors
    /// [`Overrun`] if there is no room even for head, root and mask.
    fn write_cut_record(&self, slot: &mut [u8], source: u32, scope: &[u8]) -> Result<WrittenRecord, Overrun>;
}

impl<A: Arguments> ErasedArguments for A {
    fn record_bytes(&self, scope_bytes: usize) -> usize {
        writer::record_bytes(self, scope_bytes)
    }

    fn write_whole_record(&self, slot: &mut [u8], source: u32, scope: &[u8]) -> Result<WrittenRecord, Overrun> {
        writer::write_whole_record(slot, source, self, scope)
    }

    fn write_cut_record(&self, slot: &mut [u8], source: u32, scope: &[u8]) -> Result<WrittenRecord, Overrun> {
        writer::write_cut_record(slot, source, self, scope)
    }
}
