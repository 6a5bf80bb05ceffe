//! A shard that is abandoned while payloads are on disk.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use fapilog::{container::OnHang, event::Batch, plugin::PluginError, process::Processor};
use tempfile::TempDir;

use crate::{
    destination::{Answer, Destination},
    law::{TIMEOUT, thread_builder, until},
    log_numbers, on_disk, program_numbers, spilling_at_once,
};

/// A processor that hangs while this is set.
struct Hangs(Arc<AtomicBool>);

impl Processor for Hangs {
    fn name(&self) -> &'static str {
        "hangs"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        while self.0.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

#[test]
fn payloads_that_an_abandoned_shard_and_the_next_one_leave_on_disk_are_delivered_by_the_next_container() {
    let directory = TempDir::new().unwrap();
    let destination = Destination::new(Answer::Down);
    let (hangs, never) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let (first, others) = (Arc::clone(&hangs), never);
    let builder = thread_builder().flush_interval(Duration::from_millis(1)).on_hang(OnHang::Abandon);
    let builder = builder.plugin_timeout(Duration::from_millis(200)).emergency_lines(false);
    let builder = builder
        .processor(move |shard| Box::new(Hangs(Arc::clone(if shard.abandoned == 0 { &first } else { &others }))));
    let options = spilling_at_once(&directory, &destination);
    let container = builder.sink_with("network", destination.clone(), options).start().unwrap();
    let log = container.logger("spill");
    log_numbers(&log, 0..5);
    until("they are on disk", || on_disk(&container) == 5);
    hangs.store(true, Ordering::SeqCst);
    log_numbers(&log, 100..101);
    until("another shard has a directory", || directory.path().join("network-1").exists());
    log_numbers(&log, 5..10);
    until("they are on disk, too", || on_disk(&container) >= 5);
    container.shutdown(TIMEOUT).unwrap().check().unwrap();
    hangs.store(false, Ordering::SeqCst);

    destination.set(Answer::Takes);
    let started_again = || {
        let options = spilling_at_once(&directory, &destination);
        thread_builder().sink_with("network", destination.clone(), options).start().ok()
    };
    let mut next = None;
    until("the abandoned shard has ended", || {
        next = started_again();
        next.is_some()
    });
    let sorted = || {
        let mut numbers = program_numbers(&destination);
        numbers.sort_unstable();
        numbers
    };
    until("all are delivered", || sorted().len() == 10);
    assert_eq!(sorted(), (0..10).collect::<Vec<_>>());
    let next = next.unwrap();
    until("the directory of the other one is gone", || !directory.path().join("network-1").exists());
    next.shutdown(TIMEOUT).unwrap().check().unwrap();
}
