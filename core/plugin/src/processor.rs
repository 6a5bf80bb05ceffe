//! Plugins that choose among events, or change them.

use std::time::Instant;

use crate::{error::PluginError, event::Batch, plugin_counts::PluginCounts};

/// Chooses among events, or changes them.
#[doc(alias = "BaseProcessor")]
pub trait Processor {
    /// Its name, for accounts and errors: letters, digits, `_` and `-`. The container puts a number behind it where another
    /// has it already, as in `throttle-2`.
    fn name(&self) -> &'static str;

    /// Works on a batch. Events that it takes out (see [`Batch::retain`]) are counted as filtered, under its name.
    ///
    /// # Errors
    /// When it could not do its work. The batch goes on as it is then (behind a redactor it does not: its events are lost);
    /// the error is counted, and a plugin that fails three times in a row is disabled for a while.
    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError>;

    /// Whether it works on when the pipeline is reduced to what is essential, because several plugins are disabled
    /// after failures: for plugins that protect the system behind them, as filters and throttles do.
    fn is_essential(&self) -> bool {
        false
    }

    /// Counters of its own, for the container's metrics. Asked once, when the plugin is made.
    fn counts(&self) -> Option<PluginCounts> {
        None
    }

    /// When it wants to be called next, events or not: with an empty batch, if none came. For reports
    /// after a while, by [`Batch::emit`]. Asked after each batch; it is called some milliseconds late at most. Real time, as
    /// [`Batch::instant`] is.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Called once after the last events of a container, or of a plugin that is removed, with a batch to
    /// [emit](Batch::emit) its last events into. It may hold events that processors before it have emitted.
    ///
    /// # Errors
    /// As for [`process`](Self::process).
    fn finish(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let _ = batch;
        Ok(())
    }

    /// Called once before it is dropped, after [`finish`](Self::finish).
    ///
    /// # Errors
    /// Counted and reported as a diagnostic; the others are stopped all the same.
    fn stop(&mut self) -> Result<(), PluginError> {
        Ok(())
    }
}
