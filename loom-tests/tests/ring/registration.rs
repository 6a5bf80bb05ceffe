//! Rule 9: a ring that joins while the drain looks at its rings is found by this look or by the next one, and the drain
//! does not sleep in between.

use fapilog_ring::{Consumer, Doorbell, Registrations, Sleep, seeded, sync::Arc};
use loom::thread;
use loom_tests::{
    model::{DEADLOCK, holds, is_caught},
    sleeper::Sleeper,
    small_ring::{FrameCheck, idle, publish},
};

/// A thread's first frame: it makes its ring, registers it, publishes, and looks at the doorbell.
fn log_first_frame(registrations: &Registrations<Consumer>, doorbell: &Doorbell) {
    let (mut producer, consumer) = idle().split();
    if seeded::bug("registered_after_the_doorbell") {
        publish(&mut producer, 0, 0);
        doorbell.after_publish(false);
        registrations.register(consumer);
    } else {
        registrations.register(consumer);
        publish(&mut producer, 0, 0);
        doorbell.after_publish(false);
    }
}

/// The draining thread's state.
#[derive(Default)]
struct Drain {
    taken: u64,
    rings: Vec<(Consumer, FrameCheck)>,
}

impl Drain {
    /// Takes new rings and drains all. Returns whether there was a frame.
    fn turn(&mut self, registrations: &Registrations<Consumer>) -> bool {
        if !seeded::bug("looks_before_it_takes") {
            self.take_new(registrations);
        }
        let mut any = false;
        for (ring, seen) in &mut self.rings {
            any |= seen.drain(ring);
        }
        if seeded::bug("looks_before_it_takes") {
            self.take_new(registrations);
        }
        any
    }

    fn take_new(&mut self, registrations: &Registrations<Consumer>) {
        registrations.take_new(&mut self.taken, |ring| self.rings.push((ring, FrameCheck::default())));
    }

    fn frames(&self) -> u64 {
        self.rings.iter().map(|(_, seen)| seen.frames()).sum()
    }
}

fn drain_frames(frames: u64, registrations: &Registrations<Consumer>, doorbell: &Doorbell, sleeper: &Sleeper) {
    let mut drain = Drain::default();
    while drain.frames() < frames {
        if drain.turn(registrations) {
            continue;
        }
        assert!(doorbell.fall_asleep(Sleep::Park), "a full fence is never refused");
        if !drain.turn(registrations) {
            sleeper.sleep();
        }
        doorbell.wake_up();
    }
}

fn a_newcomer() {
    let registrations = Arc::new(Registrations::new());
    let doorbell = Arc::new(Doorbell::new());
    let sleeper = Sleeper::new();
    doorbell.register(&sleeper.waker());
    let newcomers = [(); 2].map(|()| {
        let (registrations, doorbell) = (Arc::clone(&registrations), Arc::clone(&doorbell));
        thread::spawn(move || log_first_frame(&registrations, &doorbell))
    });
    drain_frames(2, &registrations, &doorbell, &sleeper);
    newcomers.into_iter().for_each(|newcomer| newcomer.join().unwrap());
}

#[test]
fn a_ring_that_joins_during_a_drain_pass_is_never_slept_on() {
    holds(a_newcomer);
}

#[test]
fn a_ring_registered_after_its_first_frame_is_caught() {
    is_caught("registered_after_the_doorbell", &[DEADLOCK], a_ring_that_joins_during_a_drain_pass_is_never_slept_on);
}

#[test]
fn a_drain_that_looks_before_it_takes_is_caught() {
    is_caught("looks_before_it_takes", &[DEADLOCK], a_ring_that_joins_during_a_drain_pass_is_never_slept_on);
}

fn two_registrations() {
    let registrations = Arc::new(Registrations::new());
    let registrant = {
        let registrations = Arc::clone(&registrations);
        thread::spawn(move || {
            registrations.register(1);
            registrations.register(2);
        })
    };
    let (mut taken, mut adopted) = (0, Vec::new());
    registrations.take_new(&mut taken, |number| adopted.push(number));
    registrations.take_new(&mut taken, |number| adopted.push(number));
    registrant.join().unwrap();
    registrations.take_new(&mut taken, |number| adopted.push(number));
    assert_eq!(adopted, [1, 2], "each is adopted once, in the order of registration");
}

#[test]
fn each_registration_is_adopted_once() {
    holds(two_registrations);
}

#[test]
fn registrations_that_count_after_they_take_are_caught() {
    is_caught("registrations_counted_after_take", &["each is adopted once"], each_registration_is_adopted_once);
}
