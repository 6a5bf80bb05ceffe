//! The store as the drain has it: requests go to the thread, and answers come back.

use std::{
    collections::VecDeque,
    mem::ManuallyDrop,
    sync::Arc,
    task::{Context, Poll, ready},
    thread::JoinHandle,
    time::Instant,
};

use fapilog_plugin::{
    factory::ShardInfo,
    name::is_name,
    sink::{Reporter, SinkError},
    threads::{process::OwnProcess, spawn_thread},
};

use crate::delivery::store::{
    dead_letter_file::DeadLetterFile,
    error::StoreError,
    options::{DeadLetterOptions, SpillOptions},
    request_queue::{RequestQueue, StoreEnd, StoreRequest},
    spill::SpillPlan,
    store_thread::StoreThread,
    stored_payload::{DeadLetter, DeliveryStoreAnswer, StoredPayload},
};

/// The store of one sink of one shard. No call waits for the disk, but for [`open`](Self::open) and [`close`](Self::close).
pub(crate) struct DeliveryStore {
    queue: Arc<RequestQueue>,
    /// `None` once the store is closed.
    thread: Option<JoinHandle<()>>,
    pending: PendingBytes,
    process: OwnProcess,
}

/// The bytes of appends and letters without an answer, in the order of the requests of each kind.
#[derive(Debug, Default)]
struct PendingBytes {
    appends: VecDeque<u64>,
    letters: VecDeque<u64>,
    total: u64,
}

impl DeliveryStore {
    /// Makes and locks the sink's directory, and starts the thread, which looks at the payloads that are there.
    ///
    /// # Errors
    /// [`StoreError`]: `InvalidName`, `Locked`, `Io` and `Thread`.
    pub(crate) fn open(
        spill: Option<SpillOptions>,
        dead_letters: Option<DeadLetterOptions>,
        sink: &str,
        shard: ShardInfo,
        reporter: Reporter,
    ) -> Result<Self, SinkError> {
        if !is_name(sink) {
            return Err(StoreError::InvalidName { sink: sink.to_owned() }.into());
        }
        let spill = spill.map(|options| SpillPlan::open(options, sink, shard, reporter.clone())).transpose()?;
        let letters = dead_letters.map(|options| DeadLetterFile::new(options, sink, shard.index));
        let queue = Arc::<RequestQueue>::default();
        let work = StoreThread::new(letters, Arc::clone(&queue), reporter);
        let thread = spawn_thread("fapilog-spill", move || work.run(spill)).map_err(StoreError::Thread)?;
        Ok(Self { queue, thread: Some(thread), pending: PendingBytes::default(), process: OwnProcess::this() })
    }

    /// Appends a payload behind all others. Answered by `Appended` or `Refused`.
    pub(crate) fn append(&mut self, mut payload: StoredPayload) {
        // Shared: the request is executed on a clone.
        payload.payload = payload.payload.share();
        self.pending.add_append(payload.payload.len() as u64);
        self.queue.add(StoreRequest::Append(payload));
    }

    /// Asks for the payload at the read position, which moves behind it. Answered by `Read`.
    pub(crate) fn read_next(&mut self) {
        self.queue.add_read();
    }

    /// The oldest payload that was read and is not acknowledged yet is done. Its position is on disk before later requests are
    /// executed. Without such a payload, it has no effect.
    pub(crate) fn acknowledge(&mut self) {
        self.queue.add(StoreRequest::Acknowledge);
    }

    /// Moves the read position back to the oldest payload that is not acknowledged. Reads that were asked for before, and whose
    /// answers are not taken yet, are never answered. Payloads that were read before must not be acknowledged after it.
    pub(crate) fn rewind(&mut self) {
        self.queue.rewind();
    }

    /// Writes a letter to the file for dead letters. Answered by `Buried`.
    pub(crate) fn bury(&mut self, mut letter: DeadLetter) {
        letter.payload = letter.payload.share();
        self.pending.add_letter(letter.payload.len() as u64);
        self.queue.add(StoreRequest::Bury(letter));
    }

    /// The next answer. The thread wakes the waker of the last call when there is one.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<DeliveryStoreAnswer> {
        let answer = ready!(self.queue.poll(context));
        self.pending.subtract(&answer);
        Poll::Ready(answer)
    }

    /// The bytes of appends and letters whose answers are not taken yet: so much memory the store has at most, beside the payloads
    /// that were read.
    pub(crate) fn pending_bytes(&self) -> u64 {
        self.pending.total
    }

    /// Has all requests executed and everything made durable, and ends the thread. Returns whether it has ended: then,
    /// [`close`](Self::close) waits for nothing.
    pub(crate) fn begin_close(&mut self) -> bool {
        self.queue.end(StoreEnd::Close);
        self.queue.has_thread_ended()
    }

    /// Has all requests executed and everything made durable, and ends the thread. Returns the answers that were not taken.
    ///
    /// At the deadline, the thread is left to itself. Requests that it has not executed are refused, the one that it works on
    /// among them, which may be executed all the same: `Deadline`.
    pub(crate) fn close(&mut self, deadline: Instant) -> Vec<DeliveryStoreAnswer> {
        if !self.process.is_this() {
            return Vec::new();
        }
        let Some(thread) = self.thread.take() else { return Vec::new() };
        self.queue.end(StoreEnd::Close);
        if self.queue.wait_for_end(deadline) {
            // It has nothing more to do. It reports its own panics.
            let _ = thread.join();
        }
        self.pending = PendingBytes::default();
        self.queue.take_back()
    }
}

impl Drop for DeliveryStore {
    /// The thread executes all requests and ends. Nothing waits for it.
    fn drop(&mut self) {
        // In a forked child, the thread that holds the lock may not exist.
        if self.process.is_this() {
            self.queue.end(StoreEnd::Close);
        } else {
            // Nor may a handle be dropped: another thread of the child may have its memory.
            let _leaked = ManuallyDrop::new(self.thread.take());
        }
    }
}

impl PendingBytes {
    fn add_append(&mut self, bytes: u64) {
        self.appends.push_back(bytes);
        self.total = self.total.saturating_add(bytes);
    }

    fn add_letter(&mut self, bytes: u64) {
        self.letters.push_back(bytes);
        self.total = self.total.saturating_add(bytes);
    }

    fn subtract(&mut self, answer: &DeliveryStoreAnswer) {
        let bytes = match answer {
            DeliveryStoreAnswer::Appended | DeliveryStoreAnswer::Refused { .. } => self.appends.pop_front(),
            DeliveryStoreAnswer::Buried(_) => self.letters.pop_front(),
            _ => None,
        };
        self.total = self.total.saturating_sub(bytes.unwrap_or(0));
    }
}

/// For tests: ends of the thread that no program asks for.
#[cfg(test)]
impl DeliveryStore {
    /// Ends the thread as if the process were killed between two requests.
    pub(super) fn crash(self) {
        self.crash_behind(0, || {});
    }

    /// As [`crash`](Self::crash), behind so many of the requests that are not executed yet. `release` ends the work that holds the
    /// thread.
    pub(in crate::delivery) fn crash_behind(mut self, requests: usize, release: impl FnOnce()) {
        self.queue.crash_behind(requests);
        release();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// Has the thread execute this.
    pub(in crate::delivery) fn work(&mut self, work: impl Fn() + Send + Sync + 'static) {
        self.queue.add(StoreRequest::Work(super::request_queue::TestWork(Arc::new(work))));
    }
}
