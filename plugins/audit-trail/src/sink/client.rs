//! A shard's sink, and the client on its delivery thread.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant},
};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    formatter::Formatter,
    record_end::RecordEnd,
    sink::{BlockingDelivery, Delivery, DeliveryThread, Payload, Sink, SinkError},
    threads::process::OwnProcess,
};

use crate::sink::shared::SharedTrail;

/// The length of a full payload: each costs two syncs. A file that is shorter than that has shorter payloads.
pub(super) const PAYLOAD_BYTES: usize = 1 << 20;

/// How long the drop of a sink waits, behind the deadline of its stop, for the trail to close.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// The sink of a shard.
pub(super) struct TrailSink {
    formatter: Box<dyn Formatter>,
    is_marked: bool,
    payload_bytes: usize,
    thread: Option<DeliveryThread>,
    rotate: Arc<AtomicBool>,
    /// Disconnected when the client is dropped: the trail is closed then, if it was the last.
    closed: Receiver<()>,
    deadline: Option<Instant>,
    process: OwnProcess,
    is_first_shard: bool,
}

/// The client of the delivery thread.
struct TrailClient {
    trail: Arc<SharedTrail>,
    rotate: Arc<AtomicBool>,
    /// Behind `trail`: fields are dropped in their order.
    _open: Sender<()>,
}

impl TrailSink {
    pub(super) fn start(
        formatter: Box<dyn Formatter>,
        is_first_shard: bool,
        payload_bytes: usize,
        join: impl FnOnce() -> Result<Arc<SharedTrail>, SinkError> + Send + 'static,
    ) -> Result<Self, SinkError> {
        let (open, closed) = mpsc::channel();
        let rotate = Arc::<AtomicBool>::default();
        let of_client = Arc::clone(&rotate);
        let thread = DeliveryThread::start("audit-trail", move || {
            Ok(TrailClient { trail: join()?, rotate: of_client, _open: open })
        })?;
        let is_marked = formatter.record_end() != RecordEnd::LineFeed;
        let process = OwnProcess::this();
        let thread = Some(thread);
        let deadline = None;
        Ok(Self { formatter, is_marked, payload_bytes, thread, rotate, closed, deadline, process, is_first_shard })
    }

    fn submit(&self, work: impl FnOnce(&DeliveryThread) -> Delivery) -> Delivery {
        match &self.thread {
            Some(thread) => work(thread),
            None => Delivery::done(Err(SinkError::permanent("the sink has stopped"))),
        }
    }
}

impl Sink for TrailSink {
    fn writer(&self) -> String {
        "audit trail, synced".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(self.payload_bytes))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        if !self.is_marked {
            self.formatter.format(batch, payload.buffer())?;
            return Ok(());
        }
        for index in 0..batch.len() {
            self.formatter.format(&batch.range(index..index + 1), payload.buffer())?;
            payload.end_record();
        }
        Ok(())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.submit(|thread| thread.deliver(payload))
    }

    fn rotate(&mut self) -> Delivery {
        // All shards are asked, and share the file.
        if !self.is_first_shard {
            return Delivery::done(Ok(()));
        }
        // Release: pairs with `flush` of the client; the queue orders the two as well.
        self.rotate.store(true, Ordering::Release);
        self.submit(DeliveryThread::flush)
    }

    fn stop(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }
}

impl Drop for TrailSink {
    fn drop(&mut self) {
        drop(self.thread.take());
        if !self.process.is_this() {
            return;
        }
        let end = self.deadline.unwrap_or_else(Instant::now) + CLOSE_WAIT;
        let wait = end.saturating_duration_since(Instant::now());
        // A disk that hangs has the process end without the last checkpoint; the next start continues without it.
        let _: Result<(), RecvTimeoutError> = self.closed.recv_timeout(wait);
    }
}

impl BlockingDelivery for TrailClient {
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
        self.trail.append(&payload)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        // Acquire: pairs with `rotate` of the sink.
        if self.rotate.swap(false, Ordering::Acquire) {
            self.trail.rotate();
        }
        Ok(())
    }
}
