//! Rule 11: a task that waits for space is woken, whenever the consumer makes space and falls asleep.

use fapilog_ring::{
    Consumer, Doorbell, Producer, Sleep, SpaceWaiters,
    sync::{Arc, AtomicBool, Ordering},
};
use loom::thread;
use loom_tests::{
    model::{DEADLOCK, holds, is_caught},
    sleeper::Sleeper,
    small_ring::{CAPACITY_BYTES, FrameCheck, PAYLOAD_MAX_BYTES, idle, publish},
};

/// Frames that fill the ring.
const FULL: u64 = (CAPACITY_BYTES / 32) as u64;

#[derive(Default)]
struct Shared {
    doorbell: Doorbell,
    waiters: SpaceWaiters,
}

/// Waits for space, and publishes one more frame.
fn wait_and_publish(mut producer: Producer, shared: &Shared) {
    let (task, mut ticket) = (Sleeper::new(), None);
    let waker = task.waker();
    loop {
        let mut has_space = || producer.reserve(PAYLOAD_MAX_BYTES).is_ok();
        ticket = shared.waiters.wait(&shared.doorbell, ticket, &waker, &mut has_space);
        if ticket.is_none() {
            break;
        }
        task.sleep();
    }
    publish(&mut producer, FULL, PAYLOAD_MAX_BYTES);
    shared.doorbell.after_publish(false);
}

fn wake_due(waiters: &SpaceWaiters) {
    if waiters.is_due() {
        waiters.take_due().into_iter().for_each(std::task::Waker::wake);
    }
}

/// Drains as a shard does: it parks when it finds nothing, after a last look.
fn drain(mut consumer: Consumer, shared: &Shared, sleeper: &Sleeper) {
    let mut seen = FrameCheck::default();
    loop {
        let has_drained = seen.drain(&mut consumer);
        if has_drained {
            shared.waiters.released();
        }
        wake_due(&shared.waiters);
        if seen.frames() > FULL {
            return;
        }
        if !has_drained {
            assert!(shared.doorbell.fall_asleep(Sleep::Park), "a full fence is never refused");
            if consumer.is_drained() && !shared.waiters.is_due() {
                sleeper.sleep();
            }
            shared.doorbell.wake_up();
        }
    }
}

fn a_full_ring() {
    let shared = Arc::new(Shared::default());
    let sleeper = Sleeper::new();
    shared.doorbell.register(&sleeper.waker());
    let (mut producer, consumer) = idle().split();
    (0..FULL).for_each(|stamp| publish(&mut producer, stamp, PAYLOAD_MAX_BYTES));
    let task = {
        let shared = Arc::clone(&shared);
        thread::spawn(move || wait_and_publish(producer, &shared))
    };
    drain(consumer, &shared, &sleeper);
    task.join().unwrap();
}

#[test]
fn a_task_that_waits_for_space_is_woken() {
    holds(a_full_ring);
}

#[test]
fn a_wait_without_a_ring_of_the_doorbell_is_caught() {
    is_caught("waiter_does_not_ring", &[DEADLOCK], a_task_that_waits_for_space_is_woken);
}

#[test]
fn a_number_of_releases_that_is_loaded_behind_the_look_is_caught() {
    is_caught("waiter_counts_after_its_look", &[DEADLOCK], a_task_that_waits_for_space_is_woken);
}

#[test]
fn a_last_look_without_those_who_wait_is_caught() {
    is_caught("last_look_without_waiters", &[DEADLOCK], a_task_that_waits_for_space_is_woken);
}

/// Two tasks wait, and a third comes while the consumer ends.
fn an_end_while_a_task_comes() {
    let shared = Arc::new(Shared::default());
    let has_ended = Arc::new(AtomicBool::new(false));
    let waiting = [Sleeper::new(), Sleeper::new()];
    let tickets = waiting.each_ref().map(|task| {
        let ticket = shared.waiters.wait(&shared.doorbell, None, &task.waker(), || false);
        ticket.unwrap()
    });
    let coming = {
        let (shared, has_ended) = (Arc::clone(&shared), Arc::clone(&has_ended));
        thread::spawn(move || {
            let (task, mut ticket) = (Sleeper::new(), None);
            let waker = task.waker();
            loop {
                // Acquire: pairs with the store below.
                let is_over = || has_ended.load(Ordering::Acquire);
                ticket = shared.waiters.wait(&shared.doorbell, ticket, &waker, is_over);
                if ticket.is_none() {
                    return;
                }
                task.sleep();
            }
        })
    };
    // Release: pairs with the load above.
    has_ended.store(true, Ordering::Release);
    shared.waiters.take_all().into_iter().for_each(std::task::Waker::wake);
    for (task, ticket) in waiting.iter().zip(tickets) {
        task.sleep();
        shared.waiters.leave(ticket);
    }
    coming.join().unwrap();
}

#[test]
fn the_end_wakes_each_task_that_waits() {
    holds(an_end_while_a_task_comes);
}

#[test]
fn an_end_that_wakes_only_those_who_wait_for_space_made_by_then_is_caught() {
    is_caught("end_takes_due_tasks_alone", &[DEADLOCK], the_end_wakes_each_task_that_waits);
}
