//! A disk without room, and a process without descriptors, by the limits of the process. They are for the whole process, so the
//! test is a process of its own.

use std::process::{Command, Stdio};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;
use crate::delivery::store::{options::DeadLetterOptions, stored_payload::DeadLetter};

const CHILD: &str = "FAPILOG_STORE_FULL_DISK_TEST";

fn limit_files_to(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum }).unwrap();
}

/// No test in itself: the work of the process with the limit.
#[test]
fn the_child() {
    if std::env::var(CHILD).is_err() {
        return;
    }
    full_segment();
    full_letters();
    no_descriptor();
}

fn no_descriptor() {
    let bench = StoreBench::with_segments(1000);
    let mut store = bench.open();
    append_all(&mut store, 0..5, 300);
    let before = getrlimit(Resource::Nofile);
    let allow = |current| setrlimit(Resource::Nofile, Rlimit { current, ..before }).unwrap();
    allow(Some(0));
    for _ in 0..5 {
        assert!(read(&mut store).is_none());
    }
    allow(before.current);
    assert!(bench.reports()[0].ends_with("now: Too many open files (os error 24)"), "{:?}", bench.reports());
    assert_eq!(take_all(&mut store), [0, 1, 2, 3, 4]);
}

fn full_segment() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    append_all(&mut store, 0..3, 1000);
    let end = HEADER + 3 * frame_bytes(1000);
    // The next payload has room for a part of it.
    limit_files_to(Some(end + 500));
    for number in 3..5 {
        let error = refusal(&mut store, of_bytes(number, 1000));
        assert!(matches!(error, StoreError::Io { operation: "write to", .. }), "{error:?}");
        assert_eq!(length(&bench.segments()[0]), end, "no part of the frame is left");
    }
    assert!(bench.reports()[0].contains("cannot write to "), "{:?}", bench.reports());
    append_all(&mut store, [5], 400);
    limit_files_to(None);
    append_all(&mut store, [6], 1000);
    assert_eq!(take(&mut store, 2), [0, 1]);
    until_idle(&mut store);
    store.crash();
    let (mut store, payloads) = bench.reopen();
    assert_eq!((payloads, take_all(&mut store)), (3, vec![2, 5, 6]));
}

fn full_letters() {
    let bench = StoreBench::new();
    let options = DeadLetterOptions::new(bench.root.path().join("dead.jsonl"));
    let path = options.path.clone();
    let mut store = DeliveryStore::open(None, Some(options), SINK, bench.shard, bench.reporter()).unwrap();
    answer(&mut store);
    let mut bury = |bytes: usize| {
        let StoredPayload { payload, events, .. } = of_bytes(1, bytes);
        store.bury(DeadLetter { payload, records: None, events, reason: "test".to_owned(), attempts: 1 });
        match answer(&mut store) {
            DeliveryStoreAnswer::Buried(result) => result.map_err(|(_, error)| error),
            other => panic!("{other:?}"),
        }
    };
    bury(1000).unwrap();
    let end = length(&path);
    limit_files_to(Some(end + 500));
    for _ in 0..2 {
        assert!(matches!(bury(1000), Err(StoreError::Io { operation: "write to", .. })));
        assert_eq!(length(&path), end, "no part of the line is left");
    }
    limit_files_to(None);
    bury(1000).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
}

#[test]
fn a_full_disk_refuses_payloads_and_leaves_no_part_of_them() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let name = "delivery::store::tests::full_disk::the_child";
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CHILD, "").stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
