//! Leaders: loggers that follow one find its container, also when it comes later, and its successors.
//!
//! A logger points to the frontend of one container. A logger that follows a leader moves on when that container is closed:
//! the slow path of a call, which every call on a closed container takes, asks the leader for the container of now. A frontend
//! that a logger has once pointed to lives as long as the logger, because another thread may be in a call on it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use fapilog_plugin::threads::{fork, lock};
use fapilog_record::level::Level;

use crate::{
    accounts::{CountsByLevel, LevelCounters},
    producer::{Frontend, Logger},
};

/// The container of now, for loggers that follow it. Hidden: the global container of the facade is the only one.
#[doc(hidden)]
#[derive(Debug)]
pub struct Leader {
    find: fn(&str) -> Option<Logger>,
    /// The number of containers so far.
    generation: AtomicU64,
    /// Events of loggers that found no container.
    missed: LevelCounters,
}

impl Leader {
    /// `find` returns a logger of the container of now, if there is one. It takes no lock that a caller may hold.
    pub const fn new(find: fn(&str) -> Option<Logger>) -> Self {
        Self { find, generation: AtomicU64::new(1), missed: LevelCounters::new() }
    }

    /// There is another container from now on.
    pub fn changed(&self) {
        // Release: `find` finds the new container; pairs with `generation`.
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// A number that is another one after each change.
    #[inline]
    pub fn generation(&self) -> u64 {
        // Acquire: pairs with `changed`.
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn miss(&self, level: Level) {
        self.missed.add_shared(level, 1);
    }

    /// The events that were lost for want of a container, since the last call.
    pub fn take_missed(&self) -> CountsByLevel {
        self.missed.take()
    }
}

/// A logger's way to its leader. Clones of the logger share it.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) leader: &'static Leader,
    /// The generation that was asked for last.
    asked: AtomicU64,
    /// The frontends that loggers have moved on to. They live as long as the loggers.
    kept: Mutex<Vec<Arc<Frontend>>>,
}

impl Follower {
    pub(super) fn new(leader: &'static Leader) -> Self {
        Self { leader, asked: AtomicU64::new(0), kept: Mutex::default() }
    }

    /// A logger of the container of now, if there is another one than was asked for last.
    pub(super) fn find(&self, source: &str) -> Option<Logger> {
        let generation = self.leader.generation();
        // Relaxed: a thread that misses the other's store asks once more.
        if self.asked.load(Ordering::Relaxed) == generation {
            return None;
        }
        let found = (self.leader.find)(source);
        if found.is_none() {
            // Relaxed: see above.
            self.asked.store(generation, Ordering::Relaxed);
        }
        found
    }

    /// Keeps a frontend, and calls `point` while no other thread moves on. Not if the container is closed by now.
    pub(super) fn keep(&self, frontend: &Arc<Frontend>, point: impl FnOnce()) {
        // The program's allocator may log: no allocation under the lock.
        let known = fork::undivided(|| lock(&self.kept).len());
        let mut room = Vec::with_capacity(known + 8);
        // No fork divides it: the loggers of a forked child move on, too.
        fork::undivided(|| {
            let mut kept = lock(&self.kept);
            if frontend.is_closed() {
                return;
            }
            if kept.iter().all(|known| !Arc::ptr_eq(known, frontend)) {
                if kept.len() == kept.capacity() {
                    if room.capacity() <= kept.len() {
                        // Others were kept meanwhile: the next call moves on.
                        return;
                    }
                    room.append(&mut kept);
                    std::mem::swap(&mut *kept, &mut room);
                }
                kept.push(Arc::clone(frontend));
            }
            point();
        });
        drop(room);
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use fapilog_record::{directives::Directives, level::LevelFilter};
    use fapilog_ring::Capacity;

    use super::*;
    use crate::{
        clock::StampSource,
        producer::{Limits, Overflow},
    };

    static LEADER: Leader = Leader::new(|_| None);

    #[cfg(not(miri))]
    #[test]
    fn a_child_of_a_fork_in_the_midst_of_a_move_does_not_wait_for_ever() {
        let follower = Follower::new(&LEADER);
        let directives = Directives::new(LevelFilter::AtLeast(Level::Info));
        let ring = Capacity::new(Capacity::MIN_BYTES, 1).unwrap();
        let limits = Limits { ring, rings_max: 0, overflow: Overflow::DropNewest };
        let frontend = Arc::new(Frontend::new(directives, Vec::new(), limits, StampSource::best()));
        let (entered, is_entered) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let (follower, frontend) = (&follower, &frontend);
            scope.spawn(move || {
                follower.keep(frontend, || {
                    entered.send(()).unwrap();
                    let _ = may_go.recv_timeout(Duration::from_millis(500));
                });
            });
            is_entered.recv().unwrap();
            // SAFETY: the child takes locks that no thread of this test holds at a fork, and ends.
            let child = unsafe { libc::fork() };
            if child == 0 {
                // SAFETY: the call sets a timer of this process, and touches no memory.
                unsafe { libc::alarm(3) };
                follower.keep(frontend, || {});
                // SAFETY: the call ends this process, which is a child without other threads.
                unsafe { libc::_exit(0) };
            }
            drop(go);
            let mut status = 0;
            // SAFETY: waits for that child; the pointer is to a local.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert!(libc::WIFEXITED(status), "the child's status is {status:#x}");
        });
    }
}
