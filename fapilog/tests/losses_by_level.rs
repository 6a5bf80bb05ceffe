//! Losses by level: of every event that is lost before the sinks, the level is counted where it is known.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{thread, time::Instant};

use fapilog::{
    Container, Level,
    container::{ContainerBuilder, Overflow},
    critical, debug, error, info,
    metrics::{Accounts, LossReason},
    warn,
};
use law::{balanced, end, shut_down, started, started_manual};

/// Small rings, which are soon full.
fn builder() -> ContainerBuilder {
    Container::builder().overflow(Overflow::DropNewest).ring_capacity_bytes(16 * 1024).record_max_bytes(1024)
}

fn by_level(accounts: &Accounts) -> Vec<(Level, u64)> {
    accounts.lost_by_level.iter().collect()
}

/// Logs until an event is lost.
fn fill(container: &Container) {
    let log = container.logger("losses");
    while container.accounts().lost_total() == 0 {
        info!(log, "filler");
    }
}

#[test]
fn events_that_find_their_ring_full_are_counted_by_level() {
    let (container, mut drain, _events) = started_manual(builder());
    fill(&container);
    let log = container.logger("losses");
    (0..3).for_each(|_| error!(log, "no room"));
    (0..2).for_each(|_| critical!(log, "no room"));
    debug!(log, "below the level");
    let accounts = end(&container, &mut drain);
    assert_eq!(by_level(&accounts), [(Level::Info, 1), (Level::Error, 3), (Level::Critical, 2)]);
    assert_eq!((accounts.lost.of(LossReason::RingFull), accounts.lost_of_unknown_level()), (6, 0));
}

#[test]
fn events_that_find_the_shared_ring_full_are_counted_by_level() {
    let (container, mut drain, _events) = started_manual(builder().threads_max(1));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let log = container.logger("losses");
                (0..1000).for_each(|_| warn!(log, "for a ring that all threads share"));
            });
        }
    });
    let accounts = end(&container, &mut drain);
    let lost = accounts.lost.of(LossReason::RingFull);
    assert!(lost > 0, "{accounts}");
    assert_eq!(by_level(&accounts), [(Level::Warning, lost)]);
}

#[test]
fn calls_on_a_closed_container_are_counted_by_level() {
    let (container, _events) = started();
    let log = container.logger("losses");
    info!(log, "in time");
    shut_down(&container);
    error!(log, "too late");
    info!(log, "too late");
    debug!(log, "below the level");
    let accounts = balanced(container.accounts());
    assert_eq!(by_level(&accounts), [(Level::Info, 1), (Level::Error, 1)]);
    assert_eq!(accounts.lost.of(LossReason::ContainerClosed), 2);
}

#[test]
fn events_that_are_left_in_a_ring_are_of_unknown_level() {
    let (container, mut drain, _events) = started_manual(Container::builder());
    let log = container.logger("losses");
    (0..7).for_each(|_| error!(log, "left"));
    container.request_shutdown(Instant::now());
    drain.turn();
    let accounts = balanced(container.accounts());
    assert_eq!(accounts.lost.of(LossReason::ShutdownDeadline), 7, "{accounts}");
    assert_eq!((accounts.lost_by_level.total(), accounts.lost_of_unknown_level()), (0, 7));
}

#[test]
fn losses_of_several_threads_at_the_same_time_are_all_counted() {
    let (container, mut drain, _events) = started_manual(builder());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let log = container.logger("losses");
                (0..2000).for_each(|_| info!(log, "first"));
                (0..1000).for_each(|_| error!(log, "second"));
            });
        }
    });
    // The threads have ended, and their rings go back.
    law::until("everything is drained", || {
        drain.turn();
        container.accounts().pending_total() == 0
    });
    let accounts = end(&container, &mut drain);
    assert_eq!(accounts.lost_by_level.of(Level::Error), 4 * 1000);
    assert_eq!(accounts.lost.total(), accounts.lost_by_level.total());
}
