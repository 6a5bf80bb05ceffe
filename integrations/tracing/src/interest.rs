//! Interests of call sites: `tracing` caches them, and has to ask anew when the levels of a container change.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fapilog::adapter::{LevelWatch, on_level_change};
use tracing_core::{
    callsite::rebuild_interest_cache,
    dispatcher::{Dispatch, WeakDispatch, with_default},
};
#[cfg(feature = "layer")]
use tracing_core::{dispatcher::get_default, subscriber::NoSubscriber};

/// A single rebuild at a time. If two ran at once, that which has asked for older levels could store its answers last.
static REBUILDING: Mutex<()> = Mutex::new(());

/// Has all call sites ask anew, whenever levels change.
pub(crate) struct InterestWatch {
    /// The dispatcher of the subscriber that has these levels, once there is one.
    dispatch: Arc<Mutex<Option<WeakDispatch>>>,
    _watch: LevelWatch,
}

impl InterestWatch {
    /// For a subscriber or a layer, which [is registered](Self::registered) before it is asked anything.
    pub(crate) fn of_dispatch() -> Self {
        Self::new(|| {})
    }

    /// For a filter, which may never know its dispatcher.
    #[cfg(feature = "layer")]
    pub(crate) fn of_any_dispatch() -> Self {
        Self::new(rebuild_by_default)
    }

    fn new(rebuild_unregistered: fn()) -> Self {
        let dispatch = Arc::new(Mutex::new(None));
        let watched = Arc::clone(&dispatch);
        Self { dispatch, _watch: on_level_change(move || rebuild(&watched, rebuild_unregistered)) }
    }

    /// The subscriber is the one of this dispatcher.
    pub(crate) fn registered(&self, dispatch: &Dispatch) {
        *lock(&self.dispatch) = Some(dispatch.downgrade());
    }
}

/// Where a program has a single dispatcher, `tracing` asks the default one of the thread that rebuilds. That may have none, although
/// the dispatcher is another thread's: all call sites would be disabled.
fn rebuild(dispatch: &Mutex<Option<WeakDispatch>>, rebuild_unregistered: fn()) {
    let dispatch = lock(dispatch).clone();
    let _alone = lock(&REBUILDING);
    match dispatch.map(|dispatch| dispatch.upgrade()) {
        Some(Some(dispatch)) => with_default(&dispatch, rebuild_interest_cache),
        // Its levels are no longer asked for.
        Some(None) => {}
        None => rebuild_unregistered(),
    }
}

/// Rather keeps the old levels than to disable all call sites.
#[cfg(feature = "layer")]
fn rebuild_by_default() {
    if get_default(|dispatch| !dispatch.is::<NoSubscriber>()) {
        rebuild_interest_cache();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for InterestWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InterestWatch").finish_non_exhaustive()
    }
}
