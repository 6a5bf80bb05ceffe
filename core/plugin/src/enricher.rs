//! Plugins that add fields to events.

use crate::{error::PluginError, event::Batch};

/// Adds fields to events.
pub trait Enricher {
    /// Its name, for accounts and errors: letters, digits, `_` and `-`. The container puts a number behind it where another
    /// has it already, as in `throttle-2`.
    fn name(&self) -> &'static str;

    /// Adds to the events of a batch. See [`Event::add_field`](crate::event::Event::add_field): a user's own field stays. What
    /// many events have in common is added with less work by [`CommonFields`].
    ///
    /// # Errors
    /// When it could not do its work. The batch goes on as it is; the error is counted, and who fails again and again is
    /// left out for a while.
    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError>;

    /// Called once before it is dropped, when the container shuts down or the plugin is removed.
    ///
    /// # Errors
    /// Counted and told in a notice; the others are stopped all the same.
    fn stop(&mut self) -> Result<(), PluginError> {
        Ok(())
    }
}
