//! The console sink: an encoder in front of a [`ConsoleWriter`].

use std::{
    ffi::OsString,
    mem::ManuallyDrop,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    formatter::Formatter,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError},
    threads::{process::OwnProcess, spawn_thread},
};

use super::{
    destination::ConsoleDestination,
    journal::{self, JournalLines, is_stream},
    line_lock::LineLock,
    queue::WriteQueue,
    writer::ConsoleWriter,
};

/// How long a dropped sink waits for its thread, which ends at once unless it is stuck in the kernel.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// The options of a console sink, as far as it needs them when it works.
pub(super) struct ConsoleOptions {
    pub(super) queue_capacity_bytes: usize,
    /// The value of `JOURNAL_STREAM`, if lines for the journal are to have priorities.
    pub(super) journal_stream: Option<OsString>,
}

pub(super) struct ConsoleWriterSink {
    formatter: Box<dyn Formatter>,
    /// `None`: the destination is not the journal, or no priorities are wanted there.
    journal: Option<JournalLines>,
    description: String,
    queue: Arc<WriteQueue>,
    line_lock: Arc<LineLock>,
    thread: ManuallyDrop<JoinHandle<()>>,
    process: OwnProcess,
}

impl ConsoleWriterSink {
    pub(super) fn start(
        fd: OwnedFd,
        name: &str,
        formatter: Box<dyn Formatter>,
        options: ConsoleOptions,
        context: &SinkContext<'_>,
    ) -> Result<Self, SinkError> {
        let failed = |operation| move |source| SinkError::Io { operation, path: PathBuf::from(name), source };
        let (destination, reopen_error) = ConsoleDestination::new(fd).map_err(failed("look at"))?;
        if let Some(error) = reopen_error {
            context.report(format!("a write may block the sink's thread: the terminal cannot be reopened: {error}"));
        }
        let stream = options.journal_stream.as_deref();
        // The records of a binary format have no lines to put a priority in front of.
        let is_journal = formatter.writes_lines() && stream.is_some_and(|stream| is_stream(destination.id(), stream));
        let journal = is_journal.then(JournalLines::default);
        let kind = if is_journal { "journal" } else { destination.kind() };
        let description = format!("{name}, {kind}");
        let queue = Arc::new(WriteQueue::new(options.queue_capacity_bytes).map_err(failed("make an eventfd for"))?);
        let line_lock = LineLock::of(destination.id());
        let writer = ConsoleWriter {
            queue: Arc::clone(&queue),
            destination,
            line_lock: Arc::clone(&line_lock),
            name: name.to_owned(),
            reporter: context.reporter(),
            record_end: if is_journal { journal::record_end(&*formatter) } else { formatter.record_end() },
            may_be_mid_line: formatter.writes_lines(),
            closed_by: None,
        };
        let thread = spawn_thread(format!("fapilog-{name}"), || writer.run()).map_err(failed("start a thread for"))?;
        let thread = ManuallyDrop::new(thread);
        Ok(Self { formatter, journal, description, queue, line_lock, thread, process: OwnProcess::this() })
    }
}

impl Sink for ConsoleWriterSink {
    fn writer(&self) -> String {
        self.description.clone()
    }

    fn payload(&mut self) -> Option<Payload> {
        self.queue.payload()
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        match &mut self.journal {
            Some(journal) => journal.put(&mut *self.formatter, batch, payload.buffer()),
            None => self.formatter.format(batch, payload.buffer()),
        }
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        Delivery::waking(self.queue.push(payload))
    }

    fn stop(&mut self, deadline: Instant) {
        self.queue.stop(deadline);
        self.line_lock.recheck();
    }
}

impl Drop for ConsoleWriterSink {
    fn drop(&mut self) {
        if !self.process.is_this() {
            // Rule 9: the thread is in the parent process, and so may be the holder of the queue's lock.
            return;
        }
        self.queue.close();
        self.line_lock.recheck();
        let has_ended = self.queue.wait_for_end(LAST_WAIT);
        // SAFETY: the only `take` of the thread, in `drop`.
        let thread = unsafe { ManuallyDrop::take(&mut self.thread) };
        if has_ended {
            let _ = thread.join();
        }
        // Otherwise the thread is stuck in a write in the kernel. It owns all that it uses, and ends with the write.
    }
}
