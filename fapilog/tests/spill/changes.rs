//! Sinks with a spill directory that come and go, and fallbacks that fail.

use std::time::{Duration, Instant};

use fapilog::{
    Container,
    sink::{SinkOptions, SpillOptions},
};
use tempfile::TempDir;

use crate::{
    destination::{Answer, Destination},
    law::{TIMEOUT, thread_builder, until},
    log_numbers, on_disk, program_numbers, shut_down_with_left, spilling_at_once,
};

/// The other sink keeps the container alive.
fn started_with_other(destination: &Destination, options: SinkOptions, other: &Destination) -> Container {
    let builder = thread_builder().flush_interval(Duration::from_millis(1));
    builder.sink_with("network", destination.clone(), options).sink("other", other.clone()).start().unwrap()
}

#[test]
fn a_sink_that_is_added_again_delivers_what_it_had_left_on_disk() {
    let directory = TempDir::new().unwrap();
    let (destination, other) = (Destination::new(Answer::Down), Destination::new(Answer::Takes));
    let options = spilling_at_once(&directory, &destination);
    let container = started_with_other(&destination, options.clone(), &other);
    let log = container.logger("spill");
    log_numbers(&log, 0..10);
    until("all are on disk", || on_disk(&container) == 10);
    let start = Instant::now();
    container.remove_plugin("network").unwrap();
    assert!(start.elapsed() < TIMEOUT / 2, "a sink that is removed waits for a destination that is down");
    log_numbers(&log, 10..11);
    container.flush(TIMEOUT).unwrap();
    // First: a failed attempt of the new sink would fail the flush below.
    destination.set(Answer::Takes);
    container.add_sink("network", destination.clone(), options).unwrap();
    log_numbers(&log, 11..12);
    until("all are delivered", || program_numbers(&destination).len() == 11);
    assert_eq!(program_numbers(&destination), (0..10).chain(11..12).collect::<Vec<_>>());
    container.flush(TIMEOUT).unwrap();
    let accounts = shut_down_with_left(&container, 0);
    assert_eq!(accounts.lost_total(), 0, "{accounts}");
}

#[test]
fn a_payload_from_disk_that_is_in_flight_when_its_sink_is_removed_is_delivered_once() {
    let directory = TempDir::new().unwrap();
    let (destination, other) = (Destination::new(Answer::Down), Destination::new(Answer::Takes));
    let delivery = destination.attempting(1).timeout(Duration::ZERO);
    let options = spilling_at_once(&directory, &destination).delivery(delivery);
    let container = started_with_other(&destination, options.clone(), &other);
    log_numbers(&container.logger("spill"), 0..1);
    until("it is on disk", || on_disk(&container) == 1);
    destination.set(Answer::Hangs);
    let attempts = destination.attempts();
    until("it is in flight again", || destination.attempts() > attempts);
    std::thread::scope(|scope| {
        let removal = scope.spawn(|| container.remove_plugin("network"));
        until("the removal has begun", || {
            log_numbers(&container.logger("spill"), 1..2);
            removal.is_finished() || program_numbers(&other).len() > 2
        });
        destination.set(Answer::Takes);
        removal.join().unwrap().unwrap();
    });
    container.add_sink("network", destination.clone(), options).unwrap();
    log_numbers(&container.logger("spill"), 2..3);
    until("the next one is delivered", || program_numbers(&destination).contains(&2));
    shut_down_with_left(&container, 0);
    let numbers = program_numbers(&destination);
    assert_eq!(numbers.iter().filter(|number| **number == 0).count(), 1, "{numbers:?}");
}

#[test]
fn sinks_that_are_each_other_s_fallback_keep_their_payloads_while_both_are_down() {
    let directory = TempDir::new().unwrap();
    let destinations = [Destination::new(Answer::Down), Destination::new(Answer::Down)];
    let spill = || SpillOptions::new(directory.path());
    let options = |destination: &Destination, fallback| {
        SinkOptions::new().delivery(destination.attempting(1)).spill(spill()).fallback(fallback)
    };
    let builder = thread_builder().flush_interval(Duration::from_millis(1));
    let container = builder
        .sink_with("first", destinations[0].clone(), options(&destinations[0], "second"))
        .sink_with("second", destinations[1].clone(), options(&destinations[1], "first"))
        .start()
        .unwrap();
    let log = container.logger("spill");
    log_numbers(&log, 0..20);
    let both_on_disk =
        || container.metrics().deliveries.iter().map(|delivery| delivery.spill.events).collect::<Vec<_>>() == [20, 20];
    until("both have spilled all", both_on_disk);
    container.accounts().check().unwrap();
    destinations[1].set(Answer::Takes);
    until("the second one has delivered both", || program_numbers(&destinations[1]).len() == 40);
    destinations[0].set(Answer::Takes);
    let accounts = shut_down_with_left(&container, 0);
    assert_eq!((accounts.lost_total(), program_numbers(&destinations[0]).len()), (0, 0), "{accounts}");
    let mut numbers = program_numbers(&destinations[1]);
    numbers.sort_unstable();
    assert_eq!(numbers, (0..40).map(|place| place / 2).collect::<Vec<_>>());
}

#[test]
fn shards_that_spill_for_many_producers_deliver_each_event_once() {
    let directory = TempDir::new().unwrap();
    let destination = Destination::new(Answer::Down);
    let options = spilling_at_once(&directory, &destination);
    let builder = thread_builder().shards(2).flush_interval(Duration::from_millis(1));
    let builder = builder.overflow(fapilog::container::Overflow::Block { timeout: TIMEOUT });
    let container = builder.sink_with("network", destination.clone(), options).start().unwrap();
    let log = container.logger("spill");
    let events = 4 * 2000;
    std::thread::scope(|scope| {
        for producer in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for number in 0..2000_u64 {
                    log_numbers(log, producer * 2000 + number..producer * 2000 + number + 1);
                }
            });
        }
        for answer in [Answer::Takes, Answer::Hangs, Answer::TakesOnly(2), Answer::RefusesMultiplesOf(u64::MAX)] {
            std::thread::sleep(Duration::from_millis(30));
            destination.set(answer);
        }
    });
    destination.set(Answer::Takes);
    until("all are delivered", || container.accounts().pending_total() == 0);
    let accounts = shut_down_with_left(&container, 0);
    assert_eq!(accounts.lost_total(), 0, "{accounts}");
    let mut numbers = program_numbers(&destination);
    assert_eq!(numbers.len(), events, "{accounts}");
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), events);
}
