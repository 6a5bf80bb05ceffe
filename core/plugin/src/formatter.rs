//! Plugins that render events.

use crate::{event::Batch, record_end::RecordEnd};

/// Renders events.
#[doc(alias = "BaseFormatter")]
pub trait Formatter {
    /// Its name, for errors.
    fn name(&self) -> &'static str;

    /// Appends every event of the batch to `out`, in order, each as a whole record (in text formats, a line with its end).
    ///
    /// It appends, and does nothing else: `out` holds other records already, which are not to be changed, and it is a buffer
    /// of the sink's, whose place in memory the sink has chosen.
    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>);

    /// Whether each record ends in a line feed, and a line feed before a record is no part of it. A sink that continues a
    /// file relies on it: it ends a torn line, which a crash has left, with a line feed. Default: yes. A binary format has no.
    fn writes_lines(&self) -> bool {
        true
    }

    /// How a sink finds the ends of records in the bytes. A sink that cannot write a whole payload before a shutdown's deadline
    /// counts the records that it has written by it. Default: [`RecordEnd::Unknown`], by which it counts none of them.
    fn record_end(&self) -> RecordEnd {
        RecordEnd::Unknown
    }
}

impl<F: Formatter + ?Sized> Formatter for Box<F> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) {
        (**self).format(batch, out);
    }

    fn writes_lines(&self) -> bool {
        (**self).writes_lines()
    }

    fn record_end(&self) -> RecordEnd {
        (**self).record_end()
    }
}
