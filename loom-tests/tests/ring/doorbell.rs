//! Rule 8: anything done before the look at the doorbell is found by the consumer's last look, or the doorbell rings.

use std::task::{Wake, Waker};

use fapilog_ring::{
    Doorbell, Producer, Sleep, seeded,
    sync::{Arc, AtomicBool, Ordering},
};
use loom::thread;
use loom_tests::{
    model::{DEADLOCK, holds, is_caught},
    sleeper::Sleeper,
    small_ring::{FrameCheck, idle, publish},
};

/// Sleeps until `there_is_work`, as a host does: it announces the sleep, looks once more, and only then sleeps.
fn sleep_until(doorbell: &Doorbell, sleeper: &Sleeper, mut there_is_work: impl FnMut() -> bool) {
    while !there_is_work() {
        assert!(doorbell.fall_asleep(Sleep::Park), "a full fence is never refused");
        if !there_is_work() {
            sleeper.sleep();
        }
        doorbell.wake_up();
    }
}

/// Sleeps for a time until `there_is_work`, as a shard does: it withdraws its announcement only when its last look
/// finds something.
///
/// A real sleep ends by itself. This one does not, so that loom reports an urgent frame that does not ring.
fn sleep_for_a_time_until(doorbell: &Doorbell, sleeper: &Sleeper, mut there_is_work: impl FnMut() -> bool) {
    while !there_is_work() {
        assert!(doorbell.fall_asleep(Sleep::Timed), "a sleep needs no fence");
        if there_is_work() {
            doorbell.wake_up();
        } else {
            sleeper.sleep();
        }
    }
}

fn awake() -> (Arc<Doorbell>, std::sync::Arc<Sleeper>) {
    let doorbell = Arc::new(Doorbell::new());
    let sleeper = Sleeper::new();
    doorbell.register(&sleeper.waker());
    (doorbell, sleeper)
}

fn publish_and_look_at_the_doorbell(mut producer: Producer, doorbell: &Doorbell, urgent: bool) {
    if seeded::bug("doorbell_before_publish") {
        doorbell.after_publish(urgent);
        publish(&mut producer, 0, 0);
    } else {
        publish(&mut producer, 0, 0);
        doorbell.after_publish(urgent);
    }
}

fn a_frame() {
    let (doorbell, sleeper) = awake();
    let (producer, mut consumer) = idle().split();
    let publisher = {
        let doorbell = Arc::clone(&doorbell);
        thread::spawn(move || publish_and_look_at_the_doorbell(producer, &doorbell, false))
    };
    sleep_until(&doorbell, &sleeper, || !consumer.is_drained());
    FrameCheck::default().drain_until(1, &mut consumer);
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
fn a_look_at_the_doorbell_without_the_light_fence_is_caught() {
    is_caught("knock_without_fence", &[DEADLOCK], a_frame_always_wakes_a_parked_consumer);
}

#[test]
fn a_look_at_the_doorbell_before_the_publish_is_caught() {
    is_caught("doorbell_before_publish", &[DEADLOCK], a_frame_always_wakes_a_parked_consumer);
}

fn a_request() {
    let (doorbell, sleeper) = awake();
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

#[test]
fn a_ring_that_releases_nothing_is_caught() {
    is_caught("ring_relaxed", &[DEADLOCK], what_is_asked_before_a_ring_is_found_by_a_consumer_that_falls_asleep);
}

const REQUEST_MISSED: &str = "a woken consumer does not find the request";

/// A waker that sets a flag, without any ordering of its own.
#[derive(Debug)]
struct SetsAFlag(AtomicBool);

impl Wake for SetsAFlag {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn a_request_to_a_sleeping_consumer() {
    let doorbell = Arc::new(Doorbell::new());
    let woken = std::sync::Arc::new(SetsAFlag(AtomicBool::new(false)));
    doorbell.register(&Waker::from(std::sync::Arc::clone(&woken)));
    assert!(doorbell.fall_asleep(Sleep::Park), "a full fence is never refused");
    let requested = Arc::new(AtomicBool::new(false));
    let requester = {
        let (doorbell, requested) = (Arc::clone(&doorbell), Arc::clone(&requested));
        thread::spawn(move || {
            requested.store(true, Ordering::Relaxed);
            doorbell.ring();
        })
    };
    while !woken.0.load(Ordering::Relaxed) {
        thread::yield_now();
    }
    doorbell.wake_up();
    assert!(requested.load(Ordering::Relaxed), "{REQUEST_MISSED}");
    requester.join().unwrap();
}

#[test]
fn what_is_asked_before_a_ring_is_found_by_the_consumer_that_it_wakes() {
    holds(a_request_to_a_sleeping_consumer);
}

#[test]
fn waking_up_without_looking_at_who_rang_is_caught() {
    is_caught("wake_up_relaxed", &[REQUEST_MISSED], what_is_asked_before_a_ring_is_found_by_the_consumer_that_it_wakes);
}

/// The promise of a timed sleep, and its limit.
///
/// The consumer spares the producers the heavy fence when it only sleeps. So a frame may be missed by the last look and
/// ring nobody, an urgent one too, if its publisher looks at the doorbell just when the sleep is announced. That costs
/// at most the remaining time of the sleep, which ends by itself: `a_frame_around_a_timed_sleep` shows it.
///
/// An urgent frame whose publisher comes after the announcement must not be lost: the start of its thread orders it
/// behind the announcement. `announce` is the consumer's announcement before that; it announces once more while the
/// frame is in flight.
fn an_urgent_frame(announce: fn(&Doorbell)) {
    let (doorbell, sleeper) = awake();
    let (producer, mut consumer) = idle().split();
    announce(&doorbell);
    let publisher = {
        let doorbell = Arc::clone(&doorbell);
        thread::spawn(move || publish_and_look_at_the_doorbell(producer, &doorbell, true))
    };
    sleep_for_a_time_until(&doorbell, &sleeper, || !consumer.is_drained());
    FrameCheck::default().drain_until(1, &mut consumer);
    publisher.join().unwrap();
}

fn announce_a_timed_sleep(doorbell: &Doorbell) {
    assert!(doorbell.fall_asleep(Sleep::Timed), "a sleep needs no fence");
}

/// The sleep is announced, has ended by itself, and is not withdrawn: it is not announced again.
fn an_urgent_frame_in_a_timed_sleep_announced_before() {
    an_urgent_frame(announce_a_timed_sleep);
}

#[test]
fn an_urgent_frame_wakes_a_consumer_whose_timed_sleep_is_announced() {
    holds(an_urgent_frame_in_a_timed_sleep_announced_before);
}

#[test]
fn an_urgent_frame_that_rings_the_parked_alone_is_caught() {
    let test = an_urgent_frame_wakes_a_consumer_whose_timed_sleep_is_announced;
    is_caught("urgent_frame_skips_timed_sleep", &[DEADLOCK], test);
}

#[test]
fn an_urgent_frame_that_looks_at_the_doorbell_before_its_publish_is_caught() {
    let test = an_urgent_frame_wakes_a_consumer_whose_timed_sleep_is_announced;
    is_caught("doorbell_before_publish", &[DEADLOCK], test);
}

/// A ring in between withdraws the announcement: it must be made again.
fn an_urgent_frame_in_a_timed_sleep_after_a_ring() {
    an_urgent_frame(|doorbell| {
        announce_a_timed_sleep(doorbell);
        doorbell.ring();
        announce_a_timed_sleep(doorbell);
    });
}

#[test]
fn an_urgent_frame_wakes_a_consumer_that_sleeps_again_after_a_ring() {
    holds(an_urgent_frame_in_a_timed_sleep_after_a_ring);
}

#[test]
fn a_timed_sleep_that_is_not_announced_again_after_a_ring_is_caught() {
    let test = an_urgent_frame_wakes_a_consumer_that_sleeps_again_after_a_ring;
    is_caught("sleep_marked_once", &[DEADLOCK], test);
}

/// The doorbell shows already that the consumer sleeps, so it is not sure to find a request made before a ring: the
/// first of two rings may be one that it has not seen yet. That ring wakes it to announce anew what the second has
/// withdrawn.
fn a_request_in_a_timed_sleep() {
    let (doorbell, sleeper) = awake();
    let requested = Arc::new(AtomicBool::new(false));
    announce_a_timed_sleep(&doorbell);
    let ringer = {
        let doorbell = Arc::clone(&doorbell);
        thread::spawn(move || doorbell.ring())
    };
    let requester = {
        let (doorbell, requested) = (Arc::clone(&doorbell), Arc::clone(&requested));
        thread::spawn(move || {
            requested.store(true, Ordering::Release);
            doorbell.ring();
        })
    };
    sleep_for_a_time_until(&doorbell, &sleeper, || requested.load(Ordering::Acquire));
    ringer.join().unwrap();
    requester.join().unwrap();
}

#[test]
fn a_request_before_a_ring_is_found_by_a_consumer_in_a_timed_sleep() {
    holds(a_request_in_a_timed_sleep);
}

#[test]
fn a_timed_sleep_without_a_look_at_the_last_ring_is_caught() {
    is_caught("asleep_by_a_store", &[DEADLOCK], a_request_before_a_ring_is_found_by_a_consumer_in_a_timed_sleep);
}

/// A frame is published at any time from before a sleep until after the park that follows it. The sleep may miss it; the
/// park may not, although the doorbell shows already that the consumer sleeps.
fn a_frame_around_a_timed_sleep(urgent: bool) {
    let (doorbell, sleeper) = awake();
    let (producer, mut consumer) = idle().split();
    let publisher = {
        let doorbell = Arc::clone(&doorbell);
        thread::spawn(move || publish_and_look_at_the_doorbell(producer, &doorbell, urgent))
    };
    announce_a_timed_sleep(&doorbell);
    if consumer.is_drained() {
        // Ends by itself, whether anybody rings or not.
        thread::yield_now();
    }
    sleep_until(&doorbell, &sleeper, || !consumer.is_drained());
    FrameCheck::default().drain_until(1, &mut consumer);
    publisher.join().unwrap();
}

#[test]
fn a_frame_that_a_timed_sleep_misses_is_found_by_the_park_after_it() {
    holds(|| a_frame_around_a_timed_sleep(false));
    holds(|| a_frame_around_a_timed_sleep(true));
}

#[test]
fn a_park_that_takes_a_timed_sleep_for_its_own_announcement_is_caught() {
    is_caught("park_not_announced", &[DEADLOCK], a_frame_that_a_timed_sleep_misses_is_found_by_the_park_after_it);
}
