//! A process that is killed while it spills.

use std::{
    io::{BufRead, BufReader, Write as _},
    process::Stdio,
    time::Duration,
};

use fapilog::info;
use tempfile::TempDir;

use crate::{
    deliveries,
    destination::{Answer, Destination},
    law::{TIMEOUT, child, thread_builder, until},
    program_numbers, shut_down_with_left, spilling, started,
};

const DIRECTORY: &str = "FAPILOG_TEST_SPILL_DIRECTORY";

/// Logs for ever to a destination that is down, and prints the number of events on disk.
#[test]
fn the_child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let destination = Destination::new(Answer::Down);
    let options = fapilog::sink::SinkOptions::new()
        .delivery(destination.attempting(1))
        .spill(fapilog::sink::SpillOptions::new(directory).segment_bytes(64 << 10))
        .on_full(fapilog::sink::OnFull::Spill);
    let container = thread_builder()
        .flush_interval(Duration::from_millis(1))
        .sink_with("network", destination, options)
        .start()
        .unwrap();
    let log = container.logger("spill");
    for number in 0_u64.. {
        info!(log, "numbered", number);
        if number % 10 == 9 {
            let stored = || deliveries(&container).spill.stored;
            until("they are on disk", || stored() == number + 1);
            writeln!(std::io::stdout(), "stored {}", number + 1).unwrap();
        }
    }
}

#[test]
fn what_was_on_disk_when_the_process_was_killed_is_delivered_once_and_in_order() {
    for round in 1..=5 {
        let directory = TempDir::new().unwrap();
        let mut child = child("kill::the_child", DIRECTORY, directory.path().to_str().unwrap());
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || loop {
            let line = lines.next()?.ok()?;
            if let Some(stored) = line.strip_prefix("stored ") {
                return stored.parse::<u64>().ok();
            }
        };
        let seen = (0..10 * round).filter_map(|_| next()).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // Lines that were on their way in the pipe.
        let stored = std::iter::from_fn(next).last().unwrap_or(seen);

        let destination = Destination::new(Answer::Takes);
        let container = started(&destination, spilling(&directory));
        until("it has looked at the disk", || deliveries(&container).recovered.found >= stored);
        until("all are delivered", || deliveries(&container).recovered.pending() == 0);
        let numbers = program_numbers(&destination);
        assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
        assert!(numbers.len() as u64 >= stored, "{} of {stored}", numbers.len());
        let accounts = shut_down_with_left(&container, 0);
        assert_eq!(accounts.submitted, 0, "{accounts}");
        // Nothing comes again.
        let container = started(&destination, spilling(&directory));
        container.flush(TIMEOUT).unwrap();
        shut_down_with_left(&container, 0);
        assert_eq!(program_numbers(&destination).len(), numbers.len());
    }
}
