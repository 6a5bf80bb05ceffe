//! Calls of the waker: when, and how many.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of this program is test code")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Wake, Waker},
    thread,
    time::Duration,
};

use fapilog_ring::{Doorbell, Sleep};

/// Counts its calls.
#[derive(Default)]
struct Calls(AtomicUsize);

impl Calls {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn awake() -> (Doorbell, Arc<Calls>) {
    let (doorbell, calls) = (Doorbell::new(), Arc::new(Calls::default()));
    doorbell.register(&Waker::from(Arc::clone(&calls)));
    (doorbell, calls)
}

#[test]
fn an_awake_consumer_is_not_called() {
    let (doorbell, calls) = awake();
    doorbell.after_publish(false);
    doorbell.after_publish(true);
    doorbell.ring();
    assert_eq!(calls.count(), 0);
}

#[test]
fn any_frame_calls_a_parked_consumer_once() {
    let (doorbell, calls) = awake();
    assert!(doorbell.fall_asleep(Sleep::Park));
    doorbell.after_publish(false);
    doorbell.after_publish(false);
    doorbell.after_publish(true);
    assert_eq!(calls.count(), 1);
}

#[test]
fn an_ordinary_frame_calls_no_consumer_in_a_timed_sleep() {
    let (doorbell, calls) = awake();
    assert!(doorbell.fall_asleep(Sleep::Timed));
    doorbell.after_publish(false);
    assert_eq!(calls.count(), 0);
}

#[test]
fn an_urgent_frame_calls_a_consumer_in_a_timed_sleep() {
    let (doorbell, calls) = awake();
    assert!(doorbell.fall_asleep(Sleep::Timed));
    doorbell.after_publish(true);
    assert_eq!(calls.count(), 1);
}

#[test]
fn an_urgent_frame_calls_a_parked_consumer() {
    let (doorbell, calls) = awake();
    assert!(doorbell.fall_asleep(Sleep::Park));
    doorbell.after_publish(true);
    assert_eq!(calls.count(), 1);
}

#[test]
fn a_timed_sleep_can_become_a_park() {
    let (doorbell, calls) = awake();
    assert!(doorbell.fall_asleep(Sleep::Timed));
    assert!(doorbell.fall_asleep(Sleep::Park));
    doorbell.after_publish(false);
    assert_eq!(calls.count(), 1);
}

#[test]
fn a_ring_calls_a_consumer_however_deep_it_sleeps() {
    for sleep in [Sleep::Timed, Sleep::Park] {
        let (doorbell, calls) = awake();
        assert!(doorbell.fall_asleep(sleep));
        doorbell.ring();
        assert_eq!(calls.count(), 1);
    }
}

#[test]
fn a_consumer_that_woke_by_itself_is_not_called() {
    let (doorbell, calls) = awake();
    assert!(doorbell.fall_asleep(Sleep::Park));
    doorbell.wake_up();
    doorbell.after_publish(true);
    assert_eq!(calls.count(), 0);
}

#[test]
fn each_sleep_is_called_anew() {
    let (doorbell, calls) = awake();
    for sleeps in 1..=3 {
        assert!(doorbell.fall_asleep(Sleep::Park));
        doorbell.after_publish(false);
        doorbell.wake_up();
        assert_eq!(calls.count(), sleeps);
    }
}

#[test]
fn the_waker_registered_last_is_the_one_called() {
    let (doorbell, former) = awake();
    let latter = Arc::new(Calls::default());
    doorbell.register(&Waker::from(Arc::clone(&latter)));
    assert!(doorbell.fall_asleep(Sleep::Park));
    doorbell.ring();
    assert_eq!((former.count(), latter.count()), (0, 1));
}

#[test]
fn a_ring_without_a_waker_does_nothing() {
    let doorbell = Doorbell::new();
    assert!(doorbell.fall_asleep(Sleep::Park));
    doorbell.ring();
}

/// Rings the doorbell when it is dropped, as an executor may at its teardown.
struct RingsWhenDropped(Arc<Doorbell>);

impl Wake for RingsWhenDropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for RingsWhenDropped {
    fn drop(&mut self) {
        assert!(self.0.fall_asleep(Sleep::Park));
        self.0.ring();
    }
}

/// Has a doorbell drop a waker that rings it, on a thread of its own: if the doorbell holds its lock, it hangs.
fn assert_may_use_the_doorbell_while_it_is_dropped(drop_waker: fn(&Doorbell)) {
    let (done, outcome) = mpsc::channel();
    thread::spawn(move || {
        let doorbell = Arc::new(Doorbell::new());
        doorbell.register(&Waker::from(Arc::new(RingsWhenDropped(Arc::clone(&doorbell)))));
        drop_waker(&doorbell);
        done.send(()).unwrap();
    });
    outcome.recv_timeout(Duration::from_secs(60)).expect("the doorbell holds no lock while a waker is dropped");
}

#[test]
fn a_replaced_waker_may_use_the_doorbell_while_it_is_dropped() {
    assert_may_use_the_doorbell_while_it_is_dropped(|doorbell| doorbell.register(Waker::noop()));
}

#[test]
fn a_deregistered_waker_may_use_the_doorbell_while_it_is_dropped() {
    assert_may_use_the_doorbell_while_it_is_dropped(Doorbell::deregister);
}

#[test]
fn a_consumer_that_has_deregistered_is_not_called() {
    let (doorbell, calls) = awake();
    doorbell.deregister();
    for sleep in [Sleep::Timed, Sleep::Park] {
        assert!(doorbell.fall_asleep(sleep));
        doorbell.ring();
    }
    assert_eq!(calls.count(), 0);
}

#[test]
fn a_deregistered_waker_is_dropped() {
    let (doorbell, calls) = awake();
    assert_eq!(Arc::strong_count(&calls), 2);
    doorbell.deregister();
    assert_eq!(Arc::strong_count(&calls), 1);
}

#[test]
fn a_waker_can_be_registered_after_a_deregistration() {
    let (doorbell, calls) = awake();
    doorbell.deregister();
    doorbell.register(&Waker::from(Arc::clone(&calls)));
    assert!(doorbell.fall_asleep(Sleep::Park));
    doorbell.ring();
    assert_eq!(calls.count(), 1);
}
