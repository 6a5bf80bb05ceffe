//! The thread of a socket sleeps. A program of its own, because processor time is a whole process's.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

mod served;

use std::{
    thread,
    time::{Duration, Instant},
};

use fapilog_control::protocol::LevelChange;
use served::{Served, wait_until};

/// The processor time of this process.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the time.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

#[test]
fn a_thread_whose_container_is_gone_sleeps_also_when_levels_should_have_come_back() {
    let served = Served::start();
    let time = Duration::from_millis(50);
    served.client().change_levels(LevelChange::add("debug").lasting(time)).unwrap();
    let changed = Instant::now();
    let Served { control, container, directory: _directory, .. } = served;
    drop(container);
    wait_until("the time is up", || changed.elapsed() > 2 * time);
    let (before, span) = (processor_time(), Duration::from_millis(400));
    thread::sleep(span);
    let used = processor_time() - before;
    assert!(used < span / 20, "{used:?} of processor time in {span:?}");
    drop(control);
}
