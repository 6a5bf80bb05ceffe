//! The order of events of several threads.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{sync::Barrier, thread};

use fapilog::{Container, container::EventOrder, info};
use law::{end, parsed, started_manual};

/// The thread of each delivered event, where two threads have alternated.
fn threads_in_order(order: EventOrder) -> Vec<u64> {
    const ROUNDS: u64 = 5;
    let (container, mut drain, events) = started_manual(Container::builder().order(order));
    let (log, turn) = (container.logger("order"), Barrier::new(2));
    thread::scope(|scope| {
        for this in 0..2_u64 {
            let (log, turn) = (&log, &turn);
            scope.spawn(move || {
                for number in 0..2 * ROUNDS {
                    if number % 2 == this {
                        info!(log, "a turn", this, number);
                    }
                    turn.wait();
                }
            });
        }
    });
    end(&container, &mut drain);
    let delivered = parsed(&events);
    for this in 0..2 {
        let mut numbers = delivered.iter().filter(|event| event["context"]["this"] == this);
        assert!(numbers.by_ref().is_sorted_by_key(|event| event["context"]["number"].as_u64()));
    }
    delivered.iter().map(|event| event["context"]["this"].as_u64().unwrap()).collect()
}

#[test]
fn by_time_events_of_several_threads_come_as_they_were_logged() {
    assert_eq!(threads_in_order(EventOrder::ByTime), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
}

#[test]
fn by_producer_they_come_thread_by_thread() {
    let threads = threads_in_order(EventOrder::ByProducer);
    assert_eq!(threads.iter().filter(|this| **this == 0).count(), 5);
    assert!(threads.is_sorted() || threads.iter().rev().is_sorted(), "{threads:?}");
}
