//! How do I write a sink of my own? This one sends each event as a datagram to a Unix socket, as agents on a host take
//! them.
//!
//! The receiver may be slow, may be away, and may come back. So a thread of the sink's own sends, and a delivery is a
//! future that completes when that thread reports its result: the drain never waits.
//!
//! The contract is in `docs/writing-a-plugin.md`.
//!
//! `cargo run -p fapilog --example custom_sink`

use std::{
    error::Error,
    future::poll_fn,
    io,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender, TryRecvError},
    },
    task::Poll,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    error::Problem,
    event::Batch,
    format::{self, Formatter},
    info,
    metrics::LossReason,
    plugin::spawn_thread,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};

/// When a payload is full.
const PAYLOAD_BYTES: usize = 64 * 1024;

/// How many payloads may be on their way at once. With their length, it bounds the sink's memory.
const IN_FLIGHT_MAX: usize = 4;

/// How long the kernel may keep the thread waiting before it asks whether it is to stop.
const SEND_TIMEOUT: Duration = Duration::from_millis(50);

/// The value that the container is given: it makes a sink for each shard, on the shard's own thread.
struct DatagramSink {
    /// Where the receiver's socket is.
    path: PathBuf,
}

impl SinkFactory for DatagramSink {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let path = &self.path;
        let failed = |operation| move |source| SinkError::Io { operation, path: path.clone(), source };
        let socket = UnixDatagram::unbound().map_err(failed("make a socket for"))?;
        socket.set_write_timeout(Some(SEND_TIMEOUT)).map_err(failed("set a timeout for"))?;
        if !path.exists() {
            // Worth knowing, and no reason not to start: it may come. Reported once, in `Container::diagnostics`.
            context.report("nobody listens yet");
        }
        let (jobs, waiting) = mpsc::channel();
        let worker = Worker { socket, path: path.clone(), waiting, deadline: Arc::default() };
        let deadline = Arc::clone(&worker.deadline);
        // It takes no signals, as all of the library's own: the program's handlers do not run on it.
        spawn_thread("datagram-sink", move || worker.run()).map_err(failed("start a thread for"))?;
        let spare = vec![Vec::new(); IN_FLIGHT_MAX];
        Ok(Box::new(Datagrams { formatter: format::Json::new(), jobs, spare, returned: mpsc::channel(), deadline }))
    }

    /// Invalid values in its settings, all of them, before anything starts.
    fn check(&self) -> Vec<Problem> {
        let is_file = self.path.file_name().is_some();
        if is_file { Vec::new() } else { vec![Problem::new("path", self.path.display(), "it must name a socket")] }
    }
}

/// A payload for the thread that sends, and the channel for its result.
struct Job {
    bytes: Vec<u8>,
    result: Sender<Result<(), SinkError>>,
    /// Takes the memory back.
    returned: Sender<Vec<u8>>,
}

/// By when the last payload must be sent; `None` before the shutdown.
type Deadline = Arc<Mutex<Option<Instant>>>;

/// The thread that may wait. It ends when the sink is dropped.
struct Worker {
    socket: UnixDatagram,
    path: PathBuf,
    waiting: Receiver<Job>,
    deadline: Deadline,
}

impl Worker {
    fn run(self) {
        while let Ok(Job { mut bytes, result, returned }) = self.waiting.recv() {
            // A payload is delivered as a whole, or counts as lost as a whole.
            let sent = bytes.split_inclusive(|&byte| byte == b'\n').try_for_each(|record| self.send(record));
            // The receiver of the result may be gone by now: then no one needs it.
            let _ = result.send(sent);
            bytes.clear();
            let _ = returned.send(bytes);
        }
    }

    /// Waits while the receiver is slow. If it is away, the record is lost, and the next one is attempted.
    fn send(&self, record: &[u8]) -> Result<(), SinkError> {
        loop {
            match self.socket.send_to(record, &self.path) {
                Ok(_) => return Ok(()),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(source) => return Err(SinkError::Io { operation: "send to", path: self.path.clone(), source }),
            }
            let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(SinkError::Deadline);
            }
        }
    }
}

/// The shard's end.
struct Datagrams {
    formatter: format::Json,
    jobs: Sender<Job>,
    /// Buffers for payloads.
    spare: Vec<Vec<u8>>,
    /// By which they come back.
    returned: (Sender<Vec<u8>>, Receiver<Vec<u8>>),
    deadline: Deadline,
}

impl Sink for Datagrams {
    fn writer(&self) -> String {
        "datagrams, by a thread".to_owned()
    }

    /// `None` while all buffers are on their way: the shard keeps events back meanwhile, or drops them, as the
    /// container's settings demand.
    fn payload(&mut self) -> Option<Payload> {
        self.spare.extend(self.returned.1.try_iter());
        self.spare.pop().map(|buffer| Payload::in_buffer(buffer, PAYLOAD_BYTES))
    }

    /// No I/O in `encode`: it runs on the drain.
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) {
        self.formatter.format(batch, payload.buffer());
    }

    /// Starts, and does not wait. The future borrows nothing of the sink.
    fn deliver(&mut self, payload: Payload) -> Delivery {
        let gone = || SinkError::Other("the sending thread is gone".into());
        let (result, outcome) = mpsc::channel();
        let job = Job { bytes: payload.into_buffer(), result, returned: self.returned.0.clone() };
        if self.jobs.send(job).is_err() {
            return Delivery::done(Err(gone()));
        }
        // No waker: while a delivery is in flight, the shard looks at it about every 100 microseconds.
        Delivery::in_flight(poll_fn(move |_| match outcome.try_recv() {
            Ok(result) => Poll::Ready(result),
            Err(TryRecvError::Empty) => Poll::Pending,
            Err(TryRecvError::Disconnected) => Poll::Ready(Err(gone())),
        }))
    }

    /// From now on, the thread gives up at the deadline.
    fn stop(&mut self, deadline: Instant) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
    }
}

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("agent.sock");
    let logs = Container::builder().sink("agent", DatagramSink { path: path.clone() }).start()?;
    let log = logs.logger("example");

    // No receiver: the event is lost, and the container reports it.
    info!(log, "into the void");
    assert!(logs.flush(Duration::from_secs(5)).is_err());

    // Slow: datagrams that nobody has taken yet fill the socket's queue, and the sink waits.
    let agent = UnixDatagram::bind(&path)?;
    (0..100).for_each(|number| info!(log, "through a sink of its own", number));
    let mut buffer = vec![0; PAYLOAD_BYTES];
    let mut number = 0;
    while number < 100 {
        let bytes = agent.recv(&mut buffer)?;
        let line = String::from_utf8_lossy(buffer.get(..bytes).unwrap_or_default());
        // The log reports the event that was lost.
        if line.contains("1 events lost at sink agent") {
            continue;
        }
        assert!(line.ends_with(&format!("\"number\":{number}}}}}\n")), "{line}");
        number += 1;
    }

    let accounts = logs.shutdown(Duration::from_secs(5))?;
    accounts.check()?;
    let became: Vec<_> =
        accounts.sinks.iter().map(|sink| (sink.delivered, sink.lost.of(LossReason::SinkFailed))).collect();
    // 100 events, and the report of the lost one.
    assert_eq!(became, [(101, 1)]);
    Ok(())
}
