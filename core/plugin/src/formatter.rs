//! Plugins that render events.

use crate::{error::PluginError, event::Batch, record_end::RecordEnd};

/// Renders events.
#[doc(alias = "BaseFormatter")]
pub trait Formatter {
    /// Its name, for errors.
    fn name(&self) -> &'static str;

    /// Appends every event of the batch to `out`, in order, each as a whole record (in text formats, a line with its end).
    ///
    /// It appends, and does nothing else: `out` holds other records already, which are not to be changed, and it is a buffer
    /// of the sink's, whose place in memory the sink has chosen.
    ///
    /// # Errors
    /// If it cannot format the batch. The bytes that it has appended are taken back then, the events of the batch are lost to the sink as
    /// `sink_failed`, and a diagnostic has the reason. The next batch is formatted as if nothing had happened.
    ///
    /// ```
    /// use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter};
    ///
    /// struct Signed {
    ///     key: Option<u8>,
    /// }
    ///
    /// impl Formatter for Signed {
    ///     fn name(&self) -> &'static str {
    ///         "signed"
    ///     }
    ///
    ///     fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
    ///         let key = self.key.ok_or_else(|| PluginError::failed("the key was withdrawn"))?;
    ///         batch.events().iter().for_each(|_| out.push(key));
    ///         Ok(())
    ///     }
    /// }
    /// ```
    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError>;

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

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        (**self).format(batch, out)
    }

    fn writes_lines(&self) -> bool {
        (**self).writes_lines()
    }

    fn record_end(&self) -> RecordEnd {
        (**self).record_end()
    }
}
