//! Interests of call sites: `tracing` caches them, and has to ask anew when the levels of a container change.

use std::{fmt, mem, sync::Arc, thread};

use fapilog::adapter::{LevelWatch, on_level_change};
use tracing_core::{
    callsite::rebuild_interest_cache,
    dispatcher::{Dispatch, WeakDispatch, get_current, get_default, with_default},
    subscriber::NoSubscriber,
};

use crate::fork_lock::ForkLock;

/// A single rebuild at a time. If two ran at once, that which has asked for older levels could store its answers last.
static REBUILDING: ForkLock<()> = ForkLock::new(());

/// Has all call sites ask anew, whenever levels change.
pub(crate) struct InterestWatch {
    dispatches: Arc<KnownDispatches>,
    _watch: LevelWatch,
}

/// The dispatchers whose subscribers have these levels: more than one, if a layer is cloned. None before the first is made, and none of a filter of
/// another layer, or of a layer in an `Option` or a `Vec`, which never know their dispatcher.
type KnownDispatches = ForkLock<Vec<WeakDispatch>>;

impl InterestWatch {
    pub(crate) fn new() -> Self {
        let dispatches = Arc::new(KnownDispatches::default());
        let watched = Arc::clone(&dispatches);
        Self { dispatches, _watch: on_level_change(move || rebuild(&watched)) }
    }

    /// The subscriber of this dispatcher has the levels.
    pub(crate) fn registered(&self, dispatch: &Dispatch) {
        let Some(mut known) = self.dispatches.lock().map(|mut known| mem::take(&mut *known)) else { return };
        // Outside of the lock: the last handle of a subscriber drops it, with layers that are user code.
        known.retain(|known| known.upgrade().is_some());
        known.push(dispatch.downgrade());
        if let Some(mut dispatches) = self.dispatches.lock() {
            mem::swap(&mut *dispatches, &mut known);
        }
    }
}

/// Where a program has a single dispatcher, `tracing` asks the default one of the thread that rebuilds. That may have none, although
/// the dispatcher is another thread's: all call sites would be disabled.
fn rebuild(dispatches: &KnownDispatches) {
    let known = dispatches.lock().map(|known| known.clone()).unwrap_or_default();
    let _alone = REBUILDING.lock();
    match known.iter().find_map(WeakDispatch::upgrade) {
        Some(dispatch) => outside_of_dispatch(|| with_default(&dispatch, rebuild_interest_cache)),
        None if known.is_empty() => outside_of_dispatch(rebuild_by_default),
        // Its levels are no longer asked for.
        None => {}
    }
}

/// A thread has no other default while it is in a call of the one it has: there, a layer that sets a level for example, another thread
/// works. If none can be had, the old levels stay.
fn outside_of_dispatch(work: impl Fn() + Send) {
    if get_current(|_| ()).is_some() {
        return work();
    }
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("fapilog-tracing".to_owned()).spawn_scoped(scope, work);
        let _ = worker.map(|worker| worker.join().map_err(mem::ManuallyDrop::new));
    });
}

/// Rather keeps the old levels than to disable all call sites.
fn rebuild_by_default() {
    if get_default(|dispatch| !dispatch.is::<NoSubscriber>()) {
        rebuild_interest_cache();
    }
}

impl fmt::Debug for InterestWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InterestWatch").finish_non_exhaustive()
    }
}
