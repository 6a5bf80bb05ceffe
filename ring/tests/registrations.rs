//! What is registered is adopted, once and in order.

use std::{sync::Arc, thread};

use fapilog_ring::Registrations;

fn take(registrations: &Registrations<u32>, taken: &mut u64) -> Vec<u32> {
    let mut adopted = Vec::new();
    registrations.take_new(taken, |item| adopted.push(item));
    adopted
}

#[test]
fn an_empty_roster_gives_nothing() {
    assert_eq!(take(&Registrations::new(), &mut 0), []);
}

#[test]
fn items_are_adopted_oldest_first() {
    let registrations = Registrations::new();
    (1..=3).for_each(|item| registrations.register(item));
    assert_eq!(take(&registrations, &mut 0), [1, 2, 3]);
}

#[test]
fn an_item_is_adopted_once() {
    let (registrations, mut taken) = (Registrations::new(), 0);
    registrations.register(1);
    take(&registrations, &mut taken);
    assert_eq!(take(&registrations, &mut taken), []);
}

#[test]
fn an_item_enlisted_while_another_is_adopted_is_taken_next_time() {
    let (registrations, mut taken) = (Registrations::new(), 0);
    registrations.register(1);
    // Which also shows that nothing foreign runs under the lock.
    registrations.take_new(&mut taken, |_| registrations.register(2));
    assert_eq!(take(&registrations, &mut taken), [2]);
}

#[test]
fn items_enlisted_by_many_threads_all_arrive() {
    let registrations = Arc::new(Registrations::new());
    let enlisters: Vec<_> = (0..4)
        .map(|first| {
            let registrations = Arc::clone(&registrations);
            thread::spawn(move || (0..25).for_each(|item| registrations.register(first * 25 + item)))
        })
        .collect();
    let (mut taken, mut adopted) = (0, Vec::new());
    while !enlisters.iter().all(thread::JoinHandle::is_finished) {
        adopted.extend(take(&registrations, &mut taken));
        thread::yield_now();
    }
    enlisters.into_iter().for_each(|enlister| enlister.join().unwrap());
    adopted.extend(take(&registrations, &mut taken));
    adopted.sort_unstable();
    assert_eq!((adopted, taken), ((0..100).collect(), 100));
}

#[test]
fn an_item_is_unseen_until_it_is_taken() {
    let (registrations, mut taken) = (Registrations::new(), 0);
    assert!(registrations.is_seen(taken));
    registrations.register(1);
    assert!(!registrations.is_seen(taken));
    take(&registrations, &mut taken);
    assert!(registrations.is_seen(taken));
}

#[test]
fn an_item_enlisted_while_another_is_adopted_is_unseen() {
    let (registrations, mut taken) = (Registrations::new(), 0);
    registrations.register(1);
    registrations.take_new(&mut taken, |_| registrations.register(2));
    assert!(!registrations.is_seen(taken));
}
