//! Who is woken, when, and how often.
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

fn bell() -> (Doorbell, Arc<Calls>) {
    let (doorbell, calls) = (Doorbell::new(), Arc::new(Calls::default()));
    doorbell.register(&Waker::from(Arc::clone(&calls)));
    (doorbell, calls)
}

#[test]
fn an_awake_consumer_is_not_called() {
    let (doorbell, calls) = bell();
    doorbell.after_publish(false);
    doorbell.after_publish(true);
    doorbell.ring();
    assert_eq!(calls.count(), 0);
}

#[test]
fn any_frame_calls_a_parked_consumer_once() {
    let (doorbell, calls) = bell();
    assert!(doorbell.fall_asleep(Sleep::Park));
    doorbell.after_publish(false);
    doorbell.after_publish(false);
    doorbell.after_publish(true);
    assert_eq!(calls.count(), 1);
}

#[test]
fn an_ordinary_frame_leaves_a_dozing_consumer_alone() {
    let (doorbell, calls) = bell();
    assert!(doorbell.fall_asleep(Sleep::Timed));
    doorbell.after_publish(false);
    assert_eq!(calls.count(), 0);
}

#[test]
fn an_urgent_frame_calls_a_dozing_consumer() {
    let (doorbell, calls) = bell();
    assert!(doorbell.fall_asleep(Sleep::Timed));
    doorbell.after_publish(true);
    assert_eq!(calls.count(), 1);
}

#[test]
fn a_doze_can_deepen_into_a_park() {
    let (doorbell, calls) = bell();
    assert!(doorbell.fall_asleep(Sleep::Timed));
    assert!(doorbell.fall_asleep(Sleep::Park));
    doorbell.after_publish(false);
    assert_eq!(calls.count(), 1);
}

#[test]
fn a_ring_calls_a_consumer_however_deep_it_sleeps() {
    for sleep in [Sleep::Timed, Sleep::Park] {
        let (doorbell, calls) = bell();
        assert!(doorbell.fall_asleep(sleep));
        doorbell.ring();
        assert_eq!(calls.count(), 1);
    }
}

#[test]
fn a_consumer_that_woke_by_itself_is_not_called() {
    let (doorbell, calls) = bell();
    assert!(doorbell.fall_asleep(Sleep::Park));
    doorbell.wake_up();
    doorbell.after_publish(true);
    assert_eq!(calls.count(), 0);
}

#[test]
fn each_sleep_is_called_anew() {
    let (doorbell, calls) = bell();
    for sleeps in 1..=3 {
        assert!(doorbell.fall_asleep(Sleep::Park));
        doorbell.after_publish(false);
        doorbell.wake_up();
        assert_eq!(calls.count(), sleeps);
    }
}

#[test]
fn the_waker_registered_last_is_the_one_called() {
    let (doorbell, former) = bell();
    let latter = Arc::new(Calls::default());
    doorbell.register(&Waker::from(Arc::clone(&latter)));
    assert!(doorbell.fall_asleep(Sleep::Park));
    doorbell.ring();
    assert_eq!((former.count(), latter.count()), (0, 1));
}

#[test]
fn a_bell_without_a_waker_can_be_rung() {
    let doorbell = Doorbell::new();
    assert!(doorbell.fall_asleep(Sleep::Park));
    doorbell.ring();
}

/// Rings the bell when it is dropped, as an executor might that is being torn down.
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

/// Has a bell let go of a waker that rings it in turn, on a thread of its own: if the bell holds its lock, it hangs.
fn assert_may_use_the_bell_while_it_is_dropped(let_go: fn(&Doorbell)) {
    let (done, outcome) = mpsc::channel();
    thread::spawn(move || {
        let doorbell = Arc::new(Doorbell::new());
        doorbell.register(&Waker::from(Arc::new(RingsWhenDropped(Arc::clone(&doorbell)))));
        let_go(&doorbell);
        done.send(()).unwrap();
    });
    outcome.recv_timeout(Duration::from_secs(60)).expect("the bell must not hold its lock while a waker is dropped");
}

#[test]
fn a_replaced_waker_may_use_the_bell_while_it_is_dropped() {
    assert_may_use_the_bell_while_it_is_dropped(|doorbell| doorbell.register(Waker::noop()));
}

#[test]
fn a_deregistered_waker_may_use_the_bell_while_it_is_dropped() {
    assert_may_use_the_bell_while_it_is_dropped(Doorbell::deregister);
}

#[test]
fn a_consumer_that_has_deregistered_is_not_called() {
    let (doorbell, calls) = bell();
    doorbell.deregister();
    for sleep in [Sleep::Timed, Sleep::Park] {
        assert!(doorbell.fall_asleep(sleep));
        doorbell.ring();
    }
    assert_eq!(calls.count(), 0);
}

#[test]
fn a_deregistered_waker_is_let_go() {
    let (doorbell, calls) = bell();
    assert_eq!(Arc::strong_count(&calls), 2);
    doorbell.deregister();
    assert_eq!(Arc::strong_count(&calls), 1);
}

#[test]
fn a_bell_can_be_registered_with_again() {
    let (doorbell, calls) = bell();
    doorbell.deregister();
    doorbell.register(&Waker::from(Arc::clone(&calls)));
    assert!(doorbell.fall_asleep(Sleep::Park));
    doorbell.ring();
    assert_eq!(calls.count(), 1);
}
