//! Files that another program removes or changes while the store uses them.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
};

use super::*;

const WAITS: &str = "FAPILOG_STORE_PROGRAM_TEST";

/// No test in itself: a program that runs until its input ends.
#[test]
fn the_child() {
    if std::env::var(WAITS).is_ok() {
        let _ = std::io::stdin().read(&mut [0]);
    }
}

/// Starts the program. The children of other tests may have the copied file open for a moment.
fn started(path: &Path) -> Child {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let mut command = Command::new(path);
        command.args(["--exact", "delivery::store::tests::removed::the_child"]).env(WAITS, "");
        match command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn() {
            Ok(program) => return program,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}

#[test]
fn a_segment_that_cannot_be_opened_is_set_aside() {
    let bench = StoreBench::with_segments(1000);
    let mut store = bench.open();
    append_all(&mut store, 0..4, 300);
    store.crash();
    // A file that is executed cannot be opened for writing.
    let path = bench.segments()[0].clone();
    fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
    let mut program = started(&path);
    let (mut store, payloads) = bench.reopen();
    drop(program.stdin.take());
    program.wait().unwrap();
    assert_eq!((payloads, take_all(&mut store)), (2, vec![2, 3]));
    let unread = PathBuf::from(format!("{}.unread", path.display()));
    let reports = bench.reports();
    assert_eq!(reports.len(), 2, "{reports:?}");
    assert!(reports[0].contains("cannot read ") && reports[0].contains("Text file busy"), "{reports:?}");
    assert_eq!(reports[1], format!("{} has payloads that are not delivered", unread.display()));
    close(store);
    close(bench.open());
    assert!(unread.exists() && !path.exists());
}

#[test]
fn a_removed_directory_is_made_again() {
    let bench = StoreBench::with_segments(1000);
    let mut store = bench.open();
    append_all(&mut store, 0..6, 300);
    assert_eq!(take(&mut store, 1), [0]);
    until_idle(&mut store);
    fs::remove_dir_all(bench.directory(0)).unwrap();
    append_all(&mut store, 6..8, 300);
    assert!(
        bench.reports().iter().any(|report| report.contains("was removed by another program")),
        "{:?}",
        bench.reports()
    );
    // The segment that was being read is still open.
    assert_eq!(take(&mut store, 1), [1]);
    store.read_next();
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Unreadable { payloads: 4, events: 18 }));
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Read(Some(read)) if number_of(&read) == 6));
    store.acknowledge();
    until_idle(&mut store);
    store.crash();
    let (mut store, _) = bench.reopen();
    assert_eq!(take_all(&mut store), [7]);
}

#[test]
fn a_removed_lock_is_made_again_and_all_payloads_stay() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    append_all(&mut store, 0..3, 10);
    assert_eq!(take(&mut store, 1), [0]);
    until_idle(&mut store);
    fs::remove_file(bench.directory(0).join("lock")).unwrap();
    append_all(&mut store, [3], 10);
    assert!(bench.try_open().is_err());
    assert_eq!(take(&mut store, 1), [1]);
    until_idle(&mut store);
    store.crash();
    let (mut store, _) = bench.reopen();
    assert_eq!(take_all(&mut store), [2, 3]);
    assert!(bench.report().contains("or the lock in it, was removed by another program"), "{:?}", bench.reports());
}

#[test]
fn a_directory_that_was_made_again_is_locked() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    append_all(&mut store, [1], 10);
    fs::remove_dir_all(bench.root.path()).unwrap();
    append_all(&mut store, [2], 10);
    assert!(bench.try_open().is_err());
}

#[test]
fn a_directory_that_another_store_has_taken_is_refused() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    append_all(&mut store, [1], 10);
    fs::remove_dir_all(bench.directory(0)).unwrap();
    let other = bench.open();
    assert!(matches!(refusal(&mut store, of_bytes(2, 10)), StoreError::Locked { .. }));
    assert!(bench.report().contains("in use by another sink"), "{:?}", bench.reports());
    close(other);
    append_all(&mut store, [3], 10);
}

#[test]
fn a_directory_that_cannot_be_made_again_refuses_payloads_until_it_can() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    append_all(&mut store, [1], 10);
    fs::remove_dir_all(bench.directory(0)).unwrap();
    fs::write(bench.directory(0), "a file").unwrap();
    assert!(matches!(refusal(&mut store, of_bytes(2, 10)), StoreError::Io { .. }));
    assert!(bench.report().contains("cannot make the directory"), "{:?}", bench.reports());
    fs::remove_file(bench.directory(0)).unwrap();
    append_all(&mut store, [3], 10);
    store.crash();
    let (mut store, _) = bench.reopen();
    assert_eq!(take_all(&mut store), [3]);
}

#[test]
fn a_removed_segment_gets_no_payloads() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    append_all(&mut store, [1, 2], 10);
    fs::remove_file(&bench.segments()[0]).unwrap();
    append_all(&mut store, [3], 10);
    assert_eq!(bench.segments().len(), 1);
    store.read_next();
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Unreadable { payloads: 2, events: 5 }));
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Read(Some(read)) if number_of(&read) == 3));
    assert_eq!(bench.reports().len(), 2, "{:?}", bench.reports());
}

#[test]
fn a_segment_that_is_cut_gives_the_payloads_in_front() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    append_all(&mut store, 0..4, 100);
    let cut = HEADER + 2 * frame_bytes(100) + 30;
    File::options().write(true).open(&bench.segments()[0]).unwrap().set_len(cut).unwrap();
    assert_eq!(take(&mut store, 2), [0, 1]);
    store.read_next();
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Unreadable { payloads: 2, events: 7 }));
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Read(None)));
    append_all(&mut store, [4], 100);
    assert_eq!(take_all(&mut store), [4]);
}

#[test]
fn payloads_that_were_removed_after_they_were_read_are_counted_after_a_rewind() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    append_all(&mut store, 0..3, 10);
    assert_eq!(take(&mut store, 1), [0]);
    assert_eq!(number_of(&read(&mut store).unwrap()), 1);
    until_idle(&mut store);
    store.crash();
    let (mut store, payloads) = bench.reopen();
    assert_eq!(payloads, 2);
    fs::remove_file(&bench.segments()[0]).unwrap();
    store.rewind();
    store.read_next();
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Unreadable { payloads: 2, events: 5 }));
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Read(None)));
}
