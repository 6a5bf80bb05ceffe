//! The thread that writes one file for all shards.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    time::{Duration, Instant},
};

use fapilog_plugin::{
    sink::{Reporter, SinkError},
    threads::spawn_thread,
    user_code::{catch_panic, drop_catching_panics},
};

use crate::{
    cursors::FillingEnd,
    one_file::{
        answer::AnswerSender,
        feeding::{Feeding, WrittenRecords},
        queue::{NextRequest, ShardRequest, WriterQueue},
        rotations::RequestedRotations,
    },
    stream::{FileStream, acknowledge, not_durable, not_in_time},
};

/// The interval of looks at the disk while something waits for it.
const DISK_POLL: Duration = Duration::from_micros(100);

/// The longest sleep of a thread that nothing waits for.
const IDLE_WAIT: Duration = Duration::from_secs(60);

/// Starts the thread, which opens the stream by `open`. Returns when it is open.
///
/// # Errors
/// Those of `open`; when the system has no thread to give.
pub(super) fn start(
    queue: &Arc<WriterQueue>,
    path: &Path,
    reporter: Reporter,
    open: impl FnOnce() -> Result<FileStream, SinkError> + Send + 'static,
) -> Result<(), SinkError> {
    let (opened, is_open) = mpsc::channel();
    let own = Arc::clone(queue);
    let thread = spawn_thread("fapilog-writer", move || run(own, &reporter, open, &opened));
    let error = |source| SinkError::Io { operation: "start a thread for", path: path.to_owned(), source };
    drop(thread.map_err(error)?);
    is_open.recv().unwrap_or_else(|_| Err(super::answer::thread_ended()))
}

fn run(
    queue: Arc<WriterQueue>,
    reporter: &Reporter,
    open: impl FnOnce() -> Result<FileStream, SinkError>,
    opened: &Sender<Result<(), SinkError>>,
) {
    let thread = catch_panic(|| match open() {
        Ok(stream) => {
            let thread = WriterThread::new(Arc::clone(&queue), stream);
            thread.report_writer();
            Some(thread)
        }
        Err(error) => {
            let _ = opened.send(Err(error));
            None
        }
    });
    if let Ok(Some(mut thread)) = thread {
        let _ = opened.send(Ok(()));
        if catch_panic(|| thread.run()).is_err() {
            reporter.report("the thread that writes the file panicked; events are lost from now on");
        }
        // The file is closed by it.
        drop_catching_panics(thread);
    }
    queue.end();
}

/// A flush that waits for a sync up to `end`.
struct RequestedFlush {
    shard: usize,
    end: FillingEnd,
    answer: AnswerSender,
}

/// The state of the thread.
struct WriterThread {
    queue: Arc<WriterQueue>,
    stream: FileStream,
    feeding: Option<Feeding>,
    /// In the order of the stream.
    written: VecDeque<WrittenRecords>,
    flushes: Vec<RequestedFlush>,
    /// The end of each shard's last flush, by its number.
    flushed: Vec<(usize, FillingEnd)>,
    /// The end of the stream when it was opened.
    opened_at: FillingEnd,
    rotations: RequestedRotations,
    /// The number of repeated writes that was reported.
    retries: u64,
    /// The deadline that the stream was stopped with.
    deadline: Option<Instant>,
}

impl WriterThread {
    fn new(queue: Arc<WriterQueue>, stream: FileStream) -> Self {
        Self {
            queue,
            opened_at: stream.writer.filling_end(),
            retries: stream.writer.retries(),
            stream,
            feeding: None,
            written: VecDeque::new(),
            flushes: Vec::new(),
            flushed: Vec::new(),
            rotations: RequestedRotations::default(),
            deadline: None,
        }
    }

    /// Runs until the last shard has left.
    fn run(&mut self) {
        while !self.queue.is_closed() {
            let now = Instant::now();
            if !self.turn(now) {
                self.queue.wait(DISK_POLL, self.idle_time(now), now);
            }
        }
    }

    /// Does what there is to do. Returns whether there was anything.
    fn turn(&mut self, now: Instant) -> bool {
        if self.stream.next_work(now).is_some_and(|due| due <= now) {
            self.stream.work(now);
        } else {
            self.stream.turn(now);
        }
        self.stop_if_asked();
        if self.stream.writer.ends() {
            self.fail_waiting(true, now);
        }
        self.fail_waiting(false, now);
        let has_taken = self.take_requests(now);
        let has_answered = self.answer_written();
        self.answer_flushes();
        self.rotations.answer(&mut self.stream, &self.queue, now);
        if self.stream.writer.retries() != self.retries {
            self.retries = self.stream.writer.retries();
            self.report_writer();
        }
        has_taken || has_answered
    }

    /// Once all shards are asked to stop, the stream is, by the last of their deadlines.
    fn stop_if_asked(&mut self) {
        let deadline = self.queue.deadline();
        if deadline.is_some() && deadline != self.deadline {
            self.deadline = deadline;
            deadline.into_iter().for_each(|deadline| self.stream.stop(deadline));
        }
    }

    /// Fails requests that the stream does not have, of shards whose deadline has passed, or all.
    fn fail_waiting(&mut self, all: bool, now: Instant) {
        if all && let Some(feeding) = self.feeding.take() {
            // Records that are handed over may be in the file.
            self.end_feeding(feeding);
        }
        for request in self.queue.take_late(all, now) {
            match request {
                ShardRequest::Write(records) => {
                    let (count, bytes) = (records.count, records.bytes());
                    records.answer.give(count, bytes, || Err(SinkError::Deadline));
                }
                ShardRequest::Flush(answer) | ShardRequest::Rotate(answer) => answer.give(|| Err(SinkError::Deadline)),
            }
        }
    }

    /// Takes requests, and records for one block at most: answers are not to wait. Returns whether there were any.
    fn take_requests(&mut self, now: Instant) -> bool {
        if let Some(feeding) = self.feeding.take() {
            return self.feed(feeding, now);
        }
        let mut has_taken = false;
        loop {
            let takes_records = self.stream.writer.has_free_block();
            let boundary = self.stream.boundary(now);
            let Some(NextRequest { shard, request }) = self.queue.next(takes_records, boundary, now) else {
                return has_taken;
            };
            has_taken = true;
            match request {
                ShardRequest::Flush(answer) => self.begin_flush(shard, answer),
                ShardRequest::Rotate(answer) => self.rotations.add(shard, answer, now),
                // A shard that has given the payload up has counted its events as lost.
                ShardRequest::Write(records) if !records.answer.is_awaited() => {
                    self.queue.return_block(shard, records.block);
                }
                ShardRequest::Write(records) => {
                    self.feed(Feeding::new(shard, records, &self.stream), now);
                    return true;
                }
            }
        }
    }

    /// Returns whether the stream has all of it.
    fn feed(&mut self, mut feeding: Feeding, now: Instant) -> bool {
        if feeding.feed(&mut self.stream, now) {
            self.end_feeding(feeding);
            return true;
        }
        self.feeding = Some(feeding);
        false
    }

    fn end_feeding(&mut self, feeding: Feeding) {
        let shard = feeding.shard;
        let (written, block) = feeding.end();
        self.written.push_back(written);
        self.queue.return_block(shard, block);
    }

    /// Answers for the first records that are delivered, or failed. Returns whether there were any.
    fn answer_written(&mut self) -> bool {
        let ends = self.stream.writer.ends();
        let before = self.written.len();
        while let Some(records) = self.written.pop_front_if(|first| ends || first.are_delivered(&self.stream)) {
            let stream = &mut self.stream;
            let are_delivered = records.are_delivered(stream);
            let WrittenRecords { start, end, count, bytes, record_end, answer, .. } = records;
            answer.give(count, bytes, || {
                if !are_delivered {
                    return Err(not_in_time(&mut stream.writer, record_end));
                }
                acknowledge(stream, start, end)
            });
            stream.writer.report(end);
        }
        self.written.len() < before
    }

    fn begin_flush(&mut self, shard: usize, answer: AnswerSender) {
        match self.stream.writer.request_sync() {
            Some(end) => self.flushes.push(RequestedFlush { shard, end, answer }),
            None => answer.give(|| Ok(())),
        }
    }

    fn answer_flushes(&mut self) {
        let synced = self.flushes.extract_if(.., |flush| self.stream.writer.is_synced(flush.end));
        for RequestedFlush { shard, end, answer } in synced.collect::<Vec<_>>() {
            let known = self.flushed.iter_mut().find(|(known, _)| *known == shard);
            let before = known.as_ref().map_or(self.opened_at, |(_, flushed)| *flushed);
            match known {
                Some((_, flushed)) => *flushed = end.max(*flushed),
                None => self.flushed.push((shard, end)),
            }
            let is_durable = !self.stream.writer.has_doubt_behind(before);
            answer.give(|| if is_durable { Ok(()) } else { Err(not_durable(self.stream.path())) });
        }
    }

    fn report_writer(&self) {
        self.queue.report_writer(self.retries, self.stream.writer.describe());
    }

    /// How long to sleep while no request waits to be taken.
    fn idle_time(&self, now: Instant) -> Duration {
        let is_waiting = self.feeding.is_some()
            || !self.written.is_empty()
            || !self.flushes.is_empty()
            || !self.rotations.is_empty();
        if is_waiting {
            return DISK_POLL;
        }
        let due = self.stream.next_work(now).map(|due| due.saturating_duration_since(now));
        due.map_or(IDLE_WAIT, |due| due.clamp(DISK_POLL, IDLE_WAIT))
    }
}
