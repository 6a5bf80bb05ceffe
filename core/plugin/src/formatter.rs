//! Plugins that render events.

use std::{
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

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
    /// A formatter that cannot format a batch calls [`refuse_batch`].
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

/// Ends a call of [`Formatter::format`] that cannot format its batch, with the reason.
///
/// The bytes that the call has appended are taken back. The events of the batch are lost to the sink, as `sink_failed`, and a diagnostic has
/// the reason. The supervisor counts an error of the sink. The next batch is formatted as if nothing had happened.
///
/// It unwinds as a panic does, without a call of the panic hook, because `format` has no result. Where panics abort, it returns, and the
/// formatter returns in turn without having appended anything; such a loss is not counted.
///
/// ```
/// use fapilog_plugin::{event::Batch, formatter::{Formatter, refuse_batch}};
///
/// struct Signed {
///     key: Option<u8>,
/// }
///
/// impl Formatter for Signed {
///     fn name(&self) -> &'static str {
///         "signed"
///     }
///     fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) {
///         let Some(key) = self.key else { return refuse_batch("the key was withdrawn") };
///         batch.events().iter().for_each(|_| out.push(key));
///     }
/// }
/// ```
pub fn refuse_batch(reason: impl Into<Box<dyn Error + Send + Sync>>) {
    if cfg!(panic = "unwind") {
        resume_unwind(Box::new(RefusedBatch(PluginError::failed(reason))));
    }
}

/// A reason on its way from [`refuse_batch`] to [`catch_refusal`].
struct RefusedBatch(PluginError);

/// Runs the encoding of a batch, in which a formatter may refuse it. Any other panic goes on.
///
/// # Errors
/// The reason of the formatter.
#[doc(hidden)]
#[inline]
pub fn catch_refusal(encode: impl FnOnce()) -> Result<(), PluginError> {
    // Unwind safety: as for any panic of a plugin, the caller restores what is its own.
    catch_unwind(AssertUnwindSafe(encode)).or_else(|payload| match payload.downcast::<RefusedBatch>() {
        Ok(refused) => Err(refused.0),
        Err(panic) => resume_unwind(panic),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_its_reason_and_a_panic_goes_on() {
        let error = catch_refusal(|| refuse_batch("no key")).unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "no key");
        assert!(catch_refusal(|| {}).is_ok());
        let panic = catch_unwind(|| catch_refusal(|| resume_unwind(Box::new("planted")))).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"planted"));
    }
}
