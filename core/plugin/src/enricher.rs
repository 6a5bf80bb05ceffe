//! Plugins that add fields to events.

use crate::{error::PluginError, event::Batch};

/// Adds fields to events.
#[doc(alias = "BaseEnricher")]
pub trait Enricher {
    /// Its name, for accounts and errors: letters, digits, `_` and `-`. The container puts a number behind it where another
    /// has it already, as in `throttle-2`.
    fn name(&self) -> &'static str;

    /// Adds to the events of a batch. See [`Event::add_field`](crate::event::Event::add_field): a user's own field stays.
    /// [`CommonFields`](crate::common_fields::CommonFields) adds fields that many events have in common with less work.
    ///
    /// # Errors
    /// When it could not do its work. The batch goes on as it is; the error is counted, and a plugin that fails three times
    /// in a row is disabled for a while.
    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError>;

    /// Called once before it is dropped, when the container shuts down or the plugin is removed.
    ///
    /// # Errors
    /// Counted and reported as a diagnostic; the others are stopped all the same.
    fn stop(&mut self) -> Result<(), PluginError> {
        Ok(())
    }
}
