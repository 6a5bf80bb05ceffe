//! Forks: the parts of the parent that a forked child must not touch.
//!
//! A child has one thread, a copy of the parent's memory, and none of its drains. So its inherited containers are dead:
//! calls on them are counted as lost, and their shutdown returns at once. The child makes a container of its own if it
//! wants to log, and files of its own: the parent's drain writes at its own offsets, and two writers would overwrite each
//! other.
//!
//! Data of the process that belongs to no container (the registry of call sites, values that are computed once) is locked
//! while the process forks, so that the child never waits for a thread that it does not have. Data of an inherited
//! container is not locked: the child takes no lock of it.
//!
//! A handler that `fork` runs in the child takes the thread's lanes away. So a log call meets the slow path, and finds
//! that the container is the parent's: a call in the parent pays nothing for it. A child made by the bare system call does
//! not run the handler; its rings are zeros, and it must not log.

use std::{
    cell::RefCell,
    sync::{
        Mutex, MutexGuard, Once, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use fapilog_record::call_site::{RegistryHeld, hold_registry};

use crate::threads::lock;

/// The number of forks between this process and the one that loaded the library.
static GENERATION: AtomicU32 = AtomicU32::new(1);

/// Relaxed: it changes only in a new child, which has one thread.
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Runs in a forked child, in its one thread: leaves alone what belongs to the parent.
static DISOWN: OnceLock<fn()> = OnceLock::new();

/// Registers the fork handlers of the library; in the child, `disown` runs too. The first caller's `disown` counts.
pub fn watch(disown: fn()) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = DISOWN.set(disown);
        #[cfg(all(unix, not(miri)))]
        {
            // SAFETY: the handlers are plain functions that stay loaded. Their locks are held for moments, never while
            // user code runs. Failure (no memory) leaves forks unwatched.
            unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
        }
    });
}

static UNDIVIDED: Mutex<()> = Mutex::new(());

fn lock_undivided() -> MutexGuard<'static, ()> {
    lock(&UNDIVIDED)
}

/// Runs `work` with no fork in the middle of it: a child would wait for ever for a cell that is being filled, or a lock
/// that is held.
pub fn undivided<R>(work: impl FnOnce() -> R) -> R {
    let _undivided = lock_undivided();
    work()
}

/// The locks that the forking thread holds across the fork.
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
    // A thread whose thread-locals are gone drops the locks at once: its forks are unwatched.
    let _ = HELD_OVER.try_with(|over| over.replace(Some(held)));
}

#[cfg(all(unix, not(miri)))]
extern "C" fn in_parent() {
    let _ = HELD_OVER.try_with(RefCell::take);
}

#[cfg(all(unix, not(miri)))]
extern "C" fn in_child() {
    // Relaxed: a new child has one thread.
    GENERATION.fetch_add(1, Ordering::Relaxed);
    let _ = HELD_OVER.try_with(RefCell::take);
    if let Some(disown) = DISOWN.get() {
        disown();
    }
}
