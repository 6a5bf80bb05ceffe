//! Rows of rings: their number, their room, and a log call that finds one full.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    error, info,
    settings::{OverflowStrategy, SettingsBuilder},
};

use crate::{
    NEVER,
    log::{plain, start, start_manual},
};

/// How many small events fit in a ring that nobody drains.
fn room(builder: SettingsBuilder) -> u64 {
    let (container, _drain, _events) = start_manual(builder.overflow_strategy(OverflowStrategy::DropNewest));
    let log = container.logger("settings");
    while container.accounts().lost.total() == 0 {
        info!(log, "one more");
    }
    container.accounts().submitted - 1
}

/// How long a log call takes that finds its ring full.
fn wait_when_full(builder: SettingsBuilder) -> Duration {
    let (container, _drain, _events) = start_manual(builder.queue_max_size(100));
    let (log, filler) = (container.logger("settings"), "x".repeat(10_000));
    loop {
        let start = Instant::now();
        info!(log, "fills the ring", filler = filler.as_str());
        if container.accounts().lost.total() > 0 {
            return start.elapsed();
        }
    }
}

pub(super) fn queue_max_size() {
    let (few, many) = (room(plain().queue_max_size(100)), room(plain().queue_max_size(4000)));
    assert!(few >= 100 && many >= 4000 && many > 4 * few, "{few} and {many}");
}

pub(super) fn ring_capacity_bytes() {
    let (small, large) = (room(plain().ring_capacity_bytes(16 << 10)), room(plain().ring_capacity_bytes(256 << 10)));
    assert!(large > 8 * small, "{small} and {large}");
}

pub(super) fn overflow_strategy() {
    let wait = Duration::from_millis(300);
    let blocking = plain().overflow_timeout(wait);
    assert!(wait_when_full(blocking.clone().overflow_strategy(OverflowStrategy::Block)) >= wait);
    // Would it wait, it would do so for ever.
    wait_when_full(blocking.overflow_timeout(NEVER).overflow_strategy(OverflowStrategy::DropNewest));
    let all = room_for_low_severity(OverflowStrategy::DropNewest);
    let less = room_for_low_severity(OverflowStrategy::DropLowSeverity);
    assert!(less < all, "{less} of {all}");
}

/// How many INFO events fit before the first is lost; an ERROR fits after it where room is kept for it.
fn room_for_low_severity(strategy: OverflowStrategy) -> u64 {
    let (container, _drain, _events) = start_manual(plain().queue_max_size(100).overflow_strategy(strategy));
    let log = container.logger("settings");
    while container.accounts().lost.total() == 0 {
        info!(log, "one more");
    }
    let before = container.accounts();
    error!(log, "grave");
    let is_kept = container.accounts().lost.total() == before.lost.total();
    assert_eq!(is_kept, strategy == OverflowStrategy::DropLowSeverity);
    before.submitted
}

pub(super) fn overflow_timeout() {
    let wait = Duration::from_millis(300);
    assert!(wait_when_full(plain().overflow_timeout(wait)) >= wait);
    wait_when_full(plain().overflow_timeout(Duration::ZERO));
}

pub(super) fn threads_max() {
    // The shared lane has one more ring.
    assert_eq!((rings_of_three_threads(1), rings_of_three_threads(3)), (2, 4));
}

fn rings_of_three_threads(threads_max: usize) -> usize {
    let started = start(plain().threads_max(threads_max));
    let all_have_logged = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                started.log("from a thread");
                all_have_logged.wait();
                all_have_logged.wait();
            });
        }
        all_have_logged.wait();
        let rings = started.container.rings();
        all_have_logged.wait();
        rings
    })
}
