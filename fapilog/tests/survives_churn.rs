//! Threads and containers that come and go leave nothing behind, nor do huge texts.
//!
//! A test program of its own, and a test at a time: the counts are of the whole process.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    fs,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use fapilog::{
    Container,
    container::{Executor, Overflow},
    enrich,
    event::{Batch, ValueRef},
    info,
    process::Processor,
};
use law::{Huge, TIMEOUT, end, executors, memory, parsed, shut_down, started_manual, until};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn entries(directory: &str) -> usize {
    fs::read_dir(directory).unwrap().count()
}

/// The resources that containers take from the system.
#[derive(Debug, Clone, Copy)]
struct Taken {
    descriptors: usize,
    threads: usize,
}

impl Taken {
    /// Threads of the test runner come and go, and one that has been joined shows for a moment longer.
    const OTHERS: usize = 4;

    fn now() -> Self {
        Self { descriptors: entries("/proc/self/fd"), threads: entries("/proc/self/task") }
    }

    /// Waits until all of it is back, after `containers` more of them.
    #[track_caller]
    fn is_back(self, executor: Executor, containers: usize) {
        assert!(containers > Self::OTHERS);
        // Glommio 0.9 never closes the eventfd of an executor that has ended (DataDog/glommio#448).
        let never_closed = if executor == Executor::Glommio { containers } else { 0 };
        until("descriptors and threads are back", || {
            let now = Self::now();
            now.threads <= self.threads + Self::OTHERS && now.descriptors <= self.descriptors + never_closed
        });
    }
}

fn resident_bytes() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Logs an event into a container that is made for it.
fn one_container(executor: Executor) {
    let (sink, events) = memory();
    let container = Container::builder().executor(executor).sink("memory", sink).start().unwrap();
    info!(container.logger("churn"), "the only one", number = 1);
    assert_eq!(shut_down(&container).delivered_total(), 1);
    assert_eq!(events.lines().len(), 1);
}

fn many_containers(executor: Executor, containers: usize) {
    /// A few rings' worth: if each container left one behind, it would be far more.
    const GROWTH_MAX_BYTES: usize = 16 << 20;
    let _alone = alone();
    // A few containers create the resources that the process keeps for ever.
    (0..20).for_each(|_| one_container(executor));
    let (taken, resident) = (Taken::now(), resident_bytes());
    (0..containers).for_each(|_| one_container(executor));
    taken.is_back(executor, containers);
    let grown = resident_bytes().saturating_sub(resident);
    assert!(grown < GROWTH_MAX_BYTES, "{grown} bytes more than before");
}

#[test]
fn a_thousand_containers_on_threads_leave_nothing_behind() {
    many_containers(Executor::Thread, 1000);
}

#[test]
fn hundreds_of_containers_on_glommio_leave_nothing_but_an_eventfd_behind() {
    if executors().contains(&Executor::Glommio) {
        many_containers(Executor::Glommio, 300);
    }
}

#[test]
fn a_thousand_containers_that_choose_for_themselves_leave_a_bounded_number_of_eventfds_behind() {
    const LEFT_MAX: usize = 64;
    let _alone = alone();
    one_container(Executor::Auto);
    let before = Taken::now();
    (0..1000).for_each(|_| one_container(Executor::Auto));
    until("descriptors and threads are back", || {
        let now = Taken::now();
        now.threads <= before.threads + Taken::OTHERS && now.descriptors <= before.descriptors + LEFT_MAX
    });
}

#[test]
fn a_container_that_is_dropped_without_a_shutdown_leaves_nothing_behind() {
    let _alone = alone();
    for executor in executors() {
        let make_and_drop =
            || drop(Container::builder().executor(executor).sink("memory", memory().0).start().unwrap());
        (0..5).for_each(|_| make_and_drop());
        let taken = Taken::now();
        (0..50).for_each(|_| make_and_drop());
        taken.is_back(executor, 50);
    }
}

#[test]
fn ten_thousand_short_lived_threads_share_few_rings_and_drop_nothing() {
    const WAVES: u64 = 625;
    const THREADS: u64 = 16;
    const EVENTS: u64 = 3;
    let _alone = alone();
    for executor in executors() {
        let (sink, events) = memory();
        let patient = Overflow::Block { timeout: TIMEOUT };
        let builder = Container::builder().executor(executor).overflow(patient).threads_max(64);
        let container = builder.ring_capacity_bytes(16 * 1024).record_max_bytes(1024).sink("memory", sink);
        let container = container.start().unwrap();
        let log = container.logger("churn");
        for wave in 0..WAVES {
            thread::scope(|scope| {
                for thread in 0..THREADS {
                    let (log, name) = (&log, wave * THREADS + thread);
                    scope.spawn(move || (0..EVENTS).for_each(|number| info!(log, "short-lived", name, number)));
                }
            });
            assert!(container.rings() <= 65);
        }
        let accounts = shut_down(&container);
        assert_eq!((accounts.submitted, accounts.lost_total()), (WAVES * THREADS * EVENTS, 0));
        let mut seen = vec![0; (WAVES * THREADS) as usize];
        for event in parsed(&events) {
            let name = event["context"]["name"].as_u64().unwrap() as usize;
            assert_eq!(event["context"]["number"], seen[name]);
            seen[name] += 1;
        }
        assert!(seen.into_iter().all(|count| count == EVENTS));
    }
}

/// Takes out what only keeps the drain busy.
struct DropsBusy;

impl Processor for DropsBusy {
    fn name(&self) -> &'static str {
        "busy"
    }
    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), fapilog::plugin::PluginError> {
        batch.retain(|event| event.message() != ValueRef::Text("busy"));
        Ok(())
    }
}

#[test]
fn threads_that_come_and_go_under_load_get_rings_of_their_own() {
    // Far more than there are rings for at once: they are taken back while the drain is busy, as soon as it comes to it.
    const ENOUGH: usize = 50;
    let _alone = alone();
    let (sink, events) = memory();
    let builder = law::thread_builder().threads_max(8).enricher(|_| Box::new(enrich::Context::new()));
    let container = builder.processor(|_| Box::new(DropsBusy)).sink("memory", sink).start().unwrap();
    let log = container.logger("churn");
    let busy = AtomicBool::new(true);
    let mut rings_of_their_own = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            // Never lets the drain sleep.
            while busy.load(Ordering::Relaxed) {
                info!(log, "busy");
            }
        });
        let start = Instant::now();
        while rings_of_their_own < ENOUGH && start.elapsed() < TIMEOUT {
            let log = log.clone();
            // Joined, so that its thread-locals are gone and its ring is closed.
            thread::spawn(move || info!(log, "short-lived")).join().unwrap();
            // Events of the ring that late threads share name no thread.
            rings_of_their_own = events.lines().iter().filter(|line| line.contains("\"thread_id\":")).count();
        }
        busy.store(false, Ordering::Relaxed);
    });
    shut_down(&container);
    assert!(rings_of_their_own >= ENOUGH, "{rings_of_their_own} threads had a ring of their own");
}

#[test]
fn a_huge_display_leaves_no_huge_buffer_behind() {
    let _alone = alone();
    let (container, mut drain, _events) = started_manual(Container::builder());
    let log = container.logger("churn");
    info!(log, "huge", huge = %Huge);
    let before = resident_bytes();
    for _ in 0..20 {
        info!(log, "huge", huge = %Huge);
        drain.run_until_idle();
    }
    assert!(resident_bytes() < before + (50 << 20));
    end(&container, &mut drain);
}
