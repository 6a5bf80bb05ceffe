//! What is enlisted is adopted, once and in order.

use std::{sync::Arc, thread};

use fapilog_ring::Roster;

fn take(roster: &Roster<u32>, taken: &mut u64) -> Vec<u32> {
    let mut adopted = Vec::new();
    roster.take_new(taken, |item| adopted.push(item));
    adopted
}

#[test]
fn an_empty_roster_gives_nothing() {
    assert_eq!(take(&Roster::new(), &mut 0), []);
}

#[test]
fn items_are_adopted_oldest_first() {
    let roster = Roster::new();
    (1..=3).for_each(|item| roster.enlist(item));
    assert_eq!(take(&roster, &mut 0), [1, 2, 3]);
}

#[test]
fn an_item_is_adopted_once() {
    let (roster, mut taken) = (Roster::new(), 0);
    roster.enlist(1);
    take(&roster, &mut taken);
    assert_eq!(take(&roster, &mut taken), []);
}

#[test]
fn an_item_enlisted_while_another_is_adopted_is_taken_next_time() {
    let (roster, mut taken) = (Roster::new(), 0);
    roster.enlist(1);
    // Which also shows that nothing foreign runs under the lock.
    roster.take_new(&mut taken, |_| roster.enlist(2));
    assert_eq!(take(&roster, &mut taken), [2]);
}

#[test]
fn items_enlisted_by_many_threads_all_arrive() {
    let roster = Arc::new(Roster::new());
    let enlisters: Vec<_> = (0..4)
        .map(|first| {
            let roster = Arc::clone(&roster);
            thread::spawn(move || (0..25).for_each(|item| roster.enlist(first * 25 + item)))
        })
        .collect();
    let (mut taken, mut adopted) = (0, Vec::new());
    while !enlisters.iter().all(thread::JoinHandle::is_finished) {
        adopted.extend(take(&roster, &mut taken));
        thread::yield_now();
    }
    enlisters.into_iter().for_each(|enlister| enlister.join().unwrap());
    adopted.extend(take(&roster, &mut taken));
    adopted.sort_unstable();
    assert_eq!((adopted, taken), ((0..100).collect(), 100));
}

#[test]
fn an_item_is_unseen_until_it_is_taken() {
    let (roster, mut taken) = (Roster::new(), 0);
    assert!(roster.is_seen(taken));
    roster.enlist(1);
    assert!(!roster.is_seen(taken));
    take(&roster, &mut taken);
    assert!(roster.is_seen(taken));
}

#[test]
fn an_item_enlisted_while_another_is_adopted_is_unseen() {
    let (roster, mut taken) = (Roster::new(), 0);
    roster.enlist(1);
    roster.take_new(&mut taken, |_| roster.enlist(2));
    assert!(!roster.is_seen(taken));
}
