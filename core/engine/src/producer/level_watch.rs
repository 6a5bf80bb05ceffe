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

/// The callbacks of the process, each under its number. The lock is held for moments, and no fork divides them. Nothing is allocated or
/// freed meanwhile: the program's allocator may log, and its logger may ask for the global container, which no fork divides either.
static CALLBACKS: Mutex<CallbackList> = Mutex::new(None);

/// A list is never changed: another takes its place. `None` is an empty one.
type CallbackList = Option<Arc<Vec<(u64, Callback)>>>;

/// The number of changes so far.
static CHANGES: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether this thread runs callbacks: a change that one of them makes calls none again.
    static IN_CALLBACKS: Cell<bool> = const { Cell::new(false) };
}

/// Calls `callback` after each change of the levels of any container of this process, and when a global container starts, on the
/// thread that makes the change. The callback asks its logger for the levels of now. It runs until the watch is dropped.
///
/// A panic of the callback is caught. Where levels change while callbacks run, by another thread or by a callback, they run once more
/// behind that: so a callback that puts the level of now somewhere leaves the latest there. Callbacks that change levels each time run
/// eight times at most.
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
    replace_callbacks(|known| known.iter().chain([&entry]).cloned().collect());
    LevelWatch { number }
}

fn callbacks() -> CallbackList {
    fork::undivided(|| lock(&CALLBACKS).clone())
}

/// Puts the list that `change` makes in the place of the one it is made of.
fn replace_callbacks(change: impl Fn(&[(u64, Callback)]) -> Vec<(u64, Callback)>) {
    loop {
        let known = callbacks();
        let mut new = Some(Arc::new(change(known.as_ref().map_or(&[], |known| known))));
        let is_replaced = fork::undivided(|| {
            let mut now = lock(&CALLBACKS);
            let is_same = now.as_ref().map(Arc::as_ptr) == known.as_ref().map(Arc::as_ptr);
            if is_same {
                std::mem::swap(&mut *now, &mut new);
            }
            is_same
        });
        // The list, and with it the callbacks that are in no other: user code, outside of the lock.
        drop_catching_panics((known, new));
        if is_replaced {
            return;
        }
    }
}

/// How often callbacks run that change levels themselves each time.
const PASSES_MAX: usize = 8;

/// Calls the callbacks, where levels were set to what they were, too: another thread that has set them may still be calling. The caller
/// holds no lock.
pub(super) fn levels_set(is_change: bool) {
    // Callbacks that set levels to what they are need not run again.
    if is_change || !IN_CALLBACKS.try_with(Cell::get).unwrap_or(true) {
        levels_changed();
    }
}

/// Calls the callbacks. The caller holds no lock.
#[doc(hidden)]
pub fn levels_changed() {
    // Release: callbacks that run behind a load of the number find the levels of its change; pairs with the load in `levels_changed`. Acquire: this is
    // such a load.
    let mut changes = CHANGES.fetch_add(1, Ordering::AcqRel) + 1;
    // A change that a callback makes: those that run find the number.
    if IN_CALLBACKS.try_with(|running| running.replace(true)).unwrap_or(true) {
        return;
    }
    for _ in 0..PASSES_MAX {
        // Callbacks run without the lock: one may end a watch.
        let callbacks = callbacks();
        for (_, callback) in callbacks.iter().flat_map(|callbacks| callbacks.iter()) {
            let _ = catch_panic(|| callback());
        }
        drop_catching_panics(callbacks);
        // Another change may have come in the midst of these calls: they may have put older levels in the place of its own.
        // Acquire: pairs with the addition in `levels_changed`.
        let now = CHANGES.load(Ordering::Acquire);
        if now == changes {
            break;
        }
        changes = now;
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
        let number = self.number;
        replace_callbacks(|known| known.iter().filter(|(other, _)| *other != number).cloned().collect());
    }
}

impl fmt::Debug for LevelWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LevelWatch").finish_non_exhaustive()
    }
}
