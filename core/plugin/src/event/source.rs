//! The names of loggers.

use std::sync::Arc;

/// A logger's name: an event's `source`.
#[derive(Debug, Clone)]
pub struct Source {
    id: u32,
    name: Arc<str>,
}

impl Source {
    /// The name of the logger with this number in its container. Hidden, because only the engine and the test kit make
    /// sources.
    #[doc(hidden)]
    #[must_use]
    pub fn new(id: u32, name: Arc<str>) -> Self {
        Self { id, name }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name, to be kept beyond the batch.
    #[must_use]
    pub fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// The number in the container, counted from zero without gaps. A plugin keeps values by source in a
    /// [`PerSource`](crate::per_call_site::PerSource).
    #[inline]
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }
}
