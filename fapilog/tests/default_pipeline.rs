//! The default pipeline, into a JSON file, under every overflow strategy: the law holds, and the file agrees with the
//! accounts.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    io::{BufRead, BufReader},
    time::Duration,
};

use fapilog::{
    Container,
    container::{Executor, Overflow},
    format, info, sink,
};
use law::{TIMEOUT, balanced, executors};

const EVENTS: u64 = 20_000;

/// The counts of the lines of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    events: u64,
    /// Losses that the log itself reports.
    reported_lost: u64,
}

#[track_caller]
fn read(path: &std::path::Path, producers: u64) -> Found {
    let mut found = Found::default();
    let mut last = vec![None; producers as usize];
    for line in BufReader::new(std::fs::File::open(path).unwrap()).lines() {
        let event: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        if event["target"] == "fapilog" {
            found.reported_lost +=
                event["metrics"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>();
            continue;
        }
        assert!(event["context"]["thread_id"].is_u64() && event["context"]["process_id"].is_u64());
        let (producer, n) = (event["context"]["producer"].as_u64().unwrap(), event["context"]["n"].as_u64().unwrap());
        let last = &mut last[producer as usize];
        assert!(last.is_none_or(|last| last < n), "producer {producer}: {n} behind {last:?}");
        *last = Some(n);
        found.events += 1;
    }
    found
}

fn run(executor: Executor, overflow: Overflow, producers: u64) -> (fapilog::metrics::Accounts, Found) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("all.log");
    let container = Container::builder()
        .executor(executor)
        .overflow(overflow)
        .ring_capacity_bytes(64 * 1024)
        .record_max_bytes(1024)
        .apply(fapilog::default_pipeline)
        .sink("file", sink::File::new(&path, format::Json::new))
        .start()
        .unwrap();
    std::thread::scope(|threads| {
        for producer in 0..producers {
            let log = container.logger("default");
            threads.spawn(move || (0..EVENTS).for_each(|n| info!(log, "counted", producer, n)));
        }
    });
    let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
    let found = read(&path, producers);
    (accounts, found)
}

#[track_caller]
fn the_law_holds_under(overflow: Overflow, drops_nothing: bool) {
    for executor in executors() {
        for producers in [1, 2, 8] {
            let (accounts, found) = run(executor, overflow, producers);
            let case = format!("{executor}, {producers} producers: {accounts}");
            // The log's report of its own losses is an event too.
            assert!(accounts.submitted >= producers * EVENTS, "{case}");
            assert_eq!(found.events, producers * EVENTS - accounts.lost.total(), "{case}");
            assert_eq!(found.reported_lost, accounts.lost.total(), "{case}");
            assert_eq!(accounts.filtered_total(), 0, "{case}");
            if drops_nothing {
                assert_eq!(accounts.lost.total(), 0, "{case}");
            }
        }
    }
}

#[test]
fn producers_that_wait_drop_nothing() {
    the_law_holds_under(Overflow::Block { timeout: TIMEOUT }, true);
}

#[test]
fn drops_of_producers_that_wait_a_little_are_accounted_for() {
    the_law_holds_under(Overflow::Block { timeout: Duration::from_micros(1) }, false);
}

#[test]
fn drops_of_producers_that_do_not_wait_are_accounted_for() {
    the_law_holds_under(Overflow::DropNewest, false);
}

#[test]
fn drops_of_producers_that_keep_room_for_errors_are_accounted_for() {
    the_law_holds_under(Overflow::DropLowSeverity, false);
}
