//! The writer's thread on an engine of the test's own, which waits or panics.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant, SystemTime},
};

use fapilog_engine::{
    accounts::LossReason,
    container::Container,
    error::{FlushError, ShutdownError},
    executor::Executor,
    producer::{DynamicEvent, Overflow},
};
use fapilog_plugin::{
    diagnostics::Diagnostics,
    error::PluginError,
    event::Batch,
    level::Level,
    record_end::RecordEnd,
    sink::{Delivery, Payload, SinkFactory},
    testing::TestBatches,
    threads::process::OwnProcess,
    timestamp::Timestamp,
};

use tempfile::TempDir;

use super::{
    feeding::Feeding,
    queue::ShardWaits,
    records::{BatchMark, RecordsAnswer, ShardRecords},
    *,
};
use crate::{
    block::Block,
    engine::{IoCompletion, IoRequest, PwriteEngine, WriteEngine},
    rotate::RotateEvery,
    settings::File,
};

mod any_sequence;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Writes each event's time in nanoseconds, and a line feed.
#[derive(Debug)]
struct TimeLines;

impl Formatter for TimeLines {
    fn name(&self) -> &'static str {
        "times"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        for event in batch.events() {
            out.extend_from_slice(format!("{}\n", event.timestamp().unix_nanos()).as_bytes());
        }
        Ok(())
    }

    fn record_end(&self) -> RecordEnd {
        RecordEnd::LineFeed
    }
}

#[derive(Debug, Default)]
struct NoReports;

impl Diagnostics for NoReports {
    fn report(&self, _: &str, _: String) {}
}

/// The way of an engine to its file.
#[derive(Debug, Clone, Default)]
struct Gate {
    is_closed: Arc<AtomicBool>,
    /// The number of the write that panics, from 1; 0 for none.
    panics_at: Arc<AtomicU64>,
    writes: Arc<AtomicU64>,
}

impl Gate {
    fn set_closed(&self, is_closed: bool) {
        // Pairs with `GatedEngine::submit`.
        self.is_closed.store(is_closed, Ordering::SeqCst);
    }

    fn writes(&self) -> u64 {
        // Pairs with `GatedEngine::submit`.
        self.writes.load(Ordering::SeqCst)
    }
}

/// `pwrite` behind a gate: while it is closed, the thread waits in a write, as it does for a disk that does not answer.
struct GatedEngine {
    inner: PwriteEngine,
    gate: Gate,
}

impl WriteEngine for GatedEngine {
    fn name(&self) -> &'static str {
        "gated"
    }

    fn submit(&mut self, request: IoRequest) {
        // Pairs with `Gate::writes`.
        let number = self.gate.writes.fetch_add(1, Ordering::SeqCst) + 1;
        // Pairs with the store of the test.
        assert_ne!(self.gate.panics_at.load(Ordering::SeqCst), number, "planted");
        // Pairs with `Gate::set_closed`.
        while self.gate.is_closed.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_micros(100));
        }
        self.inner.submit(request);
    }

    fn reap(&mut self, done: &mut dyn FnMut(IoCompletion)) {
        self.inner.reap(done);
    }

    fn in_flight(&self) -> usize {
        self.inner.in_flight()
    }
}

/// A factory of sinks on one file behind a gate.
struct GatedFile {
    file: File,
    shared: SharedWriter,
    gate: Gate,
    waits: ShardWaits,
}

impl GatedFile {
    fn new(directory: &TempDir, options: impl FnOnce(File) -> File) -> Self {
        let file = File::new(directory.path().join("gated.log"), || TimeLines).block_bytes(64 << 10).direct(false);
        let (shared, gate) = (SharedWriter::default(), Gate::default());
        let waits = ShardWaits { older_records: TIMEOUT, rotation_requests: TIMEOUT };
        Self { file: options(file), shared, gate, waits }
    }

    fn path(&self) -> PathBuf {
        self.file.path.clone()
    }

    /// The sinks of two shards.
    fn sinks(&self) -> [Box<dyn Sink>; 2] {
        let diagnostics: Arc<dyn Diagnostics> = Arc::new(NoReports);
        [0, 1].map(|shard| self.make(&SinkContext::new(ShardInfo::new(shard, 2), "gated", &diagnostics)).unwrap())
    }

    /// The times in the file.
    fn times(&self) -> Vec<u64> {
        times_in(&self.path())
    }
}

impl SinkFactory for GatedFile {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let options = &self.file.options;
        let plan = StreamPlan::new(&self.file.path, ShardInfo::new(0, 1), options, true, context)?;
        let gate = self.gate.clone();
        let open = move || plan.open_with(|_| Ok(Box::new(GatedEngine { inner: PwriteEngine::default(), gate })));
        let queue = WriterQueue::new(options.block_bytes, None).with_waits(self.waits);
        self.shared.join_or_start(&self.file.path, Box::new(TimeLines), options, context, queue, open)
    }
}

fn times_in(path: &Path) -> Vec<u64> {
    fs::read_to_string(path).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < TIMEOUT, "timeout: {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// A payload with events of these times.
fn encoded(sink: &mut Box<dyn Sink>, times: &[u64]) -> Payload {
    let mut payload = sink.payload().unwrap();
    TestBatches::new().batch(times, |batch| sink.encode(batch, &mut payload)).unwrap();
    payload
}

fn delivered(sink: &mut Box<dyn Sink>, times: &[u64]) -> Delivery {
    let payload = encoded(sink, times);
    sink.deliver(payload)
}

fn poll(delivery: &mut Delivery) -> Poll<Result<(), SinkError>> {
    delivery.poll(&mut Context::from_waker(Waker::noop()))
}

#[track_caller]
fn result(mut delivery: Delivery) -> Result<(), SinkError> {
    let mut answer = Poll::Pending;
    until("it is answered", || {
        answer = poll(&mut delivery);
        answer.is_ready()
    });
    let Poll::Ready(result) = answer else { unreachable!() };
    result
}

#[test]
fn payloads_that_wait_are_written_in_the_order_of_their_first_records() {
    let directory = tempfile::tempdir().unwrap();
    let file = GatedFile::new(&directory, |file| file.blocks_in_flight(1));
    let [mut one, mut other] = file.sinks();
    file.gate.set_closed(true);
    let mut deliveries = vec![delivered(&mut one, &[10, 11])];
    until("the thread waits for the disk", || file.gate.writes() == 1);
    deliveries.push(delivered(&mut one, &[30, 60]));
    deliveries.push(delivered(&mut one, &[50]));
    deliveries.push(delivered(&mut other, &[20]));
    deliveries.push(delivered(&mut other, &[40, 45]));
    file.gate.set_closed(false);
    deliveries.into_iter().for_each(|delivery| result(delivery).unwrap());
    assert_eq!(file.times(), [10, 11, 20, 30, 60, 40, 45, 50]);
}

#[test]
fn a_shard_without_a_free_block_is_busy_and_its_memory_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let file = GatedFile::new(&directory, |file| file);
    let [mut one, mut other] = file.sinks();
    file.gate.set_closed(true);
    let mut deliveries = vec![delivered(&mut one, &[1])];
    until("the thread waits for the disk", || file.gate.writes() == 1);
    deliveries.extend((2..=SHARD_BLOCKS as u64).map(|time| delivered(&mut one, &[time])));
    assert!(one.payload().is_none() && other.payload().is_some());
    file.gate.set_closed(false);
    until("a block is free", || one.payload().is_some());
    deliveries.into_iter().for_each(|delivery| result(delivery).unwrap());
}

/// A boundary of time that has not come yet, of a file that is rotated every hour.
fn boundary() -> u64 {
    const HOUR: u64 = 3600 * 1_000_000_000;
    let now = Timestamp::from(SystemTime::now()).unix_nanos();
    (now / HOUR + 2) * HOUR
}

fn rotated_every_hour(directory: &TempDir) -> GatedFile {
    GatedFile::new(directory, |file| file.rotate_every(RotateEvery::Hour))
}

/// The file, with shards that do not wait for each other.
fn impatient(file: GatedFile) -> GatedFile {
    GatedFile { waits: ShardWaits { older_records: Duration::ZERO, rotation_requests: Duration::ZERO }, ..file }
}

/// The times in the only file that was rotated.
fn rotated_times(file: &GatedFile) -> Vec<u64> {
    let others = fs::read_dir(file.path().parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let rotated: Vec<PathBuf> = others.filter(|path| *path != file.path()).collect();
    let [rotated] = &rotated[..] else { unreachable!("{rotated:?}") };
    times_in(rotated)
}

#[test]
fn the_records_behind_a_boundary_wait_for_older_ones_of_another_shard() {
    let directory = tempfile::tempdir().unwrap();
    let file = rotated_every_hour(&directory);
    let [mut one, mut other] = file.sinks();
    let boundary = boundary();
    let older = encoded(&mut other, &[boundary - 1]);
    let newer = delivered(&mut one, &[boundary - 2, boundary]);
    let older = other.deliver(older);
    result(older).unwrap();
    result(newer).unwrap();
    assert_eq!((rotated_times(&file), file.times()), (vec![boundary - 2, boundary - 1], vec![boundary]));
}

#[test]
fn older_records_that_do_not_come_are_not_waited_for_for_long() {
    let directory = tempfile::tempdir().unwrap();
    let file = impatient(rotated_every_hour(&directory));
    let [mut one, mut other] = file.sinks();
    let boundary = boundary();
    let older = encoded(&mut other, &[boundary - 1]);
    result(delivered(&mut one, &[boundary - 2, boundary])).unwrap();
    result(other.deliver(older)).unwrap();
    assert_eq!((rotated_times(&file), file.times()), (vec![boundary - 2], vec![boundary, boundary - 1]));
}

#[test]
fn requests_of_both_shards_to_rotate_get_one_rotation() {
    let directory = tempfile::tempdir().unwrap();
    let file = GatedFile::new(&directory, |file| file);
    let [mut one, mut other] = file.sinks();
    result(delivered(&mut one, &[1])).unwrap();
    let mut first = one.rotate();
    result(delivered(&mut other, &[2])).unwrap();
    assert!(poll(&mut first).is_pending());
    let second = other.rotate();
    [first, second].into_iter().for_each(|answer| result(answer).unwrap());
    assert_eq!((rotated_times(&file), file.times()), (vec![1, 2], vec![]));
}

#[test]
fn a_request_that_another_shard_does_not_get_rotates_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let file = impatient(GatedFile::new(&directory, |file| file));
    let [mut one, _other] = file.sinks();
    result(delivered(&mut one, &[1])).unwrap();
    result(one.rotate()).unwrap();
    assert_eq!((rotated_times(&file), file.times()), (vec![1], vec![]));
}

#[test]
fn a_shard_that_stops_alone_gives_up_behind_its_deadline_and_the_other_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let file = GatedFile::new(&directory, |file| file);
    let [mut one, mut other] = file.sinks();
    file.gate.set_closed(true);
    let mut in_write = delivered(&mut one, &[1]);
    until("the thread waits for the disk", || file.gate.writes() == 1);
    let mut waiting = delivered(&mut one, &[2]);
    let others = delivered(&mut other, &[3]);
    one.stop(Instant::now());
    for delivery in [&mut in_write, &mut waiting] {
        let answer = poll(delivery);
        assert!(matches!(answer, Poll::Ready(Err(SinkError::Deadline))), "{answer:?}");
    }
    drop(one);
    file.gate.set_closed(false);
    result(others).unwrap();
    // The record that the disk had already is there, though its shard has given it up.
    assert_eq!(file.times(), [1, 3]);
}

#[test]
fn a_file_that_is_closed_ends_behind_the_last_record_that_is_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let file = GatedFile::new(&directory, |file| file);
    let [mut one, mut other] = file.sinks();
    result(delivered(&mut other, &[1])).unwrap();
    file.gate.set_closed(true);
    let mut given_up = delivered(&mut one, &[2]);
    until("the thread waits for the disk", || file.gate.writes() == 2);
    one.stop(Instant::now());
    assert!(matches!(poll(&mut given_up), Poll::Ready(Err(SinkError::Deadline))));
    file.gate.set_closed(false);
    drop((one, other));
    assert_eq!(file.times(), [1]);
}

#[test]
fn a_thread_that_panics_fails_all_requests_and_those_that_come() {
    let directory = tempfile::tempdir().unwrap();
    let file = GatedFile::new(&directory, |file| file);
    let [mut one, mut other] = file.sinks();
    result(delivered(&mut one, &[1])).unwrap();
    // Pairs with `GatedEngine::submit`.
    file.gate.panics_at.store(2, Ordering::SeqCst);
    assert!(matches!(result(delivered(&mut other, &[2])), Err(SinkError::Other(_))));
    for _ in 0..2 * SHARD_BLOCKS {
        assert!(matches!(result(delivered(&mut one, &[3])), Err(SinkError::Other(_))));
    }
    assert!(matches!(result(one.flush()), Err(SinkError::Other(_))));
    assert!(matches!(result(one.rotate()), Err(SinkError::Other(_))));
    drop((one, other));
    assert_eq!(file.times(), [1]);
}

/// A container of two shards.
fn started(file: GatedFile) -> Container {
    let overflow = Overflow::Block { timeout: TIMEOUT };
    let builder = Container::builder().shards(2).executor(Executor::Thread).overflow(overflow).batch_events_max(16);
    builder.sink("gated", file).start().unwrap()
}

/// Logs from four threads.
fn log_events(container: &Container, events_each: u64) {
    thread::scope(|scope| {
        for _ in 0..4 {
            let log = container.logger("test");
            let events = move || {
                (0..events_each).for_each(|_| log.log_dynamic(&DynamicEvent::new(Level::Info, "test", "event")));
            };
            scope.spawn(events);
        }
    });
}

#[test]
fn the_law_holds_in_a_container_whose_writer_panics() {
    let directory = tempfile::tempdir().unwrap();
    let file = GatedFile::new(&directory, |file| file);
    let (path, gate) = (file.path(), file.gate.clone());
    let container = started(file);
    // Pairs with `GatedEngine::submit`.
    gate.panics_at.store(3, Ordering::SeqCst);
    until("the writer has panicked", || {
        log_events(&container, 100);
        gate.writes() >= 3
    });
    assert!(matches!(container.flush(TIMEOUT), Err(FlushError::Failed { .. } | FlushError::Lost { .. })));
    let link = directory.path().join("kept.log");
    fs::hard_link(&path, &link).unwrap();
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0);
    assert!(accounts.sinks[0].lost.of(LossReason::SinkFailed) > 0, "{accounts}");
    assert_eq!(times_in(&link).len() as u64, accounts.sinks[0].delivered, "{accounts}");
    assert!(container.diagnostics().iter().any(|diagnostic| diagnostic.to_string().contains("panicked")));
}

#[test]
fn a_shutdown_ends_at_its_deadline_while_the_disk_does_not_answer() {
    let directory = tempfile::tempdir().unwrap();
    let file = GatedFile::new(&directory, |file| file);
    let (path, gate) = (file.path(), file.gate.clone());
    let container = started(file);
    log_events(&container, 10);
    container.flush(TIMEOUT).unwrap();
    let link = directory.path().join("kept.log");
    fs::hard_link(&path, &link).unwrap();
    gate.set_closed(true);
    log_events(&container, 100);
    let start = Instant::now();
    let ended = container.shutdown(Duration::from_millis(200));
    let Err(ShutdownError::Deadline { accounts, .. }) = ended else { unreachable!("{ended:?}") };
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    accounts.check().unwrap();
    assert_eq!((accounts.sinks[0].delivered, accounts.pending_total()), (40, 0), "{accounts}");
    gate.set_closed(false);
    drop(container);
    until("the file is cut", || times_in(&link).len() == 40);
}

#[test]
fn records_that_the_stream_has_in_part_are_not_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let file = GatedFile::new(&directory, |file| file);
    let diagnostics: Arc<dyn Diagnostics> = Arc::new(NoReports);
    let context = SinkContext::new(ShardInfo::new(0, 1), "gated", &diagnostics);
    let plan = StreamPlan::new(&file.path(), context.shard, &file.file.options, true, &context).unwrap();
    let mut stream = plan.open().unwrap();
    let records = || {
        let (sender, _receiver) = answer::answer(&Arc::default(), Rc::default(), OwnProcess::this());
        ShardRecords {
            block: Block { bytes: b"1\n2\n".to_vec(), is_pooled: false },
            start: 0,
            marks: vec![BatchMark { at: 0, first: Timestamp::from_unix_nanos(1) }],
            count: 2,
            is_full: false,
            record_end: RecordEnd::LineFeed,
            answer: RecordsAnswer::Last(sender),
            queued: Instant::now(),
        }
    };
    let (not_fed, _) = Feeding::new(0, records(), &stream).end();
    assert!(!not_fed.are_delivered(&stream));
    let mut feeding = Feeding::new(0, records(), &stream);
    assert!(feeding.feed(&mut stream, Instant::now()));
    let (fed, _) = feeding.end();
    until("they are written", || {
        stream.turn(Instant::now());
        fed.are_delivered(&stream)
    });
}
