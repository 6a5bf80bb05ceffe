//! A whole log on rings that a few events fill: the real container, lanes and shard, with a sink that counts, and a drain
//! that sleeps for good when a wake-up is lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

use fapilog_engine::{
    accounts::Accounts,
    container::Container,
    host::ManualDrain,
    model_api::{self, Lane},
    producer::Overflow,
};
use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    sink::{Delivery, DeliveryPolicy, Payload, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_ring::Capacity;

use crate::sleeper::Sleeper;

/// Longer than any model takes: whatever depends on the clock is the same in each execution.
const LONG: Duration = Duration::from_secs(3600);

/// The number of events that fill a lane's ring: their frames take 24 bytes each.
pub const EVENTS_MAX: u64 = (Capacity::MIN_BYTES / 24) as u64;

/// The name of a log's sink.
const SINK: &str = "count";

/// A log, as all its threads see it.
#[derive(Debug, Clone)]
pub struct Log {
    container: Arc<Container>,
    /// The events that the sink has seen. Not an atomic of loom's: the sink may not be a place where threads meet.
    written: Arc<AtomicU64>,
}

/// Its draining end, which stays on one thread.
#[derive(Debug)]
pub struct Drain(ManualDrain);

/// A new log, and its drain. A call on a full ring drops its event.
pub fn start() -> (Log, Drain) {
    start_with(None)
}

/// As [`start`], with a sink that wakes `reader` when it takes events.
pub fn start_read_by(reader: &Arc<Sleeper>) -> (Log, Drain) {
    start_with(Some(reader.waker()))
}

fn start_with(reader: Option<Waker>) -> (Log, Drain) {
    let written = Arc::new(AtomicU64::new(0));
    let (container, drain) = Container::builder()
        .ring_capacity_bytes(Capacity::MIN_BYTES)
        .record_max_bytes(8)
        .overflow(Overflow::DropNewest)
        .batch_events_max(8)
        .flush_interval(LONG)
        .idle_spin(Duration::ZERO)
        .idle_sleep(Duration::ZERO)
        .sink(SINK, Count { written: Arc::clone(&written), reader })
        .start_manual()
        .expect("a log of this size can be made");
    (Log { container: Arc::new(container), written }, Drain(drain))
}

impl Log {
    /// A lane for the calling thread.
    pub fn open_lane(&self) -> Lane {
        model_api::open_lane(&self.container).expect("there is memory for a ring")
    }

    /// A call of a thread for which there is no ring.
    pub fn log_shared(&self) {
        model_api::log_shared(&self.container);
    }

    /// A call on the log once it is closed.
    pub fn log_closed(&self) {
        model_api::refuse(&self.container);
    }

    /// The number of lanes that the drain has not taken back.
    pub fn lanes(&self) -> usize {
        model_api::lanes(&self.container)
    }

    /// Changes the running pipeline, to what it was before, and waits for the drain to do it.
    pub fn change(&self) {
        model_api::change(&self.container, SINK, Instant::now() + LONG).expect("the drain makes each change");
    }

    /// Waits until everything logged before is delivered.
    pub fn flush(&self) {
        self.container.flush(LONG).expect("a flush that does not race a shutdown succeeds");
    }

    /// Has the drain end, however long it takes, and does not wait.
    pub fn request_shutdown(&self) {
        self.container.request_shutdown(Instant::now() + LONG);
    }

    /// Has the drain end, and waits for it.
    pub fn shutdown(&self) -> Accounts {
        self.container.shutdown(LONG).expect("a shutdown with time enough drops nothing at its deadline")
    }

    /// The accounts of all events.
    pub fn accounts(&self) -> Accounts {
        self.container.accounts()
    }

    /// Events that the sink has seen.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

impl Drain {
    /// Runs to the end of the log, on this thread: every frame, request or new ring must wake it.
    pub fn run(self) {
        let sleeper = Sleeper::new();
        model_api::run(self.0, &sleeper.waker(), |time| match time {
            // A sleep ends by itself.
            Some(time) if time < LONG / 2 => loom::thread::yield_now(),
            _ => sleeper.sleep(),
        });
    }
}

/// A sink that counts.
#[derive(Clone)]
struct Count {
    written: Arc<AtomicU64>,
    /// Woken when the sink takes events.
    reader: Option<Waker>,
}

impl SinkFactory for Count {
    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::direct()
    }

    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for Count {
    fn writer(&self) -> String {
        "counts".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(64))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        payload.buffer().extend(batch.events().iter().map(|_| b'e'));
        if let Some(reader) = &self.reader {
            reader.wake_by_ref();
        }
        Ok(())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.written.fetch_add(payload.len() as u64, Ordering::Relaxed);
        Delivery::done(Ok(()))
    }
}
