//! Each event is delivered or lost once.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use fapilog::{
    container::{EventOrder, Overflow},
    info,
};

use crate::{
    builder, hang, hung, is_abandoned,
    law::{self, memory, of_program, until},
    log, numbers, shut_down, times_abandoned,
    trap::Trap,
};

#[test]
fn a_batch_that_a_plugin_hangs_on_is_lost_and_no_other_event_is() {
    for step in ["process", "enrich"] {
        let trap = Trap::new(step);
        let (sink, events) = memory();
        let container = builder(&trap).sink("memory", sink).start().unwrap();
        log(&container, 0..10);
        container.flush(law::TIMEOUT).unwrap();
        hang(&container, &trap, 10);
        log(&container, 11..100);
        until("another drain has delivered the others", || numbers(&events).len() == 99);
        let expected: Vec<u64> = (0..10).chain(11..100).collect();
        assert_eq!(numbers(&events), expected, "{step}");
        assert!(is_abandoned(&container));
        let accounts = shut_down(&container);
        assert_eq!(hung(&accounts), (1, BTreeMap::from([("memory".to_owned(), 0)])), "{step}: {accounts}");
        let reports = law::messages(&events);
        assert!(reports.contains(&"1 events lost by plugin trap: plugin_hung".to_owned()), "{reports:?}");
        drop(container);
        // The call comes back to a drain that is gone, and finds the events of its batch as they were.
        trap.release();
        until("the abandoned drain has dropped its plugins", || trap.living() == 1);
    }
}

#[test]
fn events_that_a_sink_hangs_on_are_lost_at_each_sink_that_has_not_delivered_them() {
    thread::scope(|scope| {
        for step in ["payload", "encode", "deliver", "poll"] {
            scope.spawn(move || hang_at_a_sink(step));
        }
    });
}

fn hang_at_a_sink(step: &'static str) {
    let trap = Trap::new(step);
    let (sink, events) = memory();
    let container = builder(&trap).sink("memory", sink).start().unwrap();
    log(&container, 0..10);
    container.flush(law::TIMEOUT).unwrap();
    hang(&container, &trap, 10);
    log(&container, 11..100);
    until("another drain has delivered the others", || numbers(&events).iter().filter(|n| **n > 10).count() == 89);
    container.accounts().check().unwrap();
    let accounts = shut_down(&container);
    let (before, at_sinks) = hung(&accounts);
    // Before its payload, the event is still in its ring.
    let expected = if step == "payload" { 0 } else { 1 };
    assert_eq!((before, at_sinks["trap"]), (0, expected), "{step}: {accounts}");
    assert!(at_sinks["memory"] <= expected, "{step}: {accounts}");
    let delivered = numbers(&events);
    assert!(delivered.is_sorted_by(|one, next| one < next), "{step}: {delivered:?}");
    assert_eq!(delivered.len() as u64 + at_sinks["memory"], 100, "{step}");
    trap.release();
}

#[test]
fn the_other_shard_goes_on_meanwhile_and_the_law_holds_at_the_end() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let container = builder(&trap).shards(2).sink("memory", sink).start().unwrap();
    hang(&container, &trap, 0);
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let container = &container;
            scope.spawn(move || log(container, 1000 * (thread + 1)..1000 * (thread + 1) + 500));
        }
    });
    until("both shards have delivered", || numbers(&events).len() >= 2000);
    let accounts = shut_down(&container);
    let lost = hung(&accounts).0;
    assert_eq!((accounts.submitted - lost, lost >= 1), (accounts.sinks[0].delivered, true), "{accounts}");
    for thread in 1..5 {
        let of_thread: Vec<u64> = numbers(&events).into_iter().filter(|number| number / 1000 == thread).collect();
        assert_eq!(of_thread, (1000 * thread..1000 * thread + 500).collect::<Vec<_>>());
    }
    trap.release();
}

#[test]
fn a_second_hang_is_as_the_first() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let container = builder(&trap).sink("memory", sink).start().unwrap();
    for round in 0..2 {
        hang(&container, &trap, round * 10);
        log(&container, round * 10 + 1..(round + 1) * 10);
        until("the others are delivered", || numbers(&events).len() as u64 == (round + 1) * 9);
    }
    let accounts = shut_down(&container);
    assert_eq!(hung(&accounts).0, 2, "{accounts}");
    trap.release();
}

#[test]
fn while_threads_log_and_fill_their_rings_each_hang_costs_its_batch_and_nothing_else() {
    hang_under_load(EventOrder::ByTime);
}

#[test]
fn in_the_order_of_producers_each_hang_costs_its_batch_and_nothing_else_too() {
    hang_under_load(EventOrder::ByProducer);
}

fn hang_under_load(order: EventOrder) {
    const HANGS: u64 = 3;
    const THREADS: u64 = 3;
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let overflow = Overflow::Block { timeout: law::TIMEOUT };
    let builder =
        builder(&trap).order(order).ring_capacity_bytes(64 << 10).overflow(overflow).shards(2).batch_events_max(64);
    let container = builder.sink("memory", sink).start().unwrap();
    let is_over = AtomicBool::new(false);
    let logged: Vec<u64> = thread::scope(|scope| {
        let log_until_over = |thread: u64| {
            let log = container.logger("abandoned");
            let mut number = 0;
            while !is_over.load(Ordering::Relaxed) {
                info!(log, "numbered", number, thread);
                number += 1;
                // The sink keeps all in memory. While a drain hangs, each ring becomes full all the same.
                if number % 5 == 0 {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            number
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || log_until_over(thread))).collect();
        for hang in 1..=HANGS {
            trap.arm();
            until("it hangs", || u64::from(trap.hung()) >= hang);
            until("it is abandoned", || times_abandoned(&container) >= hang);
        }
        is_over.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let accounts = shut_down(&container);
    trap.release();
    let lost = hung(&accounts);
    assert!(lost.0 >= HANGS && lost.0 <= HANGS * 64, "{accounts}");
    assert_eq!(accounts.lost_total(), lost.0 + lost.1["memory"], "{accounts}");
    let delivered = of_program(&events);
    assert_eq!(delivered.len() as u64 + accounts.lost_total(), logged.iter().sum::<u64>(), "{accounts}");
    for thread in 0..THREADS {
        let of_thread = delivered.iter().filter(|event| event["context"]["thread"] == thread);
        let numbers: Vec<_> = of_thread.map(|event| event["context"]["number"].as_u64().unwrap()).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "the order of thread {thread}");
    }
}

#[test]
fn after_eight_abandoned_drains_the_next_waits() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let container = builder(&trap).plugin_timeout(Duration::from_millis(1)).sink("memory", sink).start().unwrap();
    for round in 0..9 {
        hang(&container, &trap, round);
    }
    let is_bound = |text: &str| text == "8 drains were abandoned: the log waits for the next plugin that hangs";
    until("the bound is reported", || container.diagnostics().iter().any(|one| is_bound(&one.text)));
    assert_eq!((hung(&container.accounts()).0, numbers(&events)), (8, Vec::new()));
    trap.release();
    until("the last one has returned", || numbers(&events) == [8]);
    shut_down(&container);
}
