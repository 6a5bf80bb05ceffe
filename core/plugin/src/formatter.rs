//! Plugins that render events.

use crate::event::Batch;

/// Renders events.
#[doc(alias = "BaseFormatter")]
pub trait Formatter {
    /// Its name, for errors.
    fn name(&self) -> &'static str;

    /// Appends every event of the batch to `out`, in order, each as a whole record (in text formats, a line with its end).
    ///
    /// It appends, and does nothing else: `out` holds other records already, which are not to be changed, and it is a buffer
    /// of the sink's, which may be known to the kernel by its address. Putting another vector in its place, even for a
    /// while, can have the sink write something else than was rendered.
    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>);
}

impl<F: Formatter + ?Sized> Formatter for Box<F> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) {
        (**self).format(batch, out);
    }
}
