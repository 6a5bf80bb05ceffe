//! Containers that are drained when the process exits: `exit`, or the end of `main`.
//!
//! A program that exits drops neither a container in a `static` nor one that it has forgotten. A handler of `atexit` shuts
//! those down that asked for it, within [`EXIT_TIMEOUT`] for all of them. `abort`, `_exit` and signals run no handler.

use std::{
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError, TryLockError},
    time::{Duration, Instant},
};

use fapilog_plugin::threads::undivided;
use fapilog_record::user_code::catch_panic;

use crate::{
    container::{deadline_after, ending::Ending},
    producer::Frontend,
};

/// How long all containers together may take to drain at the exit.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the exit waits for the list. A signal handler that exits may have interrupted the thread that holds it.
const LOCK_TIMEOUT: Duration = Duration::from_millis(100);

/// The containers that asked for it and still exist.
static AT_EXIT: Mutex<Vec<Ending>> = Mutex::new(Vec::new());

/// Has the container drained at the exit.
pub(super) fn register(ending: Ending) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[cfg(not(miri))]
        // SAFETY: the handler is a plain function that stays loaded, and does not unwind. Failure (no memory) leaves it out.
        unsafe {
            libc::atexit(drain_all)
        };
    });
    // Nothing is allocated or freed under the lock: the program's allocator may log, and its fork may come meanwhile.
    let mut room = Vec::with_capacity(undivided(|| list().len()) + 8);
    undivided(|| {
        let mut endings = list();
        if endings.iter().any(|known| known.is_of(ending.frontend())) {
            return;
        }
        if endings.len() == endings.capacity() && room.capacity() > endings.len() {
            room.append(&mut endings);
            std::mem::swap(&mut *endings, &mut room);
        }
        endings.push(ending);
    });
    drop(room);
}

/// The container is being dropped, and drains by itself.
pub(super) fn forget(frontend: &Arc<Frontend>) {
    let forgotten = undivided(|| {
        let mut endings = list();
        let place = endings.iter().position(|known| known.is_of(frontend))?;
        Some(endings.swap_remove(place))
    });
    drop(forgotten);
}

fn list() -> MutexGuard<'static, Vec<Ending>> {
    AT_EXIT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The containers, if the list can be had in time.
fn take_all() -> Vec<Ending> {
    let start = Instant::now();
    loop {
        match AT_EXIT.try_lock() {
            Ok(mut endings) => return std::mem::take(&mut *endings),
            Err(TryLockError::Poisoned(poisoned)) => return std::mem::take(&mut *poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if start.elapsed() >= LOCK_TIMEOUT => return Vec::new(),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// The handler. All containers are closed first, and then waited for.
extern "C" fn drain_all() {
    // A panic must not unwind into the C library.
    let _ = catch_panic(|| {
        let mut endings = take_all();
        // The containers of a parent process are left alone.
        endings.retain(|ending| !ending.frontend().is_in_forked_child());
        let deadline = deadline_after(EXIT_TIMEOUT);
        endings.iter().for_each(|ending| ending.request(deadline));
        for ending in &endings {
            ending.wait(deadline);
            ending.report_late();
        }
    });
}
