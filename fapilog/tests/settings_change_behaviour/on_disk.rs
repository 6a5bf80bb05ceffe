//! Rows of a sink's places on disk: each setting of `spill` and `dead_letters`.

use std::{fs, path::Path, time::Duration};

use fapilog::{
    metrics::{DeliveryMetrics, LossReason},
    settings::{DeliverySettings, SinkEntry},
    sink::{DeadLetterOptions, OnFull, SpillOptions},
};
use tempfile::TempDir;

use crate::deliveries::{Log, Reply, entry};

fn deliveries(log: &Log) -> DeliveryMetrics {
    log.container.metrics().deliveries.remove(0)
}

fn lost(log: &Log) -> u64 {
    log.container.accounts().sinks.first().unwrap().lost.total()
}

/// A log of so many events of so many bytes, none of which is delivered: all are lost or on disk.
fn log_of(events: u64, bytes: usize, sink: SinkEntry, reply: Reply) -> Log {
    let mut log = Log::with_records_of(bytes, sink, reply);
    for _ in 0..events {
        log.info();
    }
    log.until("all are lost or on disk", |log| lost(log) + deliveries(log).spill.events == events);
    log
}

/// A sink that attempts each payload once.
fn spilling(spill: SpillOptions) -> SinkEntry {
    let once = DeliverySettings::new().attempts(1).breaker_failures(1).cool_down(Duration::from_secs(3600));
    entry().on_full(OnFull::Spill).delivery(once.cool_down_max(Duration::from_secs(3600))).spill(spill)
}

/// A sink without a breaker: refused payloads would wait.
fn with_letters(letters: DeadLetterOptions) -> SinkEntry {
    entry().delivery(DeliverySettings::new().breaker_failures(0)).dead_letters(letters)
}

/// The files of a spill directory.
fn segments(directory: &Path) -> usize {
    let of_shards = fs::read_dir(directory).unwrap().map(|shard| shard.unwrap().path());
    let files = of_shards.flat_map(|shard| fs::read_dir(shard).unwrap()).map(|file| file.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "spill")).count()
}

#[test]
fn the_directory_of_spill_has_the_payloads_that_are_not_delivered() {
    let directory = TempDir::new().unwrap();
    let log = log_of(3, 0, spilling(SpillOptions::new(directory.path())), Reply::Busy);
    assert_eq!((lost(&log), deliveries(&log).spill.events, segments(directory.path())), (0, 3, 1));
    let without = entry().delivery(DeliverySettings::new().attempts(1));
    let log = log_of(1, 0, without, Reply::Busy);
    assert_eq!(log.lost(LossReason::SinkFailed), 1);
}

#[test]
fn the_bytes_of_spill_bound_the_payloads_on_disk() {
    let on_disk = |spill: fn(SpillOptions) -> SpillOptions| {
        let directory = TempDir::new().unwrap();
        let log = log_of(10, 30 << 10, spilling(spill(SpillOptions::new(directory.path()))), Reply::Busy);
        deliveries(&log).spill.events
    };
    assert_eq!(on_disk(|spill| spill), 10);
    assert!((1..10).contains(&on_disk(|spill| spill.segment_bytes(64 << 10).bytes_max(128 << 10))));
}

#[test]
fn the_segment_bytes_of_spill_part_the_payloads_among_files() {
    let files = |spill: fn(SpillOptions) -> SpillOptions| {
        let directory = TempDir::new().unwrap();
        let _log = log_of(10, 30 << 10, spilling(spill(SpillOptions::new(directory.path()))), Reply::Busy);
        segments(directory.path())
    };
    assert_eq!((files(|spill| spill), files(|spill| spill.segment_bytes(64 << 10))), (1, 5));
}

#[test]
fn the_path_of_dead_letters_has_the_payloads_that_are_given_up() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("dead.jsonl");
    let log = log_of(3, 0, with_letters(DeadLetterOptions::new(&path)), Reply::Refusal);
    assert_eq!((deliveries(&log).dead_lettered, fs::read_to_string(&path).unwrap().lines().count()), (3, 3));
    assert_eq!(deliveries(&log_of(1, 0, entry(), Reply::Refusal)).dead_lettered, 0);
}

#[test]
fn the_bytes_of_dead_letters_bound_the_file() {
    let in_file = |letters: fn(DeadLetterOptions) -> DeadLetterOptions| {
        let directory = TempDir::new().unwrap();
        let letters = letters(DeadLetterOptions::new(directory.path().join("dead.jsonl")));
        deliveries(&log_of(10, 1 << 10, with_letters(letters), Reply::Refusal)).dead_lettered
    };
    assert_eq!(in_file(|letters| letters), 10);
    assert!((1..10).contains(&in_file(|letters| letters.bytes_max(4 << 10))));
}
