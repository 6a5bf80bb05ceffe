//! A file has the bytes of its events, all of them, in order, and nothing else.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;

use std::{fs, path::Path};

use fapilog_engine::{error::StartError, executor::Executor};
use lines::{BLOCK_BYTES, Way, assert_holds, builder, directory, log_bytes, log_line, shut_down, sink, started, ways};

const PAGE: usize = 4096;

/// Sizes around every boundary.
const SIZES: [usize; 13] = [
    0,
    1,
    PAGE - 1,
    PAGE,
    PAGE + 1,
    BLOCK_BYTES - 1,
    BLOCK_BYTES,
    BLOCK_BYTES + 1,
    BLOCK_BYTES + PAGE - 1,
    2 * BLOCK_BYTES + PAGE + 1,
    7 * BLOCK_BYTES - 1,
    7 * BLOCK_BYTES,
    1_000_003,
];

fn writes_exactly(way: Way, executor: Executor) {
    let directory = directory();
    for size in SIZES {
        let path = directory.path().join(format!("{size}.log"));
        let container = builder().executor(executor).sink("file", sink(&path, way)).start().unwrap();
        let expected = log_bytes(&container.logger("test"), size);
        let accounts = shut_down(&container);
        assert_holds(&path, &expected);
        assert_eq!((accounts.sinks[0].bytes, accounts.lost_total()), (size as u64, 0), "{way:?}");
    }
}

#[test]
fn a_file_is_as_long_as_its_events_whatever_their_sum_and_however_it_is_written() {
    ways().into_iter().for_each(|way| writes_exactly(way, Executor::Thread));
}

#[test]
fn a_file_is_as_long_as_its_events_on_glommio_too() {
    let directory = directory();
    let way = ways()[0];
    let sink = sink(&directory.path().join("probe.log"), way);
    if let Err(StartError::Glommio { reason }) = builder().executor(Executor::Glommio).sink("file", sink).start() {
        eprintln!("NOT TESTED on glommio: {reason}");
        return;
    }
    ways().into_iter().for_each(|way| writes_exactly(way, Executor::Glommio));
}

#[test]
fn events_are_appended_to_what_an_existing_file_holds_whatever_its_length() {
    let directory = directory();
    for way in ways() {
        for existing in [1, PAGE - 1, PAGE, PAGE + 1, 3 * BLOCK_BYTES + 4321] {
            let path = directory.path().join("existing.log");
            let mut expected = vec![b'x'; existing - 1];
            expected.push(b'\n');
            fs::write(&path, &expected).unwrap();
            // Small and large: buffered from the old end, and directly over the old last page.
            for size in [10, 200_001] {
                let container = started(sink(&path, way));
                expected.extend(log_bytes(&container.logger("test"), size));
                assert_eq!(shut_down(&container).sinks[0].bytes, size as u64);
                assert_holds(&path, &expected);
            }
        }
    }
}

#[test]
fn bursts_and_single_events_leave_no_gap() {
    for way in ways() {
        let directory = directory();
        let path = directory.path().join("bursts.log");
        let container = started(sink(&path, way));
        let log = container.logger("test");
        let mut expected = Vec::new();
        for burst in [1, BLOCK_BYTES + 100, 17, 5 * BLOCK_BYTES, 1, 3, 2 * BLOCK_BYTES - 1] {
            expected.extend(log_bytes(&log, burst));
            container.flush(lines::TIMEOUT).unwrap();
            assert_holds(&path, &expected);
            assert_eq!(container.accounts().sinks[0].bytes, expected.len() as u64);
        }
        shut_down(&container);
        assert_holds(&path, &expected);
    }
}

#[test]
fn a_batch_far_larger_than_a_block_is_written_whole() {
    for way in ways() {
        let directory = directory();
        let path = directory.path().join("large.log");
        let container = builder().batch_events_max(10_000).ring_capacity_bytes(4 << 20).message_max_chars(50_000);
        let container = container.sink("file", sink(&path, way).blocks_in_flight(1)).start().unwrap();
        let log = container.logger("test");
        let long = "l".repeat(50_000);
        (0..60).for_each(|_| log_line(&log, &long));
        assert_eq!(shut_down(&container).sinks[0].bytes, 60 * 50_001);
        assert_holds(&path, format!("{long}\n").repeat(60).as_bytes());
    }
}

#[test]
fn each_shard_writes_its_own_file_and_together_the_files_have_every_event_once() {
    let directory = directory();
    let path = directory.path().join("sharded.log");
    let way = *ways().last().unwrap();
    let container = builder().shards(2).sink("file", sink(&path, way)).start().unwrap();
    let log = container.logger("test");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = &log;
            scope.spawn(move || (0..500).for_each(|number| log_line(log, &format!("{thread} {number}"))));
        }
    });
    let accounts = shut_down(&container);

    let files = [path.clone(), directory.path().join("sharded.1.log")];
    let contents = files.map(|file| fs::read_to_string(file).unwrap());
    assert_eq!(accounts.sinks[0].bytes as usize, contents.iter().map(String::len).sum::<usize>());
    assert_each_once_in_order(&contents);
    assert_eq!(names(directory.path()), ["sharded.1.log", "sharded.log"]);
}

fn assert_each_once_in_order(contents: &[String]) {
    let mut next = [0; 8];
    for line in contents.iter().flat_map(|content| content.lines()) {
        let (thread, number) = line.split_once(' ').unwrap();
        let next = &mut next[thread.parse::<usize>().unwrap()];
        assert_eq!(number.parse(), Ok(*next));
        *next += 1;
    }
    assert_eq!(next, [500; 8]);
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
