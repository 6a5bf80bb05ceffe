//! Payloads come back as they were, in order, and also to a later process.

use std::{
    os::unix::fs::PermissionsExt,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;

#[test]
fn a_payload_comes_back_as_it_was() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    append(&mut store, payload(7, b"no ends\xff\0"));
    let read = read(&mut store).unwrap();
    assert_eq!((read.payload.id(), read.payload.records()), (id(7), &b"no ends\xff\0"[..]));
    assert_eq!((read.payload.marked_records(), read.payload.is_replayed()), (0, true));
    assert_eq!((read.events, read.oldest), (8, Some(Timestamp::from_unix_nanos(1_000_007))));
}

#[test]
fn a_payload_keeps_the_ends_of_its_records() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    let mut marked = payload(1, b"");
    for record in [&b"one"[..], b"", b"three"] {
        marked.payload.buffer().extend_from_slice(record);
        marked.payload.end_record();
    }
    append(&mut store, marked);
    let read = read(&mut store).unwrap().payload;
    let records = [0, 1, 2, 3].map(|index| read.record(index));
    assert_eq!(records, [Some(&b"one"[..]), Some(b""), Some(b"three"), None]);
}

#[test]
fn a_payload_without_a_record_and_without_a_time_comes_back() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    append(&mut store, StoredPayload { oldest: None, events: 0, ..payload(1, b"") });
    let read = read(&mut store).unwrap();
    assert_eq!((read.payload.records(), read.events, read.oldest), (&b""[..], 0, None));
}

#[test]
fn payloads_come_back_in_order_from_many_segments() {
    let bench = StoreBench::with_segments(1000);
    let mut store = bench.open();
    append_all(&mut store, 0..50, 300);
    assert_eq!(bench.segments().len(), 25);
    assert_eq!(take_all(&mut store), (0..50).collect::<Vec<_>>());
    assert!(read(&mut store).is_none());
    append(&mut store, of_bytes(50, 10));
    assert_eq!(take_all(&mut store), [50]);
    assert_eq!(bench.reports(), [""; 0]);
}

#[test]
fn requests_are_executed_in_their_order() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    store.append(of_bytes(1, 10));
    store.read_next();
    store.acknowledge();
    store.append(of_bytes(2, 10));
    store.read_next();
    store.read_next();
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Appended));
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Read(Some(read)) if number_of(&read) == 1));
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Appended));
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Read(Some(read)) if number_of(&read) == 2));
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Read(None)));
}

#[test]
fn a_longer_payload_than_a_segment_is_stored() {
    let bench = StoreBench::with_segments(1000);
    let mut store = bench.open();
    append_all(&mut store, [1], 10);
    append_all(&mut store, [2], 100_000);
    append_all(&mut store, [3], 10);
    assert_eq!(bench.segments().len(), 3);
    let lengths: Vec<usize> = (0..3).map(|_| read(&mut store).unwrap().payload.len()).collect();
    assert_eq!(lengths, [10, 100_000, 10]);
}

#[test]
fn a_later_process_gets_the_payloads_that_are_not_acknowledged() {
    for is_closed in [true, false] {
        let bench = StoreBench::with_segments(1000);
        let mut store = bench.open();
        append_all(&mut store, 0..10, 300);
        assert_eq!(take(&mut store, 5), [0, 1, 2, 3, 4]);
        assert_eq!(number_of(&read(&mut store).unwrap()), 5, "read, and not acknowledged");
        if is_closed {
            close(store);
        } else {
            store.crash();
        }
        let mut store = bench.try_open().unwrap();
        match answer(&mut store) {
            DeliveryStoreAnswer::Recovered { payloads, events, bytes } => {
                assert_eq!((payloads, events, bytes), (5, 6 + 7 + 8 + 9 + 10, 5 * frame_bytes(300)));
            }
            other => panic!("{other:?}"),
        }
        append_all(&mut store, [10], 10);
        let left: Vec<u64> = std::iter::from_fn(|| read(&mut store)).map(|payload| number_of(&payload)).collect();
        assert_eq!(left, [5, 6, 7, 8, 9, 10]);
        assert_eq!(bench.reports(), [""; 0]);
    }
}

#[test]
fn the_next_process_finds_nothing_when_everything_was_acknowledged() {
    let bench = StoreBench::with_segments(1000);
    for round in 0..3 {
        let mut store = bench.open();
        append_all(&mut store, round..round + 5, 300);
        assert_eq!(take_all(&mut store).len(), 5);
        until_idle(&mut store);
        assert_eq!(bench.segments().len(), 0);
        store.crash();
    }
    assert_eq!(bench.reports(), [""; 0]);
}

#[test]
fn a_segment_that_is_left_behind_its_acknowledgement_is_removed() {
    let bench = StoreBench::with_segments(1000);
    let mut store = bench.open();
    append_all(&mut store, 0..4, 300);
    let path = bench.segments().remove(0);
    let content = fs::read(&path).unwrap();
    assert_eq!(take(&mut store, 3), [0, 1, 2]);
    until_idle(&mut store);
    store.crash();
    // As if the process had ended between the position and the removal.
    assert!(!path.exists());
    fs::write(&path, content).unwrap();
    let (mut store, payloads) = bench.reopen();
    assert_eq!((payloads, path.exists()), (1, false));
    assert_eq!(take_all(&mut store), [3]);
}

#[test]
fn a_rewind_reads_again_from_the_oldest_payload_that_is_not_acknowledged() {
    let bench = StoreBench::with_segments(1000);
    let mut store = bench.open();
    append_all(&mut store, 0..10, 300);
    assert_eq!(take(&mut store, 3), [0, 1, 2]);
    (0..4).for_each(|_| drop(read(&mut store).unwrap()));
    store.rewind();
    assert_eq!(take_all(&mut store), [3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn reads_of_before_a_rewind_are_not_answered() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    append_all(&mut store, 0..4, 10);
    let (enter, is_entered) = std::sync::mpsc::channel();
    let (release, is_released) = std::sync::mpsc::channel();
    let is_released = Mutex::new(is_released);
    store.read_next();
    until_idle(&mut store);
    store.work(move || {
        enter.send(()).unwrap();
        let _ = lock(&is_released).recv_timeout(TIMEOUT);
    });
    store.read_next();
    is_entered.recv_timeout(TIMEOUT).unwrap();
    // The answer of a read waits to be taken, and another read waits to be executed.
    store.rewind();
    store.read_next();
    release.send(()).unwrap();
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Read(Some(read)) if number_of(&read) == 0));
    store.acknowledge();
    assert_eq!(take_all(&mut store), [1, 2, 3]);
}

#[test]
fn an_acknowledgement_without_a_payload_has_no_effect() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    store.acknowledge();
    append_all(&mut store, 0..3, 10);
    store.acknowledge();
    drop(read(&mut store));
    store.rewind();
    store.acknowledge();
    assert_eq!(take_all(&mut store), [0, 1, 2]);
}

#[test]
fn the_bytes_of_requests_are_pending_until_their_answers_are_taken() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    store.append(of_bytes(1, 100));
    store.append(of_bytes(2, 20));
    assert_eq!(store.pending_bytes(), 120);
    answer(&mut store);
    assert_eq!(store.pending_bytes(), 20);
    answer(&mut store);
    assert_eq!(store.pending_bytes(), 0);
}

#[derive(Default)]
struct WakeCounter(AtomicUsize);

impl Wake for WakeCounter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_thread_wakes_the_waker_of_the_last_poll_once() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    let [first, last] = [(); 2].map(|()| Arc::<WakeCounter>::default());
    for counter in [&first, &last] {
        let waker = Waker::from(Arc::clone(counter));
        assert!(store.poll(&mut Context::from_waker(&waker)).is_pending());
    }
    store.append(of_bytes(1, 10));
    store.append(of_bytes(2, 10));
    until_idle(&mut store);
    assert_eq!([first, last].map(|counter| counter.0.load(Ordering::Relaxed)), [0, 1]);
}

#[test]
fn only_the_owner_reads_the_files() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    append_all(&mut store, [1], 10);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&bench.directory(0)), 0o700);
    assert_eq!(names(&bench.directory(0)), ["00000000000000000001.spill", "lock", "position"]);
    for name in names(&bench.directory(0)) {
        assert_eq!(mode(&bench.directory(0).join(&name)), 0o600, "{name}");
    }
}

#[test]
fn a_second_store_of_the_same_directory_is_refused() {
    let bench = StoreBench::new();
    let store = bench.open();
    let error = bench.try_open().err().unwrap();
    let SinkError::Other(error) = error else { panic!("{error:?}") };
    let error = error.downcast::<StoreError>().unwrap();
    assert!(matches!(&*error, StoreError::Locked { path } if *path == bench.directory(0)), "{error:?}");
    close(store);
    bench.open();
}

#[test]
fn a_name_that_is_no_directory_is_refused() {
    let bench = StoreBench::new();
    for name in ["", "..", "a/b", "\u{e9}"] {
        let opened = DeliveryStore::open(Some(bench.options()), None, name, bench.shard, bench.reporter());
        let SinkError::Other(error) = opened.err().unwrap() else { panic!("{name}") };
        assert!(error.to_string().contains("no name of a directory"), "{error}");
    }
}

#[test]
fn a_store_without_a_directory_refuses_payloads_and_has_none() {
    let bench = StoreBench::new();
    let mut store = DeliveryStore::open(None, None, SINK, bench.shard, bench.reporter()).unwrap();
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Recovered { payloads: 0, .. }));
    assert!(matches!(refusal(&mut store, of_bytes(1, 1)), StoreError::NotConfigured { .. }));
    assert!(read(&mut store).is_none());
    assert_eq!(names(bench.root.path()), [""; 0]);
}
