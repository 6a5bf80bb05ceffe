//! A sink whose client blocks, on a thread of its own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::Executor,
    error::ShutdownError,
    event::Batch,
    format::{self, Formatter},
    info,
    metrics::LossReason,
    plugin::PluginError,
    sink::{
        BlockingDelivery, Delivery, DeliveryPolicy, DeliveryThread, Payload, Sink, SinkContext, SinkError, SinkFactory,
        SinkOptions,
    },
};
use law::{TIMEOUT, balanced, executors, shut_down, until};

/// The client: a function of the payload.
type Script = dyn FnMut(&Payload) -> Result<(), SinkError> + Send;

/// A sink whose client is a function.
struct Blocking(Arc<Mutex<Box<Script>>>);

impl Blocking {
    fn new(script: impl FnMut(&Payload) -> Result<(), SinkError> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(script))))
    }
}

impl SinkFactory for Blocking {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let script = Arc::clone(&self.0);
        let thread = DeliveryThread::start("blocking", || Ok(ScriptedClient(script)))?;
        Ok(Box::new(BlockingSink { formatter: format::Minimal::new(), thread }))
    }
}

struct BlockingSink {
    formatter: format::Minimal,
    thread: DeliveryThread,
}

impl Sink for BlockingSink {
    fn writer(&self) -> String {
        "a thread".to_owned()
    }

    /// A payload for each batch.
    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.formatter.format(batch, payload.buffer())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.thread.deliver(payload)
    }

    fn flush(&mut self) -> Delivery {
        self.thread.flush()
    }
}

struct ScriptedClient(Arc<Mutex<Box<Script>>>);

impl BlockingDelivery for ScriptedClient {
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
        let mut script = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        script(&payload)
    }
}

/// Attempts at once, without end.
fn eager() -> DeliveryPolicy {
    let none = Duration::ZERO;
    DeliveryPolicy::default().attempts(u32::MAX).backoff(none, 1.0, none).retry_time(none).breaker(0, none, none)
}

fn started_on(executor: Executor, sink: Blocking, policy: DeliveryPolicy) -> Container {
    let options = SinkOptions::new().delivery(policy);
    Container::builder().executor(executor).sink_with("blocking", sink, options).start().unwrap()
}

fn started(sink: Blocking, policy: DeliveryPolicy) -> Container {
    started_on(Executor::Thread, sink, policy)
}

/// A client that reports each payload and blocks until it is released.
fn hanging() -> (Blocking, Receiver<String>, Sender<()>) {
    let ((report, got), (release, is_released)) = (mpsc::channel(), mpsc::channel::<()>());
    let is_released = Mutex::new(is_released);
    let sink = Blocking::new(move |payload| {
        report.send(String::from_utf8_lossy(payload.records()).into_owned()).map_err(SinkError::permanent)?;
        is_released.lock().unwrap().recv_timeout(TIMEOUT).map_err(SinkError::permanent)
    });
    (sink, got, release)
}

fn delivered(container: &Container) -> u64 {
    container.accounts().delivered_total()
}

#[test]
fn events_are_delivered_in_order() {
    for executor in executors() {
        let (report, got) = mpsc::channel();
        let sink = Blocking::new(move |payload| report.send(payload.records().to_vec()).map_err(SinkError::permanent));
        let container = started_on(executor, sink, DeliveryPolicy::default().queue(10_000, 16 << 20));
        let log = container.logger("test");
        (0..1000).for_each(|number| info!(log, "{number}"));
        container.flush(TIMEOUT).unwrap();
        assert_eq!(shut_down(&container).delivered_total(), 1000);
        let text = String::from_utf8(got.iter().flatten().collect()).unwrap();
        let expected: Vec<String> = (0..1000).map(|number| format!("INFO {number}")).collect();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{executor}");
    }
}

#[test]
fn a_retryable_error_is_attempted_again_and_a_panic_is_not() {
    let mut attempts = 0;
    let sink = Blocking::new(move |payload| {
        attempts += 1;
        match payload.records() {
            b"INFO panics\n" => panic!("planted"),
            _ if attempts == 1 => Err(SinkError::retryable("busy")),
            _ => Ok(()),
        }
    });
    let container = started(sink, eager());
    let log = container.logger("test");
    info!(log, "fails once");
    until("it is delivered", || delivered(&container) == 1);
    info!(log, "panics");
    until("it is lost", || container.accounts().lost_total() == 1);
    let accounts = container.accounts();
    assert_eq!((accounts.sinks[0].retries, accounts.sinks[0].lost.of(LossReason::SinkFailed)), (1, 1));
    info!(log, "and on");
    until("the thread goes on", || delivered(&container) >= 2);
    shut_down(&container);
}

#[test]
fn later_attempts_wait_for_a_client_that_hangs_beyond_the_time_limit() {
    let ((report, calls), (release, is_released)) = (mpsc::channel(), mpsc::channel::<()>());
    let is_released = Mutex::new(is_released);
    let mut is_first = true;
    let sink = Blocking::new(move |payload| {
        report.send(payload.attempt()).map_err(SinkError::permanent)?;
        if std::mem::take(&mut is_first) {
            is_released.lock().unwrap().recv_timeout(TIMEOUT).map_err(SinkError::permanent)?;
        }
        Ok(())
    });
    let container = started(sink, eager().timeout(Duration::from_millis(100)));
    info!(container.logger("test"), "hangs");
    assert_eq!(calls.recv_timeout(TIMEOUT), Ok(1));
    until("attempts are given up", || container.metrics().deliveries[0].timeouts >= 3);
    assert_eq!((delivered(&container), calls.try_recv().ok()), (0, None));
    release.send(()).unwrap();
    until("a later attempt is delivered", || delivered(&container) == 1);
    shut_down(&container);
    let later = calls.try_recv().unwrap();
    assert!(later >= 4, "attempt {later}, which was given up, came to the client");
}

#[test]
fn a_shutdown_does_not_wait_for_a_client_that_hangs() {
    let (sink, got, release) = hanging();
    let container = started(sink, DeliveryPolicy::default());
    info!(container.logger("test"), "hangs");
    got.recv_timeout(TIMEOUT).unwrap();
    let start = Instant::now();
    let Err(ShutdownError::Deadline { accounts, .. }) = container.shutdown(Duration::from_millis(50)) else {
        panic!("the event is delivered")
    };
    assert!(start.elapsed() < TIMEOUT / 2, "{:?}", start.elapsed());
    let lost = balanced(*accounts).sinks[0].lost.of(LossReason::ShutdownDeadline);
    assert_eq!(lost, 1);
    drop((container, release));
    assert_eq!(
        got.recv_timeout(TIMEOUT),
        Err(RecvTimeoutError::Disconnected),
        "the thread ends with the client's call"
    );
}

#[test]
fn the_client_wakes_a_parked_shard() {
    for executor in executors() {
        let (sink, got, release) = hanging();
        // Without a time limit, nothing else wakes the shard.
        let container = started_on(executor, sink, DeliveryPolicy::default().timeout(Duration::ZERO));
        info!(container.logger("test"), "one");
        got.recv_timeout(TIMEOUT).unwrap();
        // Longer than it takes to park, and to look for losses a last time, a second after the event. A shard that is awake by
        // itself would hide a lost wake-up.
        thread::sleep(Duration::from_millis(1500));
        release.send(()).unwrap();
        until("the shard has seen the result", || delivered(&container) == 1);
        shut_down(&container);
    }
}
