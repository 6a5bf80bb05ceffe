//! The end of a store.

use std::sync::mpsc;

use super::*;

/// A store whose thread waits until the sender is used or dropped.
fn blocked(store: &mut DeliveryStore) -> mpsc::Sender<()> {
    let (entered, is_entered) = mpsc::channel();
    let (release, is_released) = mpsc::channel::<()>();
    let is_released = Mutex::new(is_released);
    store.work(move || {
        entered.send(()).unwrap();
        let _ = lock(&is_released).recv_timeout(TIMEOUT);
    });
    is_entered.recv_timeout(TIMEOUT).unwrap();
    release
}

#[test]
fn a_close_executes_all_requests_and_returns_their_answers() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    let release = blocked(&mut store);
    store.append(of_bytes(1, 10));
    store.append(of_bytes(2, 10));
    drop(release);
    let answers = store.close(Instant::now() + TIMEOUT);
    assert!(matches!(answers[..], [DeliveryStoreAnswer::Appended, DeliveryStoreAnswer::Appended]), "{answers:?}");
    let (mut store, _) = bench.reopen();
    assert_eq!(take_all(&mut store), [1, 2]);
}

#[test]
fn a_close_leaves_the_thread_to_itself_at_the_deadline() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    let release = blocked(&mut store);
    store.append(of_bytes(1, 10));
    store.read_next();
    let answers = store.close(Instant::now() + Duration::from_millis(20));
    let [DeliveryStoreAnswer::Refused { payload, error: StoreError::Deadline }, DeliveryStoreAnswer::Read(None)] =
        &answers[..]
    else {
        panic!("{answers:?}")
    };
    assert_eq!((number_of(payload), store.pending_bytes()), (1, 0));
    drop(release);
    drop(store);
    // The thread unlocks the directory when it has ended.
    let deadline = Instant::now() + TIMEOUT;
    let mut store = loop {
        match bench.try_open() {
            Ok(store) => break store,
            Err(error) => assert!(Instant::now() < deadline, "{error:?}"),
        }
    };
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Recovered { payloads: 0, .. }));
}

#[test]
fn a_closed_store_refuses_requests() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    assert_eq!(store.close(Instant::now() + TIMEOUT).len(), 0);
    assert!(matches!(refusal(&mut store, of_bytes(1, 10)), StoreError::Closed));
    assert!(read(&mut store).is_none());
    assert_eq!(store.close(Instant::now() + TIMEOUT).len(), 0);
}

#[test]
fn a_dropped_store_executes_its_requests() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    store.append(of_bytes(1, 10));
    drop(store);
    let deadline = Instant::now() + TIMEOUT;
    let mut store = loop {
        match bench.try_open() {
            Ok(store) => break store,
            Err(error) => assert!(Instant::now() < deadline, "{error:?}"),
        }
    };
    answer(&mut store);
    assert_eq!(take_all(&mut store), [1]);
}

#[test]
fn a_closed_store_has_no_waker_of_the_drain() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    let target = Arc::new(Unpark(thread::current()));
    let waker = Waker::from(Arc::clone(&target));
    assert!(store.poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    assert_eq!(Arc::strong_count(&target), 2);
    store.close(Instant::now() + TIMEOUT);
    assert_eq!(Arc::strong_count(&target), 1);
}

#[test]
fn a_panic_on_the_thread_refuses_the_payload_and_all_later_ones() {
    // Work of tests is executed outside of the parts; so a part that panics is made of its own.
    use crate::delivery::store::store_thread::StorePart;
    let mut part = StorePart::new(Some(1));
    let panicked = part.execute("part", |_| -> Result<(), StoreError> { panic!("planted") });
    assert!(matches!(panicked, Err(StoreError::Panicked)));
    assert!(matches!(part.execute("part", |_| Ok(())), Err(StoreError::Panicked)));
}
