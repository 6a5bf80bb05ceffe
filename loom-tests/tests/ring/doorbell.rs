//! Rule 8: whatever is done before the bell is looked at is found by the consumer's last look, or the bell rings.

use fapilog_ring::{
    Doorbell, Producer, Sleep, seeded,
    sync::{Arc, AtomicBool, Ordering},
};
use loom::thread;
use loom_tests::{
    model::{DEADLOCK, holds, is_caught},
    sleeper::Sleeper,
    small_ring::{Seen, idle, publish},
};

/// Sleeps until `there_is_work`, as a host does: it says that it falls asleep, looks once more, and only then sleeps.
fn sleep_until(doorbell: &Doorbell, sleeper: &Sleeper, mut there_is_work: impl FnMut() -> bool) {
    while !there_is_work() {
        assert!(doorbell.fall_asleep(Sleep::Park), "a full fence is never refused");
        if !there_is_work() {
            sleeper.sleep();
        }
        doorbell.wake_up();
    }
}

fn bell() -> (Arc<Doorbell>, std::sync::Arc<Sleeper>) {
    let doorbell = Arc::new(Doorbell::new());
    let sleeper = Sleeper::new();
    doorbell.register(&sleeper.waker());
    (doorbell, sleeper)
}

fn publish_and_look_at_the_bell(mut producer: Producer, doorbell: &Doorbell) {
    if seeded::bug("bell_before_publish") {
        doorbell.after_publish(false);
        publish(&mut producer, 0, 0);
    } else {
        publish(&mut producer, 0, 0);
        doorbell.after_publish(false);
    }
}

fn a_frame() {
    let (doorbell, sleeper) = bell();
    let (producer, mut consumer) = idle().split();
    let publisher = {
        let doorbell = Arc::clone(&doorbell);
        thread::spawn(move || publish_and_look_at_the_bell(producer, &doorbell))
    };
    sleep_until(&doorbell, &sleeper, || !consumer.is_drained());
    Seen::default().drain_until(1, &mut consumer);
    publisher.join().unwrap();
}

#[test]
fn a_frame_always_wakes_a_parked_consumer() {
    holds(a_frame);
}

#[test]
fn parking_without_the_heavy_fence_is_caught() {
    is_caught("park_without_fence", &[DEADLOCK], a_frame_always_wakes_a_parked_consumer);
}

#[test]
fn a_look_at_the_bell_without_the_light_fence_is_caught() {
    is_caught("knock_without_fence", &[DEADLOCK], a_frame_always_wakes_a_parked_consumer);
}

#[test]
fn a_look_at_the_bell_before_the_publish_is_caught() {
    is_caught("bell_before_publish", &[DEADLOCK], a_frame_always_wakes_a_parked_consumer);
}

fn a_request() {
    let (doorbell, sleeper) = bell();
    let requested = Arc::new(AtomicBool::new(false));
    let requester = {
        let (doorbell, requested) = (Arc::clone(&doorbell), Arc::clone(&requested));
        thread::spawn(move || {
            requested.store(true, Ordering::Release);
            doorbell.ring();
        })
    };
    sleep_until(&doorbell, &sleeper, || requested.load(Ordering::Acquire));
    requester.join().unwrap();
}

#[test]
fn what_is_asked_before_a_ring_is_found_by_a_consumer_that_falls_asleep() {
    holds(a_request);
}

#[test]
fn falling_asleep_without_looking_at_who_rang_is_caught() {
    is_caught("asleep_by_a_store", &[DEADLOCK], what_is_asked_before_a_ring_is_found_by_a_consumer_that_falls_asleep);
}
