//! Four producers on two shards, and their lines.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this is test code")]

use std::thread;

use fapilog_engine::{container::Container, producer::Logger};
use fapilog_sink_file::File;

use crate::lines::{builder, log_line};

pub(crate) const PRODUCERS: usize = 4;

/// A container with two shards.
pub(crate) fn started_shards(sink: File) -> Container {
    builder().shards(2).sink("file", sink).start().unwrap()
}

/// Logs lines of a producer, with their numbers.
pub(crate) fn log_numbered(log: &Logger, producer: usize, numbers: std::ops::Range<u64>) {
    for number in numbers {
        log_line(log, &format!("{producer} {number:08} {}", "x".repeat(80 + (number % 50) as usize)));
    }
}

/// Has each producer log so many lines. Returns the number of all lines.
pub(crate) fn run_producers(container: &Container, lines_each: u64) -> u64 {
    thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let log = container.logger("test");
            scope.spawn(move || log_numbered(&log, producer, 0..lines_each));
        }
    });
    lines_each * PRODUCERS as u64
}

/// The numbers of a producer's lines, in the order of the text.
pub(crate) fn lines_of(text: &str, producer: usize) -> Vec<u64> {
    let start = format!("{producer} ");
    let own = text.lines().filter_map(|line| line.strip_prefix(&start));
    own.map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect()
}

/// Asserts that the text has so many lines of each producer, in order, and no other line.
#[track_caller]
pub(crate) fn assert_each_once(text: &str, lines_each: u64) {
    for producer in 0..PRODUCERS {
        let numbers = lines_of(text, producer);
        let differs = numbers.iter().zip(0..).position(|(number, expected)| *number != expected);
        assert_eq!((numbers.len() as u64, differs), (lines_each, None), "producer {producer}");
    }
    assert_eq!(text.lines().count() as u64, lines_each * PRODUCERS as u64);
}

/// Asserts that the text has the first lines of each producer, in order, so many together, and no other line.
#[track_caller]
pub(crate) fn assert_is_prefix(text: &str, lines: u64) {
    for producer in 0..PRODUCERS {
        let numbers = lines_of(text, producer);
        assert!(numbers.iter().zip(0..).all(|(number, expected)| *number == expected), "producer {producer}");
    }
    assert_eq!(text.lines().count() as u64, lines);
    assert!(text.is_empty() || text.ends_with('\n'));
}
