//! Rule 9: a ring that joins while the drain looks at its rings is found by this look or by the next one, and the drain
//! does not sleep in between.

use fapilog_ring::{Consumer, Doorbell, Registrations, Sleep, seeded, sync::Arc};
use loom::thread;
use loom_tests::{
    model::{DEADLOCK, holds, is_caught},
    sleeper::Sleeper,
    small_ring::{Seen, idle, publish},
};

/// A thread's first frame: it makes its ring, puts it on the registrations, publishes, and looks at the bell.
fn log_first_frame(registrations: &Registrations<Consumer>, doorbell: &Doorbell) {
    let (mut producer, consumer) = idle().split();
    if seeded::bug("enlisted_after_the_bell") {
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
    rings: Vec<(Consumer, Seen)>,
}

impl Drain {
    /// Takes what is new and drains all rings. Returns whether there was a frame.
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
        registrations.take_new(&mut self.taken, |ring| self.rings.push((ring, Seen::default())));
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
fn a_ring_enlisted_after_its_first_frame_is_caught() {
    is_caught("enlisted_after_the_bell", &[DEADLOCK], a_ring_that_joins_during_a_drain_pass_is_never_slept_on);
}

#[test]
fn a_drain_that_looks_before_it_takes_is_caught() {
    is_caught("looks_before_it_takes", &[DEADLOCK], a_ring_that_joins_during_a_drain_pass_is_never_slept_on);
}

fn two_enlistings() {
    let registrations = Arc::new(Registrations::new());
    let enlister = {
        let registrations = Arc::clone(&registrations);
        thread::spawn(move || {
            registrations.register(1);
            registrations.register(2);
        })
    };
    let (mut taken, mut adopted) = (0, Vec::new());
    registrations.take_new(&mut taken, |number| adopted.push(number));
    registrations.take_new(&mut taken, |number| adopted.push(number));
    enlister.join().unwrap();
    registrations.take_new(&mut taken, |number| adopted.push(number));
    assert_eq!(adopted, [1, 2], "each is adopted once, in the order of enlisting");
}

#[test]
fn whatever_is_enlisted_is_adopted_once() {
    holds(two_enlistings);
}

#[test]
fn a_roster_that_counts_after_it_takes_is_caught() {
    is_caught("roster_counts_after_take", &["each is adopted once"], whatever_is_enlisted_is_adopted_once);
}
