//! Threads that work for a sink, and log.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

mod law;

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Instant,
};

use fapilog::{
    Logger,
    container::Overflow,
    event::Batch,
    info,
    plugin::{PluginError, is_drain_thread, spawn_thread, spawn_waiting_thread, work_for_a_sink},
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};
use law::{TIMEOUT, thread_builder, until};

/// A sink whose client library works on a thread, and logs there before each payload is done.
#[derive(Clone)]
struct Client {
    log: Arc<OnceLock<Logger>>,
    delivered: Arc<AtomicU64>,
    is_spawned_by_itself: bool,
}

impl SinkFactory for Client {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let (jobs, work) = mpsc::channel::<(u64, mpsc::Sender<()>)>();
        let client = self.clone();
        let run = move || {
            for (events, done) in work {
                if let Some(log) = client.log.get() {
                    (0..100).for_each(|number| info!(log, "from the client library", number));
                }
                client.delivered.fetch_add(events, Ordering::Relaxed);
                let _ = done.send(());
            }
        };
        if self.is_spawned_by_itself {
            std::thread::spawn(|| {
                work_for_a_sink();
                run();
            });
        } else {
            spawn_thread("client", run).unwrap();
        }
        Ok(Box::new(ClientSink { jobs, in_flight: None, events: Mutex::new(0) }))
    }
}

struct ClientSink {
    jobs: mpsc::Sender<(u64, mpsc::Sender<()>)>,
    in_flight: Option<mpsc::Receiver<()>>,
    events: Mutex<u64>,
}

impl Sink for ClientSink {
    fn writer(&self) -> String {
        "a client library".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        let is_busy = self.in_flight.as_ref().is_some_and(|done| done.try_recv() == Err(mpsc::TryRecvError::Empty));
        (!is_busy).then(|| Payload::new(1))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        payload.buffer().push(b'.');
        *self.events.lock().unwrap() += batch.len() as u64;
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        let (done, is_done) = mpsc::channel();
        let events = std::mem::take(&mut *self.events.lock().unwrap());
        let _ = self.jobs.send((events, done));
        self.in_flight = Some(is_done);
        Delivery::done(Ok(()))
    }
}

#[test]
fn a_sinks_thread_that_logs_does_not_slow_the_log_down() {
    for is_spawned_by_itself in [false, true] {
        let client = Client { log: Arc::default(), delivered: Arc::default(), is_spawned_by_itself };
        let builder = thread_builder().overflow(Overflow::Block { timeout: TIMEOUT }).ring_capacity_bytes(16 << 10);
        let builder = builder.record_max_bytes(1024).batch_events_max(16).sink("client", client.clone());
        let container = builder.start().unwrap();
        client.log.set(container.logger("client")).unwrap();
        let log = container.logger("program");
        let start = Instant::now();
        (0..1000).for_each(|number| info!(log, "numbered", number));
        until("all are delivered", || client.delivered.load(Ordering::Relaxed) >= 1000);
        assert!(start.elapsed() < TIMEOUT / 2, "{:?}", start.elapsed());
    }
}

#[test]
fn a_thread_that_may_wait_for_a_drain_does_not_count_as_a_drains() {
    let (answers, answer) = mpsc::channel();
    let of_sink = answers.clone();
    spawn_thread("of a sink", move || of_sink.send(is_drain_thread()).unwrap()).unwrap();
    assert_eq!(answer.recv_timeout(TIMEOUT), Ok(true));
    spawn_waiting_thread("waits", move || answers.send(is_drain_thread()).unwrap()).unwrap();
    assert_eq!(answer.recv_timeout(TIMEOUT), Ok(false));
}
