//! Calls of adapters when levels change: their libraries remember which levels are enabled.

use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use fapilog_plugin::threads::{fork, lock};
use fapilog_record::user_code::{catch_panic, drop_catching_panics};

type Callback = Arc<dyn Fn() + Send + Sync>;

/// The callbacks of the process, each under its number. The lock is held for moments, and no fork divides them.
static CALLBACKS: Mutex<Vec<(u64, Callback)>> = Mutex::new(Vec::new());

thread_local! {
    /// Whether this thread runs callbacks: a change that one of them makes calls none again.
    static IN_CALLBACKS: Cell<bool> = const { Cell::new(false) };
}

/// Calls `callback` after each change of the levels of any container of this process, and when a global container starts, on the
/// thread that makes the change. The callback asks its logger for the levels of now. It runs until the watch is dropped.
///
/// A panic of the callback is caught. A change of levels that it makes itself does not call it again.
///
/// ```
/// use std::sync::Arc;
/// use fapilog_engine::producer::{Logger, on_level_change};
///
/// # fn set_max_level(_: fapilog_record::level::LevelFilter) {}
/// # fn example(logger: Logger) {
/// let logger = Arc::new(logger);
/// let watched = Arc::clone(&logger);
/// let _watch = on_level_change(move || set_max_level(watched.least_level()));
/// # }
/// ```
pub fn on_level_change(callback: impl Fn() + Send + Sync + 'static) -> LevelWatch {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Relaxed: a number that differs from all others, no more.
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let entry: (u64, Callback) = (number, Arc::new(callback));
    fork::undivided(|| lock(&CALLBACKS).push(entry));
    LevelWatch { number }
}

/// Calls the callbacks. The caller holds no lock.
#[doc(hidden)]
pub fn levels_changed() {
    if IN_CALLBACKS.try_with(|running| running.replace(true)).unwrap_or(true) {
        return;
    }
    // Callbacks run without the lock: one may end a watch.
    let callbacks = fork::undivided(|| lock(&CALLBACKS).clone());
    for (_, callback) in callbacks {
        let _ = catch_panic(|| callback());
        drop_catching_panics(callback);
    }
    let _ = IN_CALLBACKS.try_with(|running| running.set(false));
}

/// Ends the calls of a callback when it is dropped: see [`on_level_change`].
#[must_use = "the callback is called until its watch is dropped"]
pub struct LevelWatch {
    number: u64,
}

impl Drop for LevelWatch {
    fn drop(&mut self) {
        let ended = fork::undivided(|| {
            let mut callbacks = lock(&CALLBACKS);
            let place = callbacks.iter().position(|(number, _)| *number == self.number);
            place.map(|place| callbacks.swap_remove(place))
        });
        // User code, outside of the lock.
        drop_catching_panics(ended);
    }
}

impl fmt::Debug for LevelWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LevelWatch").finish_non_exhaustive()
    }
}
