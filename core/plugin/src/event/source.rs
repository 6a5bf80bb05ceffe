//! The names of loggers.

use std::sync::Arc;

/// A logger's name: an event's `source`.
#[derive(Debug, Clone)]
pub struct Source {
    id: u32,
    name: Arc<str>,
}

impl Source {
    /// The name of the logger with this number in its container.
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

    /// Its number in the container, counted from zero without gaps: what a formatter may keep things under.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }
}
