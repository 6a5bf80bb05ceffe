//! A processor.

use std::num::NonZeroU64;

use fapilog_plugin::{error::PluginError, event::Batch, level::Level, processor::Processor};

/// Lets one in so many events pass, and all that are worse than INFO.
#[derive(Debug)]
pub struct OneIn {
    count: NonZeroU64,
    seen: u64,
}

impl OneIn {
    /// Lets the first of each `count` events pass.
    #[must_use]
    pub fn new(count: NonZeroU64) -> Self {
        Self { count, seen: 0 }
    }

    fn is_chosen(&mut self) -> bool {
        let is_chosen = self.seen.is_multiple_of(self.count.get());
        self.seen = self.seen.wrapping_add(1);
        is_chosen
    }
}

impl Processor for OneIn {
    fn name(&self) -> &'static str {
        "one_in"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        batch.retain(|event| event.level() > Level::Info || self.is_chosen());
        Ok(())
    }
}
