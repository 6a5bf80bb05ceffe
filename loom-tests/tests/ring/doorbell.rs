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

/// Dozes until `there_is_work`, as a shard does: what it has said it takes back only when its last look finds something.
///
/// A real sleep ends by itself. This one does not, so that loom sees it when an urgent frame rings nobody.
fn doze_until(doorbell: &Doorbell, sleeper: &Sleeper, mut there_is_work: impl FnMut() -> bool) {
    while !there_is_work() {
        assert!(doorbell.fall_asleep(Sleep::Timed), "a sleep needs no fence");
        if there_is_work() {
            doorbell.wake_up();
        } else {
            sleeper.sleep();
        }
    }
}

fn bell() -> (Arc<Doorbell>, std::sync::Arc<Sleeper>) {
    let doorbell = Arc::new(Doorbell::new());
    let sleeper = Sleeper::new();
    doorbell.register(&sleeper.waker());
    (doorbell, sleeper)
}

fn publish_and_look_at_the_bell(mut producer: Producer, doorbell: &Doorbell, urgent: bool) {
    if seeded::bug("bell_before_publish") {
        doorbell.after_publish(urgent);
        publish(&mut producer, 0, 0);
    } else {
        publish(&mut producer, 0, 0);
        doorbell.after_publish(urgent);
    }
}

fn a_frame() {
    let (doorbell, sleeper) = bell();
    let (producer, mut consumer) = idle().split();
    let publisher = {
        let doorbell = Arc::clone(&doorbell);
        thread::spawn(move || publish_and_look_at_the_bell(producer, &doorbell, false))
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

/// What a sleep promises, and what it does not.
///
/// The consumer spares the producers the heavy fence when it only sleeps. So a frame whose publisher looks at the bell
/// just when the sleep is said may be missed by the last look and ring nobody all the same, an urgent one too. That costs no
/// more than the rest of the sleep, which ends by itself: `a_frame_around_a_doze` says so.
///
/// What must not be lost is an urgent frame whose publisher comes after the saying: here it is ordered behind it by the
/// thread's start. `say` is what the consumer says before that; it says it once more while the frame is under way.
fn an_urgent_frame(say: fn(&Doorbell)) {
    let (doorbell, sleeper) = bell();
    let (producer, mut consumer) = idle().split();
    say(&doorbell);
    let publisher = {
        let doorbell = Arc::clone(&doorbell);
        thread::spawn(move || publish_and_look_at_the_bell(producer, &doorbell, true))
    };
    doze_until(&doorbell, &sleeper, || !consumer.is_drained());
    Seen::default().drain_until(1, &mut consumer);
    publisher.join().unwrap();
}

fn say_a_doze(doorbell: &Doorbell) {
    assert!(doorbell.fall_asleep(Sleep::Timed), "a sleep needs no fence");
}

/// The sleep is said, has ended by itself, and is not taken back: it is not said again.
fn an_urgent_frame_in_a_doze_said_before() {
    an_urgent_frame(say_a_doze);
}

#[test]
fn an_urgent_frame_wakes_a_consumer_that_has_said_before_that_it_dozes() {
    holds(an_urgent_frame_in_a_doze_said_before);
}

#[test]
fn an_urgent_frame_that_rings_the_parked_alone_is_caught() {
    let test = an_urgent_frame_wakes_a_consumer_that_has_said_before_that_it_dozes;
    is_caught("dozing_left_alone", &[DEADLOCK], test);
}

#[test]
fn an_urgent_frame_that_looks_at_the_bell_before_its_publish_is_caught() {
    let test = an_urgent_frame_wakes_a_consumer_that_has_said_before_that_it_dozes;
    is_caught("bell_before_publish", &[DEADLOCK], test);
}

/// Somebody has health since: what was said is taken back, and must be said again.
fn an_urgent_frame_in_a_doze_rung_before() {
    an_urgent_frame(|doorbell| {
        say_a_doze(doorbell);
        doorbell.ring();
        say_a_doze(doorbell);
    });
}

#[test]
fn an_urgent_frame_wakes_a_consumer_that_dozes_again_after_a_ring() {
    holds(an_urgent_frame_in_a_doze_rung_before);
}

#[test]
fn a_doze_that_is_not_said_again_after_a_ring_is_caught() {
    let test = an_urgent_frame_wakes_a_consumer_that_dozes_again_after_a_ring;
    is_caught("sleep_marked_once", &[DEADLOCK], test);
}

/// The bell says already that the consumer sleeps, so it is not sure to find what is asked before a ring: the first of two
/// rings may be the one it has not seen yet, and that wakes it to say anew what the second has taken back.
fn a_request_in_a_doze() {
    let (doorbell, sleeper) = bell();
    let requested = Arc::new(AtomicBool::new(false));
    say_a_doze(&doorbell);
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
    doze_until(&doorbell, &sleeper, || requested.load(Ordering::Acquire));
    ringer.join().unwrap();
    requester.join().unwrap();
}

#[test]
fn what_is_asked_before_a_ring_is_found_by_a_consumer_that_dozes() {
    holds(a_request_in_a_doze);
}

#[test]
fn dozing_without_looking_at_who_rang_is_caught() {
    is_caught("asleep_by_a_store", &[DEADLOCK], what_is_asked_before_a_ring_is_found_by_a_consumer_that_dozes);
}

/// A frame is published at any time from before a sleep until after the park that follows it. The sleep may miss it; the
/// park may not, although the bell says already that the consumer sleeps.
fn a_frame_around_a_doze(urgent: bool) {
    let (doorbell, sleeper) = bell();
    let (producer, mut consumer) = idle().split();
    let publisher = {
        let doorbell = Arc::clone(&doorbell);
        thread::spawn(move || publish_and_look_at_the_bell(producer, &doorbell, urgent))
    };
    say_a_doze(&doorbell);
    if consumer.is_drained() {
        // Ends by itself, whether anybody rings or not.
        thread::yield_now();
    }
    sleep_until(&doorbell, &sleeper, || !consumer.is_drained());
    Seen::default().drain_until(1, &mut consumer);
    publisher.join().unwrap();
}

#[test]
fn what_a_doze_misses_is_found_by_the_park_after_it() {
    holds(|| a_frame_around_a_doze(false));
    holds(|| a_frame_around_a_doze(true));
}

#[test]
fn a_park_that_takes_a_doze_for_its_own_saying_is_caught() {
    is_caught("park_taken_for_said", &[DEADLOCK], what_a_doze_misses_is_found_by_the_park_after_it);
}
