//! Drains that take over and cannot start.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use fapilog::{
    event::Batch,
    format,
    plugin::PluginError,
    sink::{
        self, Delivery, DeliveryPolicy, Payload, Sink, SinkContext, SinkError, SinkFactory, SinkOptions, SpillOptions,
    },
};

use crate::{
    builder, hang, hung,
    law::{self, memory, until},
    log, numbers, shut_down,
    trap::Trap,
};

/// A sink of which a single one may exist, like a locked file.
#[derive(Clone, Default)]
struct Single {
    living: Arc<AtomicU32>,
    made: Arc<AtomicU32>,
}

struct SingleSink(Arc<AtomicU32>);

impl SinkFactory for Single {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        self.made.fetch_add(1, Ordering::SeqCst);
        if self.living.fetch_add(1, Ordering::SeqCst) > 0 {
            self.living.fetch_sub(1, Ordering::SeqCst);
            assert_eq!(context.shard.abandoned, 1);
            return Err(SinkError::Other("it is locked".into()));
        }
        Ok(Box::new(SingleSink(Arc::clone(&self.living))))
    }
}

impl Sink for SingleSink {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        payload.buffer().extend(batch.events().iter().map(|_| b'.'));
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        Delivery::done(Ok(()))
    }
}

impl Drop for SingleSink {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_sink_that_cannot_be_made_because_of_the_abandoned_one_is_retried() {
    let (trap, single) = (Trap::new("process"), Single::default());
    let container = builder(&trap).sink("single", single.clone()).start().unwrap();
    hang(&container, &trap, 0);
    log(&container, 1..10);
    until("it is retried", || single.made.load(Ordering::SeqCst) >= 3);
    let about =
        |text: &str| text.starts_with("the drain that takes over has not started") && text.contains("it is locked");
    assert!(container.diagnostics().iter().any(|one| about(&one.text)));
    container.accounts().check().unwrap();
    trap.release();
    until("the next drain delivers", || container.accounts().sinks[0].delivered == 9);
    shut_down(&container);
}

#[test]
fn a_shutdown_ends_though_no_drain_could_take_over() {
    let (trap, single) = (Trap::new("process"), Single::default());
    let container = builder(&trap).sink("single", single.clone()).start().unwrap();
    hang(&container, &trap, 0);
    log(&container, 1..10);
    until("it is retried", || single.made.load(Ordering::SeqCst) >= 2);
    let start = Instant::now();
    let ended = container.shutdown(Duration::from_millis(100));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let accounts = container.accounts();
    accounts.check().unwrap();
    assert_eq!((accounts.pending_total(), accounts.delivered_total()), (0, 0), "{ended:?}");
    trap.release();
}

#[test]
fn a_file_that_the_abandoned_drain_has_locked_is_left_to_it_and_another_begins() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    let trap = Trap::new("process");
    let file = sink::File::new(&path, format::Json::new);
    let container = builder(&trap).sink("file", file).start().unwrap();
    log(&container, 0..10);
    container.flush(law::TIMEOUT).unwrap();
    hang(&container, &trap, 10);
    log(&container, 11..20);
    until("the next drain delivers", || container.accounts().sinks[0].delivered >= 19);
    let accounts = shut_down(&container);
    assert_eq!((hung(&accounts).0, accounts.lost_total()), (1, 1), "{accounts}");
    trap.release();
    let mut files: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| *file != path);
    let [left] = &*files else { panic!("{files:?}") };
    assert_eq!(numbers_in(left), (0..10).collect::<Vec<_>>());
    assert_eq!(numbers_in(&path), (11..20).collect::<Vec<_>>());
}

#[test]
fn shards_with_one_file_go_on_in_it_when_one_of_them_is_abandoned() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    let trap = Trap::new("process");
    let file = sink::File::new(&path, format::Json::new).one_file(true);
    let container = builder(&trap).shards(2).sink("file", file).start().unwrap();
    log(&container, 0..10);
    container.flush(law::TIMEOUT).unwrap();
    hang(&container, &trap, 10);
    log(&container, 11..20);
    until("the next drain delivers", || container.accounts().sinks[0].delivered >= 19);
    let accounts = shut_down(&container);
    assert_eq!((hung(&accounts).0, accounts.lost_total()), (1, 1), "{accounts}");
    trap.release();
    let mut numbers = numbers_in(&path);
    numbers.sort_unstable();
    assert_eq!(numbers, (0..10).chain(11..20).collect::<Vec<_>>());
}

/// The numbers of the program's events in a file.
fn numbers_in(path: &std::path::Path) -> Vec<u64> {
    let text = std::fs::read_to_string(path).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    events.filter_map(|event| event["context"]["number"].as_u64()).collect()
}

#[test]
fn a_sink_whose_spill_directory_the_abandoned_drain_has_still_gets_another_one() {
    let directory = tempfile::tempdir().unwrap();
    let (trap, (sink, events)) = (Trap::new("process"), memory());
    let options = || SinkOptions::new().delivery(DeliveryPolicy::default()).spill(SpillOptions::new(directory.path()));
    let container = builder(&trap).sink_with("memory", sink, options()).start().unwrap();
    for round in 0..2 {
        hang(&container, &trap, 10 * round);
        log(&container, 10 * round + 1..10 * (round + 1));
        until("the next drain delivers", || numbers(&events).len() as u64 == 9 * (round + 1));
    }
    let accounts = shut_down(&container);
    assert_eq!(accounts.lost_total(), 2, "{accounts}");
    trap.release();
}
