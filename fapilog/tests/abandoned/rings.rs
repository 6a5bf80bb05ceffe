//! Rings that an abandoned drain may still read.

use std::thread;

use fapilog::{container::Overflow, sink::MemoryEvents};

use crate::{
    builder, hang, is_abandoned,
    law::{self, memory, until},
    log, numbers, shut_down,
    trap::Trap,
};

#[test]
fn a_thread_whose_ring_is_held_goes_on_in_another_and_drops_nothing() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let builder = builder(&trap).ring_capacity_bytes(64 << 10).overflow(Overflow::Block { timeout: law::TIMEOUT });
    let container = builder.sink("memory", sink).start().unwrap();
    hang(&container, &trap, 0);
    until("another drain takes over", || is_abandoned(&container));
    // Several times as much as a ring holds.
    const EVENTS: u64 = 20_000;
    log(&container, 1..EVENTS);
    container.flush(law::TIMEOUT).unwrap_err();
    assert_eq!(numbers(&events), (1..EVENTS).collect::<Vec<_>>());
    assert_eq!(container.accounts().lost_total(), 1);
    // The old ring is read to its end, and given back.
    until("the held ring is gone", || container.rings() == 2);
    shut_down(&container);
    trap.release();
}

#[test]
fn the_shared_ring_of_threads_without_one_is_replaced_too() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let builder = builder(&trap).threads_max(2).ring_capacity_bytes(64 << 10);
    let container = builder.sink("memory", sink).start().unwrap();
    // This thread takes the only ring but one.
    log(&container, 0..1);
    container.flush(law::TIMEOUT).unwrap();
    let other = thread::scope(|scope| {
        let holder = scope.spawn(|| {
            log(&container, 1..2);
            container.flush(law::TIMEOUT).unwrap();
            // While this thread lives, others share a ring.
            scope.spawn(|| hang(&container, &trap, 2)).join().unwrap();
            until("another drain takes over", || is_abandoned(&container));
        });
        holder.join().is_ok()
    });
    assert!(other);
    thread::scope(|scope| {
        scope.spawn(|| log(&container, 3..10_000)).join().unwrap();
    });
    until("all are delivered or lost", || container.accounts().pending_total() == 0);
    let accounts = shut_down(&container);
    assert_eq!(accounts.submitted - accounts.lost_total(), numbers_and_reports(&events), "{accounts}");
    trap.release();
}

fn numbers_and_reports(events: &MemoryEvents) -> u64 {
    events.lines().len() as u64
}
