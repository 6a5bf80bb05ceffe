//! What a forked child must not touch.
//!
//! A child has one thread, a copy of the parent's memory, and none of its drains. So its inherited containers are dead:
//! calls on them are counted as lost, and shutting them down returns at once. The child makes a container of its own if
//! it wants to log. (Its files too: the parent's drain writes at offsets of its own reckoning, and two writers would
//! overwrite each other.)
//!
//! Whatever belongs to the process and not to a container (the registry of call sites, what is found out once) is held
//! still while it forks, so that the child never waits for a thread that it has not got. What belongs to an inherited
//! container is not: there the child takes no lock.
//!
//! A handler that `fork` runs in the child takes the thread's lanes away, so a log call meets the slow path and sees
//! there that the container is foreign: a call in the parent pays nothing for it. A child made by the bare system call
//! does not run the handler; its rings are zeros, and it must not log.

use std::{
    cell::RefCell,
    sync::{
        Mutex, MutexGuard, Once, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use fapilog_record::call_site::{RegistryHeld, hold_registry};

/// How many forks lie between this process and the one that loaded the library.
static GENERATION: AtomicU32 = AtomicU32::new(1);

/// Relaxed: it changes only in a new child, which has one thread.
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Runs in a forked child, in its one thread: leaves alone what belongs to the parent.
static DISOWN: OnceLock<fn()> = OnceLock::new();

/// Has `fork` run our handlers from now on; in the child, `disown` too. The first caller's `disown` counts.
pub fn watch(disown: fn()) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = DISOWN.set(disown);
        #[cfg(all(unix, not(miri)))]
        {
            // SAFETY: the handlers are plain functions that stay loaded. What they lock is held for moments, never
            // while foreign code runs. Failure (no memory) leaves forks unwatched.
            unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
        }
    });
}

static UNDIVIDED: Mutex<()> = Mutex::new(());

fn lock_undivided() -> MutexGuard<'static, ()> {
    UNDIVIDED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` with no fork in the middle of it: a child would wait for ever for a cell that is being filled, or a lock
/// that is held.
pub fn undivided<R>(work: impl FnOnce() -> R) -> R {
    let _undivided = lock_undivided();
    work()
}

/// What the forking thread holds over the fork.
#[cfg_attr(miri, allow(dead_code, reason = "miri does not fork"))]
struct HeldOver {
    _undivided: MutexGuard<'static, ()>,
    _registry: RegistryHeld,
}

thread_local! {
    static HELD_OVER: RefCell<Option<HeldOver>> = const { RefCell::new(None) };
}

#[cfg(all(unix, not(miri)))]
extern "C" fn before() {
    let held = HeldOver { _undivided: lock_undivided(), _registry: hold_registry() };
    // In a thread whose data are gone it is let go at once: its forks are unwatched.
    let _ = HELD_OVER.try_with(|over| over.replace(Some(held)));
}

#[cfg(all(unix, not(miri)))]
extern "C" fn in_parent() {
    let _ = HELD_OVER.try_with(RefCell::take);
}

#[cfg(all(unix, not(miri)))]
extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    let _ = HELD_OVER.try_with(RefCell::take);
    if let Some(disown) = DISOWN.get() {
        disown();
    }
}
