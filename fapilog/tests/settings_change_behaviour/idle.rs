//! Rows of an idle drain.

use std::{thread, time::Duration};

use crate::{
    child::{child_mode, in_child},
    log::{plain, start},
};

/// In a child, where nothing else runs: how an idle container spends a part of a second.
#[test]
fn child_measures_an_idle_container() {
    let Some(mode) = child_mode() else { return };
    let builder = match mode.as_str() {
        "spin" => plain().idle_spin(Duration::from_secs(1)),
        "sleep" => plain().idle_spin(Duration::ZERO).idle_sleep(Duration::from_secs(60)),
        _ => plain().idle_spin(Duration::ZERO).idle_sleep(Duration::ZERO),
    };
    let started = start(builder);
    started.log("the last for a while").text();
    let before = Usage::now();
    thread::sleep(Duration::from_millis(500));
    let after = Usage::now();
    println!("\nused {} {}", after.cpu_ms - before.cpu_ms, after.waits - before.waits);
}

/// The resources that the process has used so far.
struct Usage {
    cpu_ms: i64,
    /// How often a thread has gone to sleep.
    waits: i64,
}

impl Usage {
    fn now() -> Self {
        // SAFETY: all zeros is a valid value of a struct of integers.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a local that outlives the call.
        let status = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
        assert_eq!(status, 0);
        let millis = |time: libc::timeval| time.tv_sec * 1000 + time.tv_usec / 1000;
        Self { cpu_ms: millis(usage.ru_utime) + millis(usage.ru_stime), waits: usage.ru_nvcsw }
    }
}

/// Milliseconds of CPU, and how often a thread went to sleep.
fn idle_usage(mode: &str) -> (i64, i64) {
    let output = in_child("idle::child_measures_an_idle_container", mode).stdout;
    let text = String::from_utf8_lossy(&output);
    let used = text.lines().find_map(|line| line.strip_prefix("used ")).unwrap();
    let (cpu_ms, waits) = used.split_once(' ').unwrap();
    (cpu_ms.parse().unwrap(), waits.parse().unwrap())
}

/// Whether it is so in one of some tries: on a busy machine others may have the cores in some of them.
fn is_so_once(mut one: impl FnMut() -> bool) -> bool {
    (0..5).any(|_| one())
}

pub(super) fn idle_spin() {
    assert!(is_so_once(|| idle_usage("spin").0 > idle_usage("park").0 + 50), "milliseconds of CPU");
}

pub(super) fn idle_sleep() {
    assert!(is_so_once(|| idle_usage("sleep").1 > idle_usage("park").1 + 50), "it does not sleep");
}
