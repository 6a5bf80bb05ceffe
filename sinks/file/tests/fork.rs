//! A forked child that has a copy of its parent's file sink. A separate test program: a child has no thread of its parent.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;

use std::{
    fs,
    path::Path,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use fapilog_engine::{container::Container, error::StartError, host::ManualDrain};
use fapilog_plugin::{
    diagnostics::Diagnostics,
    factory::ShardInfo,
    sink::{Delivery, Sink, SinkContext, SinkError, SinkFactory},
    testing::TestBatches,
};
use lines::{
    BLOCK_BYTES, TIMEOUT, Way, assert_holds, balanced, directory, forked, log_bytes, manual_builder, shut_down, sink,
    started, until, ways,
};

/// A container on a drain that a child can drop.
fn started_manual(path: &Path, way: Way) -> (Container, ManualDrain) {
    manual_builder().sink("file", sink(path, way)).start_manual().unwrap()
}

/// Shuts down, and checks that every event is delivered.
fn end(container: &Container, drain: &mut ManualDrain) {
    container.request_shutdown(Instant::now() + TIMEOUT);
    until("the drain has ended", || {
        drain.turn();
        drain.has_ended()
    });
    assert_eq!(balanced(container.accounts()).lost_total(), 0);
}

fn is_locked(path: &Path, way: Way) -> bool {
    let second = manual_builder().sink("second", sink(path, way)).start_manual();
    matches!(second, Err(StartError::Sink { cause: SinkError::Locked { .. }, .. }))
}

#[test]
fn a_child_that_drops_the_drain_leaves_its_parents_file_whole_and_locked() {
    for way in ways() {
        let directory = directory();
        let path = directory.path().join("inherited.log");
        let (container, mut drain) = started_manual(&path, way);
        let log = container.logger("test");
        // A full block, in the file except for its partial page, and not yet acknowledged.
        let mut expected = log_bytes(&log, BLOCK_BYTES + 700);
        until("something is in the file", || {
            drain.turn();
            fs::metadata(&path).is_ok_and(|found| found.len() > 0)
        });
        // And writes in flight, where the engine has such.
        expected.extend(log_bytes(&log, 2 * BLOCK_BYTES));
        drain.run_until_idle();

        let mut parents = Some((container, drain));
        forked(|| {
            let start = Instant::now();
            drop(parents.take());
            start.elapsed() < Duration::from_secs(1)
        });

        let (container, mut drain) = parents.take().unwrap();
        assert!(is_locked(&path, way), "{way:?}");
        expected.extend(log_bytes(&log, BLOCK_BYTES + 300));
        end(&container, &mut drain);
        assert_holds(&path, &expected);
        drop(drain);
        assert_holds(&path, &expected);
        assert!(!is_locked(&path, way), "{way:?}");
    }
}

#[test]
fn a_child_can_write_a_file_of_its_own_the_same_way() {
    for way in ways() {
        let directory = directory();
        let (parents_path, childs_path) = (directory.path().join("parent.log"), directory.path().join("child.log"));
        let (container, drain) = started_manual(&parents_path, way);
        let log = container.logger("test");
        let expected = log_bytes(&log, 3 * BLOCK_BYTES);
        let mut parents = Some((container, drain));
        parents.iter_mut().for_each(|(_, drain)| drain.run_until_idle());
        forked(|| {
            drop(parents.take());
            let own = started(sink(&childs_path, way));
            log_bytes(&own.logger("test"), 3 * BLOCK_BYTES);
            shut_down(&own).lost_total() == 0
        });
        let (container, mut drain) = parents.take().unwrap();
        end(&container, &mut drain);
        assert_holds(&parents_path, &expected);
        assert_holds(&childs_path, &expected);
    }
}

#[test]
fn a_child_leaves_the_sinks_of_two_shards_and_their_thread_to_its_parent() {
    for way in ways() {
        let directory = directory();
        let path = directory.path().join("shared.log");
        let file = Arc::new(sink(&path, way).one_file(true));
        let diagnostics: Arc<dyn Diagnostics> = Arc::new(NoReports);
        let make = |shard| file.make(&SinkContext::new(ShardInfo::new(shard, 2), "file", &diagnostics));
        let mut sinks = [0, 1].map(|shard| make(shard).unwrap());
        let deliveries: Vec<Delivery> = sinks.iter_mut().map(|sink| delivered(sink, &[7])).collect();
        let mut parents = Some((sinks, deliveries));
        forked(|| {
            let Some((mut sinks, mut deliveries)) = parents.take() else { return false };
            let start = Instant::now();
            let is_idle = deliveries.iter_mut().all(|delivery| poll(delivery).is_pending());
            let is_busy = sinks.iter_mut().all(|sink| sink.payload().is_none());
            sinks.iter_mut().for_each(|sink| sink.stop(Instant::now()));
            let fails = matches!(poll(&mut sinks[0].flush()), Poll::Ready(Err(_)));
            drop((sinks, deliveries));
            let is_locked = matches!(make(0), Err(SinkError::Locked { .. }));
            is_idle && is_busy && fails && is_locked && start.elapsed() < Duration::from_secs(5)
        });
        let (mut sinks, mut deliveries) = parents.take().unwrap();
        deliveries.push(delivered(&mut sinks[1], &[8]));
        for mut delivery in deliveries {
            until("it is delivered", || matches!(poll(&mut delivery), Poll::Ready(Ok(()))));
        }
        assert!(is_locked(&path, way), "{way:?}");
        drop(sinks);
        assert_holds(&path, b"staged\nstaged\nstaged\n");
        assert!(!is_locked(&path, way), "{way:?}");
    }
}

#[derive(Debug)]
struct NoReports;

impl Diagnostics for NoReports {
    fn report(&self, _: &str, _: String) {}
}

fn delivered(sink: &mut Box<dyn Sink>, numbers: &[u64]) -> Delivery {
    let mut payload = sink.payload().unwrap();
    TestBatches::new().batch(numbers, |batch| sink.encode(batch, &mut payload)).unwrap();
    sink.deliver(payload)
}

fn poll(delivery: &mut Delivery) -> Poll<Result<(), SinkError>> {
    delivery.poll(&mut Context::from_waker(Waker::noop()))
}
