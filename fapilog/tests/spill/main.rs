//! Payloads that a destination does not take: on disk, at another sink, and in the file for dead letters.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../law/mod.rs"]
mod law;

mod changes;
mod destination;
mod kill;
mod take_over;

use std::time::{Duration, Instant};

use destination::{Answer, Destination};
use fapilog::{
    Container, Logger,
    error::StartError,
    info,
    metrics::{Accounts, BreakerState, DeliveryMetrics, LossReason},
    sink::{DeadLetterOptions, OnFull, SinkOptions, SpillOptions},
};
use law::{TIMEOUT, thread_builder, until};
use tempfile::TempDir;

/// A container with this destination as its sink "network".
fn started(destination: &Destination, options: SinkOptions) -> Container {
    let builder = thread_builder().flush_interval(Duration::from_millis(1));
    builder.sink_with("network", destination.clone(), options).start().unwrap()
}

fn spilling(directory: &TempDir) -> SinkOptions {
    SinkOptions::new().spill(SpillOptions::new(directory.path())).on_full(OnFull::Spill)
}

/// Payloads go to disk after the first failure: none of them stays in memory while later ones go to disk.
fn spilling_at_once(directory: &TempDir, destination: &Destination) -> SinkOptions {
    spilling(directory).delivery(destination.attempting(1))
}

fn deliveries(container: &Container) -> DeliveryMetrics {
    container.metrics().deliveries.remove(0)
}

/// Logs each number as an event, in a payload of its own as far as the drain keeps up.
fn log_numbers(log: &Logger, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| info!(log, "numbered", number));
}

/// Events of the program: without reports of losses.
fn program_numbers(destination: &Destination) -> Vec<u64> {
    destination.numbers().into_iter().filter(|number| *number != u64::MAX).collect()
}

fn on_disk(container: &Container) -> u64 {
    deliveries(container).spill.events
}

/// Shuts down, and checks the law: so many events are left on disk.
#[track_caller]
fn shut_down_with_left(container: &Container, left: u64) -> Accounts {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), left, "{accounts}");
    accounts
}

#[test]
fn payloads_wait_on_disk_while_the_destination_is_down_and_come_in_order_when_it_is_back() {
    let directory = TempDir::new().unwrap();
    let destination = Destination::new(Answer::Down);
    let container = started(&destination, spilling_at_once(&directory, &destination));
    let log = container.logger("spill");
    for number in 0..100 {
        log_numbers(&log, number..number + 1);
        until("it is encoded", || container.accounts().sinks[0].offered > number);
    }
    until("all are on disk", || on_disk(&container) == 100);
    assert_ne!(deliveries(&container).breaker, BreakerState::Closed);
    container.accounts().check().unwrap();
    destination.set(Answer::Takes);
    until("all are replayed", || deliveries(&container).spill.replayed == 100);
    log_numbers(&log, 100..101);
    until("the next comes, too", || program_numbers(&destination).len() == 101);
    assert_eq!(program_numbers(&destination), (0..101).collect::<Vec<_>>());
    let taken = destination.taken();
    assert!(taken.iter().all(|taken| taken.is_replayed == (taken.numbers[0] < 100)), "{taken:?}");
    let accounts = shut_down_with_left(&container, 0);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (accounts.submitted, 0), "{accounts}");
}

#[test]
fn payloads_on_disk_are_delivered_by_the_next_container_before_its_own() {
    let directory = TempDir::new().unwrap();
    let destination = Destination::new(Answer::Down);
    let first = started(&destination, spilling_at_once(&directory, &destination));
    log_numbers(&first.logger("spill"), 0..50);
    until("all are on disk", || on_disk(&first) == 50);
    let start = Instant::now();
    let accounts = shut_down_with_left(&first, 50);
    assert!(start.elapsed() < TIMEOUT / 2, "the shutdown waits for a destination that is down");
    assert_eq!(accounts.lost_total(), 0, "{accounts}");

    let second = started(&destination, spilling_at_once(&directory, &destination));
    log_numbers(&second.logger("spill"), 50..60);
    until("the ten wait on disk, too", || on_disk(&second) == 60);
    destination.set(Answer::Takes);
    until("all are delivered", || program_numbers(&destination).len() == 60);
    assert_eq!(program_numbers(&destination), (0..60).collect::<Vec<_>>());
    until("the accounts have it", || deliveries(&second).recovered.pending() == 0);
    let recovered = deliveries(&second).recovered;
    assert_eq!((recovered.found, recovered.delivered, recovered.lost), (50, 50, 0));
    let accounts = shut_down_with_left(&second, 0);
    assert_eq!((accounts.submitted, accounts.delivered_total()), (10, 10), "{accounts}");
    let ids: std::collections::HashSet<_> = destination.taken().iter().map(|taken| taken.id).collect();
    assert_eq!(ids.len(), destination.taken().len(), "an id that comes twice");
}

#[test]
fn what_a_slow_destination_leaves_in_a_full_queue_goes_to_disk() {
    let directory = TempDir::new().unwrap();
    let destination = Destination::new(Answer::Hangs);
    let options = spilling(&directory)
        .delivery(fapilog::sink::DeliveryPolicy::default().queue(2, 1 << 20).timeout(Duration::ZERO));
    let container = started(&destination, options);
    let log = container.logger("spill");
    for number in 0..10 {
        log_numbers(&log, number..number + 1);
        until("it is encoded", || container.accounts().sinks[0].offered > number);
    }
    until("some are on disk", || on_disk(&container) >= 8);
    assert_eq!(deliveries(&container).breaker, BreakerState::Closed);
    let accounts = container.accounts();
    assert_eq!((accounts.lost_total(), accounts.pending_total()), (0, 10), "{accounts}");
    // The delivery that hangs is dropped at the deadline, and its payload goes to disk.
    let _ = container.shutdown(Duration::from_millis(50));
    let accounts = container.accounts();
    accounts.check().unwrap();
    assert_eq!((accounts.lost_total(), accounts.pending_total()), (0, 10), "{accounts}");

    destination.set(Answer::Takes);
    let next = started(&destination, spilling(&directory));
    until("all are delivered", || program_numbers(&destination).len() == 10);
    shut_down_with_left(&next, 0);
}

#[test]
fn a_payload_that_is_refused_for_good_is_a_dead_letter_with_the_reason() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("dead.jsonl");
    let destination = Destination::new(Answer::Refuses);
    let options = spilling(&directory).dead_letters(DeadLetterOptions::new(&path));
    let container = started(&destination, options);
    log_numbers(&container.logger("spill"), 7..8);
    until("it is buried", || deliveries(&container).dead_lettered == 1);
    assert_eq!(container.accounts().sinks[0].lost.of(LossReason::DeadLettered), 1);
    assert_eq!(destination.attempts(), 1, "a permanent error is attempted again");
    destination.set(Answer::Takes);
    shut_down_with_left(&container, 0);
    let letter: serde_json::Value =
        serde_json::from_str(std::fs::read_to_string(&path).unwrap().lines().next().unwrap()).unwrap();
    assert_eq!(letter["records"], serde_json::json!(["7\n"]), "{letter}");
    assert_eq!((&letter["sink"], &letter["events"], &letter["attempts"]), (&"network".into(), &1.into(), &1.into()));
    assert!(letter["reason"].as_str().unwrap().contains("refused"), "{letter}");
}

#[test]
fn records_that_are_refused_are_dead_letters_and_the_others_are_delivered_once() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("dead.jsonl");
    let destination = Destination::new(Answer::RefusesMultiplesOf(3));
    let options = SinkOptions::new().dead_letters(DeadLetterOptions::new(&path));
    let container = started(&destination, options);
    log_numbers(&container.logger("spill"), 1..31);
    until("all are done with", || deliveries(&container).dead_lettered == 10);
    until("the others are delivered", || program_numbers(&destination).len() == 20);
    destination.set(Answer::Takes);
    let accounts = shut_down_with_left(&container, 0);
    assert_eq!(accounts.sinks[0].lost.of(LossReason::DeadLettered), 10, "{accounts}");
    assert_eq!(program_numbers(&destination), (1..31).filter(|number| number % 3 != 0).collect::<Vec<_>>());
    let letters = std::fs::read_to_string(&path).unwrap();
    let buried = letters.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let records: Vec<String> = buried
        .flat_map(|letter| letter["records"].as_array().unwrap().clone())
        .map(|record| record.to_string())
        .collect();
    let expected: Vec<String> = (1..11).map(|number| format!("\"{}\\n\"", 3 * number)).collect();
    assert_eq!(records, expected);
}

#[test]
fn records_of_a_payload_from_disk_that_were_taken_do_not_come_again() {
    let directory = TempDir::new().unwrap();
    let destination = Destination::new(Answer::Down);
    let first = started(&destination, spilling_at_once(&directory, &destination));
    log_numbers(&first.logger("spill"), 0..10);
    until("all are on disk", || on_disk(&first) == 10);
    shut_down_with_left(&first, 10);

    destination.set(Answer::TakesOnly(3));
    let second = started(&destination, spilling_at_once(&directory, &destination));
    until("the first three are taken", || deliveries(&second).spill.replayed >= 3);
    second.accounts().check().unwrap();
    destination.set(Answer::Takes);
    until("all are taken", || deliveries(&second).recovered.delivered == 10);
    let mut numbers = program_numbers(&destination);
    numbers.sort_unstable();
    assert_eq!(numbers, (0..10).collect::<Vec<_>>());
    shut_down_with_left(&second, 0);
}

#[test]
fn payloads_beyond_the_room_on_disk_are_lost_and_counted() {
    let directory = TempDir::new().unwrap();
    let destination = Destination::new(Answer::Down);
    let small = SpillOptions::new(directory.path()).segment_bytes(64 << 10).bytes_max(128 << 10);
    let container = started(&destination, spilling(&directory).spill(small));
    let log = container.logger("spill");
    let mut number = 0;
    until("the disk is full", || {
        log_numbers(&log, number..number + 50);
        number += 50;
        container.accounts().sinks[0].lost.total() > 0
    });
    container.flush(Duration::from_millis(50)).unwrap_err();
    let accounts = container.accounts();
    accounts.check().unwrap();
    assert!(accounts.sinks[0].lost.of(LossReason::SinkBusy) + accounts.sinks[0].lost.of(LossReason::SinkFailed) > 0);
    destination.set(Answer::Takes);
    until("all that was stored comes", || on_disk(&container) == 0 && container.accounts().pending_total() == 0);
    shut_down_with_left(&container, 0);
}

#[test]
fn a_sink_with_a_spill_directory_that_is_in_use_does_not_start() {
    let directory = TempDir::new().unwrap();
    let destination = Destination::new(Answer::Takes);
    let _first = started(&destination, spilling(&directory));
    let second = thread_builder().sink_with("network", destination.clone(), spilling(&directory)).start();
    let Err(StartError::Sink { sink, cause }) = second else { panic!("it starts") };
    let text = std::error::Error::source(&cause).unwrap().to_string();
    assert!(sink == "network" && text.contains("in use"), "{text}");
}

#[test]
fn settings_that_a_sink_cannot_follow_are_problems() {
    let direct = fapilog::sink::Null::new(fapilog::format::Json::new);
    let destination = Destination::new(Answer::Takes);
    let builder = thread_builder()
        .sink_with("direct", direct, SinkOptions::new().fallback("network").spill(SpillOptions::new("x")))
        .sink_with("network", destination.clone(), SinkOptions::new().fallback("missing").on_full(OnFull::Spill))
        .sink_with("alone", destination, SinkOptions::new().fallback("alone"));
    let Err(StartError::Settings(error)) = builder.start() else { panic!("it starts") };
    let paths: Vec<&str> = error.problems.iter().map(|problem| problem.path.as_str()).collect();
    let expected = [
        "sinks.direct.fallback",
        "sinks.direct.spill",
        "sinks.network.fallback",
        "sinks.network.on_full",
        "sinks.alone.fallback",
    ];
    assert_eq!(paths, expected, "{error}");
}

#[test]
fn a_payload_in_flight_comes_before_those_that_went_to_disk_meanwhile() {
    let directory = TempDir::new().unwrap();
    let destination = Destination::new(Answer::Hangs);
    let without_limit = destination.attempting(3).timeout(Duration::ZERO);
    let container = started(&destination, spilling(&directory).delivery(without_limit));
    let log = container.logger("spill");
    for number in 0..20 {
        log_numbers(&log, number..number + 1);
        until("it is encoded", || container.accounts().sinks[0].offered > number);
    }
    until("the others are on disk", || on_disk(&container) == 19);
    destination.set(Answer::Down);
    until("its attempts are used up", || destination.attempts() > 4);
    destination.set(Answer::Takes);
    until("all are delivered", || program_numbers(&destination).len() == 20);
    assert_eq!(program_numbers(&destination), (0..20).collect::<Vec<_>>());
    assert!(!destination.taken()[0].is_replayed && destination.taken()[1].is_replayed);
    shut_down_with_left(&container, 0);
}
