//! How do I write a sink of my own? This one sends each event as a datagram to a Unix socket, as agents on a host take
//! them.
//!
//! The receiver may be slow, may be away, and may come back. Sending blocks, so a `DeliveryThread` calls the client, and the
//! drain never waits. The queue, retries and the time limit are the library's: the client only returns its errors.
//!
//! The contract is in `docs/writing-a-plugin.md`.
//!
//! `cargo run -p fapilog --example custom_sink`

use std::{
    error::Error,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use fapilog::{
    Container,
    error::Problem,
    event::Batch,
    format::{self, Formatter},
    info,
    plugin::PluginError,
    sink::{
        BlockingDelivery, Delivery, DeliveryPolicy, DeliveryThread, Payload, Sink, SinkContext, SinkError, SinkFactory,
    },
};

/// When a payload is full.
const PAYLOAD_BYTES: usize = 64 * 1024;

/// How long a send may block: less than the time limit of an attempt, so that the thread is free for the next one.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// The value that the container is given: it makes a sink for each shard, on the shard's own thread.
struct DatagramSink {
    /// Where the receiver's socket is.
    path: PathBuf,
}

impl SinkFactory for DatagramSink {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        if !self.path.exists() {
            // Worth knowing, and no reason not to start: it may come. Reported once, in `Container::diagnostics`.
            context.report("nobody listens yet");
        }
        let path = self.path.clone();
        let thread = DeliveryThread::start("datagram-sink", || Datagrams::new(path))?;
        Ok(Box::new(DatagramsOfShard { formatter: format::Json::new(), thread }))
    }

    /// Invalid values in its settings, all of them, before anything starts.
    fn check(&self) -> Vec<Problem> {
        let is_file = self.path.file_name().is_some();
        if is_file { Vec::new() } else { vec![Problem::new("path", self.path.display(), "it must name a socket")] }
    }

    /// A receiver on the same host is back soon, if it restarts.
    fn delivery(&self) -> DeliveryPolicy {
        let (first, max) = (Duration::from_millis(20), Duration::from_millis(500));
        DeliveryPolicy::default().attempts(1000).backoff(first, 2.0, max).breaker(5, max / 10, max)
    }
}

/// The shard's end.
struct DatagramsOfShard {
    formatter: format::Json,
    thread: DeliveryThread,
}

impl Sink for DatagramsOfShard {
    fn writer(&self) -> String {
        "datagrams, by a thread".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(PAYLOAD_BYTES))
    }

    /// No I/O in `encode`: it runs on the drain.
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.formatter.format(batch, payload.buffer())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.thread.deliver(payload)
    }
}

/// The client. It lives on its own thread, and may block there.
struct Datagrams {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Datagrams {
    fn new(path: PathBuf) -> Result<Self, SinkError> {
        let socket = UnixDatagram::unbound().map_err(|source| failed("make a socket for", &path, source))?;
        socket.set_write_timeout(Some(SEND_TIMEOUT)).map_err(|source| failed("set a timeout for", &path, source))?;
        Ok(Self { socket, path })
    }
}

impl BlockingDelivery for Datagrams {
    /// Records that were sent before the error count as delivered: another attempt has the remaining ones only.
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
        let (mut records, mut bytes) = (0, 0);
        for record in payload.records().split_inclusive(|&byte| byte == b'\n') {
            if let Err(source) = self.socket.send_to(record, &self.path) {
                // Whatever it is, it may be over when the receiver has started again.
                let source = Box::new(SinkError::retryable(failed("send to", &self.path, source)));
                return Err(SinkError::Partial { records, bytes, source });
            }
            records += 1;
            bytes += record.len() as u64;
        }
        Ok(())
    }
}

fn failed(operation: &'static str, path: &Path, source: std::io::Error) -> SinkError {
    SinkError::Io { operation, path: path.to_owned(), source }
}

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("agent.sock");
    let logs = Container::builder().sink("agent", DatagramSink { path: path.clone() }).start()?;
    let log = logs.logger("example");

    // No receiver: the event waits in the queue, and is attempted again and again.
    info!(log, "before the agent");
    while logs.accounts().sinks.iter().all(|sink| sink.retries < 2) {
        thread::sleep(Duration::from_millis(1));
    }

    // Slow: datagrams that nobody has taken yet fill the socket's queue, and the client blocks. The drain does not.
    let agent = UnixDatagram::bind(&path)?;
    (0..100).for_each(|number| info!(log, "through a sink of its own", number));
    let mut buffer = vec![0; PAYLOAD_BYTES];
    let mut next_line = || -> std::io::Result<String> {
        let bytes = agent.recv(&mut buffer)?;
        Ok(String::from_utf8_lossy(buffer.get(..bytes).unwrap_or_default()).into_owned())
    };
    assert!(next_line()?.contains("before the agent"));
    for number in 0..100 {
        let line = next_line()?;
        assert!(line.ends_with(&format!("\"number\":{number}}}}}\n")), "{line}");
    }

    let accounts = logs.shutdown(Duration::from_secs(5))?;
    accounts.check()?;
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (101, 0));
    Ok(())
}
