//! A process that is killed at any moment: each payload whose append was answered, and which was not taken, is there once.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
};

use super::*;

const CHILD: &str = "FAPILOG_STORE_KILLED_TEST_DIRECTORY";
const FIRST: &str = "FAPILOG_STORE_KILLED_TEST_FIRST";

/// Processes that are killed.
const ROUNDS: u64 = 30;

fn options(directory: &Path) -> SpillOptions {
    SpillOptions::new(directory).segment_bytes(4096)
}

fn open(directory: &Path) -> DeliveryStore {
    let reports: Arc<dyn Diagnostics> = Arc::<Reports>::default();
    let shard = ShardInfo::new(0, 1);
    let reporter = SinkContext::new(shard, SINK, &reports).reporter();
    let mut store = DeliveryStore::open(Some(options(directory)), None, SINK, shard, reporter).unwrap();
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Recovered { .. }));
    store
}

/// No test in itself: the work of the process that is killed. It takes a payload for every two that it appends, and writes
/// down the number of each append that is answered, and of each payload that is taken.
#[test]
fn the_child() {
    let Ok(directory) = std::env::var(CHILD) else { return };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let mut store = open(Path::new(&directory));
    // Not `println`, which a test captures. Each line is one write.
    let out = File::options().write(true).open("/proc/self/fd/1").unwrap();
    // More than is ever waited for: a child without a parent ends.
    for number in first..first + 1_000_000 {
        append(&mut store, of_bytes(number, 50 + (number * 37 % 400) as usize));
        (&out).write_all(format!("\nappended {number}\n").as_bytes()).unwrap();
        if number % 2 == 1 {
            let taken = number_of(&read(&mut store).unwrap());
            (&out).write_all(format!("\nread {taken}\n").as_bytes()).unwrap();
            store.acknowledge();
            until_idle(&mut store);
            (&out).write_all(format!("\nacknowledged {taken}\n").as_bytes()).unwrap();
        }
    }
}

fn child(directory: &Path, first: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "delivery::store::tests::killed::the_child", "--nocapture", "--test-threads=1"])
        .env(CHILD, directory)
        .env(FIRST, first.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// The last numbers that a child has written down.
#[derive(Default, Debug)]
struct WrittenDown {
    appended: Option<u64>,
    read: Option<u64>,
    acknowledged: Option<u64>,
}

impl WrittenDown {
    fn take(&mut self, line: &str) {
        let Some((kind, number)) = line.split_once(' ') else { return };
        let Ok(number) = number.parse() else { return };
        match kind {
            "appended" => self.appended = Some(number),
            "read" => self.read = Some(number),
            "acknowledged" => self.acknowledged = Some(number),
            _ => {}
        }
    }
}

/// Lets a child append `count` payloads, and kills it.
fn killed_after(directory: &Path, first: u64, count: u64) -> WrittenDown {
    let mut child = child(directory, first);
    let mut written = WrittenDown::default();
    let mut is_killed = false;
    // The lines in the pipe outlive the child.
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        written.take(&line.unwrap());
        if !is_killed && written.appended.is_some_and(|appended| appended >= first + count) {
            child.kill().unwrap();
            is_killed = true;
        }
    }
    assert_eq!(child.wait().unwrap().signal(), Some(9), "it ended before");
    written
}

#[test]
fn a_killed_process_leaves_each_stored_payload_once_and_in_order() {
    let root = tempfile::tempdir().unwrap();
    let mut first = 0;
    // The oldest payload that is to be there.
    let mut oldest = 0;
    for round in 0..ROUNDS {
        let written = killed_after(root.path(), first, 1 + round * 13 % 50);
        if let Some(acknowledged) = written.acknowledged {
            oldest = acknowledged + 1;
        }
        let last = written.appended.unwrap();
        // A payload that was read may have been acknowledged, and the last append may have gone unanswered.
        let in_doubt = written.read.filter(|read| *read >= oldest);
        let mut store = open(root.path());
        let mut numbers = Vec::new();
        while let Some(payload) = read(&mut store) {
            assert_eq!(payload.payload.len() as u64, 50 + number_of(&payload) * 37 % 400);
            numbers.push(number_of(&payload));
        }
        let found_first = numbers[0];
        assert!(
            found_first == oldest || in_doubt == Some(oldest) && found_first == oldest + 1,
            "{numbers:?} {written:?}"
        );
        let found_last = numbers[numbers.len() - 1];
        assert!(found_last == last || found_last == last + 1, "{numbers:?} {written:?}");
        assert_eq!(numbers, (found_first..=found_last).collect::<Vec<_>>());
        (first, oldest) = (found_last + 1, found_first);
        close(store);
    }
}
