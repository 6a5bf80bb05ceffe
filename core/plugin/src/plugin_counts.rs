//! Counters of a plugin's own.

use std::{fmt, sync::Arc};

/// Counters of a plugin's own, by name: [`Processor::counts`](crate::processor::Processor::counts). Any thread reads them, while the plugin
/// works.
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// use fapilog_plugin::plugin_counts::PluginCounts;
///
/// let masked = Arc::new(AtomicU64::new(0));
/// let counts = PluginCounts::new({
///     let masked = Arc::clone(&masked);
///     move || vec![("masked".to_owned(), masked.load(Ordering::Relaxed))]
/// });
/// masked.fetch_add(2, Ordering::Relaxed);
/// assert_eq!(counts.read(), [("masked".to_owned(), 2)]);
/// ```
#[derive(Clone)]
pub struct PluginCounts(Arc<dyn Fn() -> Vec<(String, u64)> + Send + Sync>);

impl PluginCounts {
    /// Counters that `read` reads. Those with the count zero may be left out.
    pub fn new(read: impl Fn() -> Vec<(String, u64)> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The counts as of now.
    #[must_use]
    pub fn read(&self) -> Vec<(String, u64)> {
        (self.0)()
    }

    /// Whether both are clones of one: plugins of several shards may share their counters, which count once then.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for PluginCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginCounts").finish_non_exhaustive()
    }
}
