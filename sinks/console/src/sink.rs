//! The console sink: an encoder in front of a [`Writer`].

use std::{
    mem::ManuallyDrop,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    event::Batch,
    formatter::Formatter,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError},
    threads::{process::OwnProcess, spawn_thread},
};

use super::{destination::Destination, queue::Queue, turns::LineTurns, writer::Writer};

/// How long a sink that is dropped waits for its thread. It takes a moment, unless it is stuck in the kernel.
const LAST_WAIT: Duration = Duration::from_millis(500);

pub(super) struct ConsoleWriterSink {
    formatter: Box<dyn Formatter>,
    description: String,
    queue: Arc<Queue>,
    turns: Arc<LineTurns>,
    thread: ManuallyDrop<JoinHandle<()>>,
    process: OwnProcess,
}

impl ConsoleWriterSink {
    pub(super) fn start(
        fd: OwnedFd,
        name: &str,
        formatter: Box<dyn Formatter>,
        queue_capacity_bytes: usize,
        context: &SinkContext<'_>,
    ) -> Result<Self, SinkError> {
        let failed = |operation| move |source| SinkError::Io { operation, path: PathBuf::from(name), source };
        let (destination, trouble) = Destination::new(fd).map_err(failed("look at"))?;
        if let Some(error) = trouble {
            context
                .report(format!("a write may hold the sink's thread up: the terminal cannot be opened anew: {error}"));
        }
        let description = format!("{name}, {}", destination.kind());
        let queue = Arc::new(Queue::new(queue_capacity_bytes).map_err(failed("make an eventfd for"))?);
        let turns = LineTurns::at(destination.id());
        let writer = Writer {
            queue: Arc::clone(&queue),
            destination,
            turns: Arc::clone(&turns),
            name: name.to_owned(),
            reporter: context.reporter(),
            gone_by: None,
        };
        let thread = spawn_thread(format!("fapilog-{name}"), || writer.run()).map_err(failed("start a thread for"))?;
        let thread = ManuallyDrop::new(thread);
        Ok(Self { formatter, description, queue, turns, thread, process: OwnProcess::this() })
    }
}

impl Sink for ConsoleWriterSink {
    fn writer(&self) -> String {
        self.description.clone()
    }

    fn payload(&mut self) -> Option<Payload> {
        self.queue.payload()
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) {
        self.formatter.format(batch, payload.buffer());
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        Delivery::waking(self.queue.push(payload))
    }

    fn stop(&mut self, deadline: Instant) {
        self.queue.stop(deadline);
        self.turns.reconsider();
    }
}

impl Drop for ConsoleWriterSink {
    fn drop(&mut self) {
        if !self.process.is_this() {
            // Rule 9: the thread behind the handle is in another process, and so may be whoever holds the queue's lock.
            return;
        }
        self.queue.close();
        self.turns.reconsider();
        let has_ended = self.queue.wait_for_end(LAST_WAIT);
        // SAFETY: taken here and nowhere else.
        let thread = unsafe { ManuallyDrop::take(&mut self.thread) };
        if has_ended {
            let _ = thread.join();
        }
        // Otherwise it is stuck in a write that waits in the kernel. It owns all that it uses, and ends with the write.
    }
}
