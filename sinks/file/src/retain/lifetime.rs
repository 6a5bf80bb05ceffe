//! How long rotated files live.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The time between the last change of a rotated file and its removal: that of the file that was removed last. Shared by the thread
/// that removes and the one that compresses.
#[derive(Debug, Clone)]
pub(crate) struct FileLifetime(Arc<AtomicU64>);

impl FileLifetime {
    /// No file was removed yet.
    pub(crate) fn unknown() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }

    pub(crate) fn set(&self, lifetime: Duration) {
        // Relaxed: a figure, on which nothing else depends; pairs with `get`.
        self.0.store(u64::try_from(lifetime.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Longer than any file lives, if no file was removed yet.
    pub(crate) fn get(&self) -> Duration {
        // Relaxed: pairs with `set`.
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lifetime_is_that_of_the_file_that_was_removed_last() {
        let lifetime = FileLifetime::unknown();
        assert!(lifetime.get() > Duration::from_secs(86_400 * 365));
        lifetime.set(Duration::from_millis(200));
        assert_eq!(lifetime.get(), Duration::from_millis(200));
    }
}
