//! The store-buffering litmus: each of two threads writes its word and then reads the other's, as rule 8 has it.
//!
//! A miss is a round in which neither thread sees the other's word. The fences of the crate allow none. Every other round is
//! a control: its fences are too weak, and it must show misses. Real fences that are as weak would have as many, since both
//! kinds of rounds meet the same machine.
//!
//! The control leaves out the store-load order of the producer alone. The loom models leave out the consumer's
//! (`park_without_fence`).

use std::{
    sync::atomic::{AtomicBool, Ordering, compiler_fence, fence},
    thread,
    time::{Duration, Instant},
};

use core_affinity::CoreId;
use crossbeam_utils::CachePadded;

/// The fences of both sides.
struct Fences {
    /// Between the publish and the look at the flag.
    light: fn(),
    /// Between the flag and the look at the ring. Returns whether the order was had.
    heavy: fn() -> bool,
}

const REAL: Fences = Fences { light: fapilog_ring::fence::light, heavy: fapilog_ring::fence::heavy };

/// The asymmetric fences without the kernel's part: the producer's core may read the flag while its publish waits in the
/// store buffer.
const TOO_WEAK: Fences = Fences {
    light: || compiler_fence(Ordering::SeqCst),
    heavy: || {
        fence(Ordering::SeqCst);
        true
    },
};

/// Rounds of each kind. Few, so that a busy machine reaches the end of a batch soon.
const ROUNDS_PER_BATCH: usize = if cfg!(miri) { 20 } else { 200 };
/// Real fences that are as weak as the control's pass as many rounds with a probability of e^-50.
const CONTROL_MISSES_MIN: usize = 50;
/// The limit for a machine that shows few misses, or is busy.
const TIME_MAX: Duration = Duration::from_secs(3);

/// The words of a round: new ones for each, so that a line must come from the other core before a store to it leaves the
/// store buffer.
#[derive(Default)]
struct Round {
    published: CachePadded<AtomicBool>,
    asleep: CachePadded<AtomicBool>,
    is_producer_there: CachePadded<AtomicBool>,
    is_consumer_there: CachePadded<AtomicBool>,
}

impl Round {
    /// Both threads come to the round together. No system call lies between the meeting and the round.
    fn meet(ours: &AtomicBool, theirs: &AtomicBool, delay: usize) {
        ours.store(true, Ordering::Release);
        let mut looks = 0_u32;
        while !theirs.load(Ordering::Acquire) {
            looks += 1;
            // Now and then, since the other thread may need this core.
            if cfg!(miri) || looks.is_multiple_of(10_000) {
                thread::yield_now();
            }
            std::hint::spin_loop();
        }
        (0..delay).for_each(|_| std::hint::spin_loop());
    }

    /// The producer's side. Returns whether it sees the flag.
    fn publish_and_look(&self, light: fn(), delay: usize) -> bool {
        // The line comes to this core, so that the look is quick.
        self.asleep.load(Ordering::Relaxed);
        Self::meet(&self.is_producer_there, &self.is_consumer_there, delay);
        self.published.store(true, Ordering::Release);
        light();
        self.asleep.load(Ordering::Relaxed)
    }

    /// The consumer's side. Returns whether it sees the publish, or knows that it may miss it.
    fn announce_and_look(&self, heavy: fn() -> bool, delay: usize) -> bool {
        self.published.load(Ordering::Relaxed);
        Self::meet(&self.is_consumer_there, &self.is_producer_there, delay);
        self.asleep.store(true, Ordering::Relaxed);
        let is_ordered = heavy();
        self.published.load(Ordering::Relaxed) || !is_ordered
    }
}

/// Two cores that this thread may use.
fn two_cores() -> Option<[CoreId; 2]> {
    // Miri has no cores.
    if cfg!(miri) {
        return None;
    }
    match core_affinity::get_core_ids()?.as_slice() {
        [first, .., last] => Some([*first, *last]),
        _ => None,
    }
}

/// A round of either kind under the same conditions, and the delays of both sides.
fn batch_of_rounds() -> Vec<(&'static Fences, Round, [usize; 2])> {
    // Either side comes late in some rounds.
    let delays = (0..ROUNDS_PER_BATCH).map(|round| [round % 8, round / 8 % 8]);
    delays.flat_map(|delays| [&REAL, &TOO_WEAK].map(|fences| (fences, Round::default(), delays))).collect()
}

/// Returns the misses with the real fences, and those of the control. The consumer is this thread.
fn run_batch(producer_core: Option<CoreId>) -> [usize; 2] {
    let batch = batch_of_rounds();
    let (producer_saw, consumer_saw) = thread::scope(|scope| {
        let producer = scope.spawn(|| {
            producer_core.map(core_affinity::set_for_current);
            let saw = batch.iter().map(|(fences, round, [delay, _])| round.publish_and_look(fences.light, *delay));
            saw.collect::<Vec<_>>()
        });
        let saw = batch.iter().map(|(fences, round, [_, delay])| round.announce_and_look(fences.heavy, *delay));
        let consumer_saw: Vec<_> = saw.collect();
        (producer.join().unwrap(), consumer_saw)
    });
    let misses: Vec<_> = producer_saw.iter().zip(&consumer_saw).map(|saw| saw == (&false, &false)).collect();
    [0, 1].map(|kind| misses.iter().skip(kind).step_by(2).filter(|&&is_miss| is_miss).count())
}

/// Runs the litmus until the control has shown that it would see a miss.
#[expect(clippy::print_stdout, reason = "a reader of the test sees what it has proved on this machine")]
pub(crate) fn assert_that_one_side_sees_the_other() {
    let cores = two_cores();
    cores.map(|[consumer_core, _]| core_affinity::set_for_current(consumer_core));
    let (started, mut control_misses) = (Instant::now(), 0);
    for batches in 1.. {
        let [misses, batch_control_misses] = run_batch(cores.map(|[_, producer_core]| producer_core));
        control_misses += batch_control_misses;
        let rounds = batches * ROUNDS_PER_BATCH;
        assert_eq!(misses, 0, "neither side saw the other, in {rounds} rounds; the control missed {control_misses}");
        let is_proved = control_misses >= CONTROL_MISSES_MIN;
        if is_proved || cores.is_none() || started.elapsed() > TIME_MAX {
            let proof = if is_proved { "proved" } else { "not proved: this machine shows too few misses" };
            println!("{proof}: no miss in {rounds} rounds, in which the control missed {control_misses}");
            return;
        }
    }
}
