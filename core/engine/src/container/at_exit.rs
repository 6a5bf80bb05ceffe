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
    container::{container_shutdown::ContainerShutdown, deadline_after},
    producer::Frontend,
};

/// How long all containers together may take to drain at the exit.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the exit waits for the list. A signal handler that exits may have interrupted the thread that holds it.
const LOCK_TIMEOUT: Duration = Duration::from_millis(100);

/// The containers that asked for it and still exist.
static AT_EXIT: Mutex<Vec<ContainerShutdown>> = Mutex::new(Vec::new());

/// Has the container drained at the exit.
pub(super) fn register(shutdown: ContainerShutdown) {
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
        let mut shutdowns = list();
        if shutdowns.iter().any(|known| known.is_of(&shutdown.frontend)) {
            return;
        }
        if shutdowns.len() == shutdowns.capacity() && room.capacity() > shutdowns.len() {
            room.append(&mut shutdowns);
            std::mem::swap(&mut *shutdowns, &mut room);
        }
        shutdowns.push(shutdown);
    });
    drop(room);
}

/// The container is being dropped, and drains by itself.
pub(super) fn forget(frontend: &Arc<Frontend>) {
    let forgotten = undivided(|| {
        let mut shutdowns = list();
        let place = shutdowns.iter().position(|known| known.is_of(frontend))?;
        Some(shutdowns.swap_remove(place))
    });
    drop(forgotten);
}

fn list() -> MutexGuard<'static, Vec<ContainerShutdown>> {
    AT_EXIT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The containers, if the list can be had in time.
fn take_all() -> Vec<ContainerShutdown> {
    let start = Instant::now();
    loop {
        match AT_EXIT.try_lock() {
            Ok(mut shutdowns) => return std::mem::take(&mut *shutdowns),
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
        let mut shutdowns = take_all();
        // The containers of a parent process are left alone.
        shutdowns.retain(|shutdown| !shutdown.frontend.is_in_forked_child());
        // Before they are closed: what threads log from then on is logged behind the end of the program.
        shutdowns.iter().for_each(ContainerShutdown::report_behind_end);
        let deadline = deadline_after(EXIT_TIMEOUT);
        shutdowns.iter().for_each(|shutdown| shutdown.request(deadline));
        for shutdown in &shutdowns {
            shutdown.wait(deadline);
            shutdown.report_late();
        }
    });
}
