//! Payloads between the drain and the writing thread.

use std::{
    collections::VecDeque,
    io,
    os::fd::BorrowedFd,
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    record_end::{RecordEnd, WholeRecords},
    sink::{Payload, SinkError},
    threads::lock,
};

use super::{
    line_lock::WriteDeadline,
    wake_event::{WaitEnd, WakeEvent},
    write_outcome::{PendingWrite, WriteOutcome, write_outcome},
};

/// The length at which a payload is full.
pub(super) const PAYLOAD_BYTES: usize = 64 * 1024;

/// The least room for a payload: a write to a pipe has no more bytes.
const ROOM_MIN_BYTES: usize = 4 * 1024;

/// The number of buffers that are kept for later payloads.
const SPARE_BUFFERS_MAX: usize = 4;

/// The time before the deadline at which waits end (rule 8).
const GIVE_UP_BEFORE: Duration = Duration::from_millis(5);

/// Payloads in order, and the deadline of the thread that writes them.
#[derive(Debug)]
pub(super) struct WriteQueue {
    capacity_bytes: usize,
    state: Mutex<WriteQueueState>,
    changed: Condvar,
    wake_event: WakeEvent,
}

#[derive(Debug, Default)]
struct WriteQueueState {
    jobs: VecDeque<WriteJob>,
    /// Bytes that are not written yet, of all unfinished jobs.
    unwritten_bytes: usize,
    spare: Vec<Vec<u8>>,
    deadline: Option<Instant>,
    /// The sink was dropped.
    is_closed: bool,
    /// The thread has ended.
    has_ended: bool,
}

/// A payload to write.
pub(super) struct WriteJob {
    payload: Payload,
    outcome: WriteOutcome,
    /// Bytes whose room is free again.
    written_bytes: usize,
}

impl WriteJob {
    /// The records that are not written yet.
    pub(super) fn unwritten(&self) -> &[u8] {
        self.payload.records().get(self.written_bytes..).unwrap_or_default()
    }

    /// The error of a payload that is written in part: with the records that are written whole.
    pub(super) fn failed(&self, record_end: RecordEnd, error: SinkError) -> SinkError {
        let records = self.payload.records();
        let written = records.get(..self.written_bytes).unwrap_or_default();
        let WholeRecords { records, bytes } =
            record_end.whole_records(written, records.get(self.written_bytes).copied());
        if records == 0 {
            return error;
        }
        SinkError::Partial { records, bytes: bytes as u64, source: Box::new(error) }
    }

    fn unwritten_bytes(&self) -> usize {
        self.payload.len().saturating_sub(self.written_bytes)
    }
}

impl std::fmt::Debug for WriteJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteJob").field("unwritten_bytes", &self.unwritten_bytes()).finish_non_exhaustive()
    }
}

/// The drain's side.
impl WriteQueue {
    pub(super) fn new(capacity_bytes: usize) -> io::Result<Self> {
        Ok(Self { capacity_bytes, state: Mutex::default(), changed: Condvar::new(), wake_event: WakeEvent::new()? })
    }

    /// An empty payload, if there is room for it. Where there is little room, the payload is full early.
    pub(super) fn payload(&self) -> Option<Payload> {
        let mut state = lock(&self.state);
        let room_bytes = self.capacity_bytes.saturating_sub(state.unwritten_bytes);
        if room_bytes < ROOM_MIN_BYTES {
            return None;
        }
        let buffer = state.spare.pop();
        drop(state);
        let buffer = buffer.unwrap_or_else(|| Vec::with_capacity(PAYLOAD_BYTES));
        Some(Payload::in_buffer(buffer, room_bytes.min(PAYLOAD_BYTES)))
    }

    /// Queues a payload.
    pub(super) fn push(&self, payload: Payload) -> PendingWrite {
        let (outcome, pending) = write_outcome();
        let job = WriteJob { payload, outcome, written_bytes: 0 };
        {
            let mut state = lock(&self.state);
            if state.has_ended {
                // The drop of the job settles the outcome as failed.
                return pending;
            }
            debug_assert!(
                state.unwritten_bytes.saturating_add(ROOM_MIN_BYTES) <= self.capacity_bytes,
                "a payload was filled that there is no room for"
            );
            state.unwritten_bytes = state.unwritten_bytes.saturating_add(job.payload.len());
            state.jobs.push_back(job);
        }
        self.changed.notify_all();
        pending
    }

    /// No payload is written after the deadline.
    pub(super) fn stop(&self, deadline: Instant) {
        lock(&self.state).deadline = Some(deadline);
        self.wake_event.wake();
    }

    /// No payload is written from now on.
    pub(super) fn close(&self) {
        lock(&self.state).is_closed = true;
        self.changed.notify_all();
        self.wake_event.wake();
    }

    /// Waits for the end of the thread, with a timeout. Returns whether it has ended.
    pub(super) fn wait_for_end(&self, timeout: Duration) -> bool {
        let state = lock(&self.state);
        let waited = self.changed.wait_timeout_while(state, timeout, |state| !state.has_ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.has_ended
    }
}

/// The writing thread's side.
impl WriteQueue {
    /// Waits for a payload; `None` after [`close`](Self::close).
    pub(super) fn next(&self) -> Option<WriteJob> {
        let mut state = lock(&self.state);
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Frees the room of bytes that are written, rule 2.
    pub(super) fn written(&self, job: &mut WriteJob, bytes: usize) {
        let bytes = bytes.min(job.unwritten_bytes());
        job.written_bytes += bytes;
        let mut state = lock(&self.state);
        state.unwritten_bytes = state.unwritten_bytes.saturating_sub(bytes);
    }

    /// Reports the result of a payload, and takes its memory back.
    pub(super) fn done(&self, job: WriteJob, result: Result<(), SinkError>) {
        let bytes = job.unwritten_bytes();
        let WriteJob { payload, outcome, .. } = job;
        let mut buffer = payload.into_buffer();
        {
            let mut state = lock(&self.state);
            state.unwritten_bytes = state.unwritten_bytes.saturating_sub(bytes);
            debug_assert_eq!(state.unwritten_bytes, state.jobs.iter().map(|job| job.payload.len()).sum::<usize>());
            // A buffer that a long batch has enlarged more than fourfold is freed.
            if state.spare.len() < SPARE_BUFFERS_MAX && buffer.capacity() <= 4 * PAYLOAD_BYTES {
                buffer.clear();
                state.spare.push(buffer);
            }
        }
        outcome.settle(result);
    }

    /// The thread has ended: the remaining payloads fail.
    pub(super) fn end(&self) {
        let left = {
            let mut state = lock(&self.state);
            state.has_ended = true;
            std::mem::take(&mut state.jobs)
        };
        drop(left);
        self.changed.notify_all();
    }

    /// Whether no payload may be written any more.
    pub(super) fn is_over(&self) -> bool {
        let state = lock(&self.state);
        state.is_closed || state.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// How long the thread may wait.
    pub(super) fn write_deadline(&self) -> WriteDeadline {
        let (is_closed, deadline) = {
            let state = lock(&self.state);
            (state.is_closed, state.deadline)
        };
        let Some(deadline) = deadline.filter(|_| !is_closed) else {
            return if is_closed { WriteDeadline::Passed } else { WriteDeadline::Endless };
        };
        match deadline.checked_sub(GIVE_UP_BEFORE) {
            Some(deadline) if deadline > Instant::now() => WriteDeadline::At(deadline),
            _ => WriteDeadline::Passed,
        }
    }

    /// Waits until `fd` can be written to, until the deadline, and for `at_most` at most. [`stop`](Self::stop) and
    /// [`close`](Self::close) end the wait.
    pub(super) fn wait(&self, fd: Option<BorrowedFd<'_>>, at_most: Duration) -> WaitEnd {
        let left = match self.write_deadline() {
            WriteDeadline::Endless => None,
            WriteDeadline::At(deadline) => Some(deadline.saturating_duration_since(Instant::now())),
            // Checks the descriptor without waiting.
            WriteDeadline::Passed => Some(Duration::ZERO),
        };
        let timeout = left.map_or(at_most, |left| left.min(at_most));
        self.wake_event.wait(fd, (timeout != Duration::MAX).then_some(timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(bytes: usize) -> Payload {
        let mut payload = Payload::new(PAYLOAD_BYTES);
        payload.buffer().resize(bytes, b'x');
        payload
    }

    #[test]
    fn there_is_no_payload_while_the_capacity_is_used_up() {
        let queue = WriteQueue::new(2 * PAYLOAD_BYTES).unwrap();
        let _pending = (queue.push(payload(PAYLOAD_BYTES)), queue.push(payload(PAYLOAD_BYTES)));
        assert!(queue.payload().is_none());
        let job = queue.next().unwrap();
        assert!(queue.payload().is_none(), "the payload that is being written counts");
        queue.done(job, Ok(()));
        assert!(queue.payload().is_some());
    }

    #[test]
    fn each_write_frees_room_for_a_payload_of_as_many_bytes() {
        let queue = WriteQueue::new(PAYLOAD_BYTES).unwrap();
        let _pending = queue.push(payload(PAYLOAD_BYTES));
        let mut job = queue.next().unwrap();
        queue.written(&mut job, ROOM_MIN_BYTES - 1);
        assert!(queue.payload().is_none());
        queue.written(&mut job, 1);
        let mut next = queue.payload().unwrap();
        next.buffer().resize(ROOM_MIN_BYTES - 1, b'x');
        assert!(!next.is_full());
        next.buffer().push(b'x');
        assert!(next.is_full());
        assert_eq!(job.unwritten().len(), PAYLOAD_BYTES - ROOM_MIN_BYTES);
        queue.done(job, Ok(()));
        assert_eq!(lock(&queue.state).unwritten_bytes, 0);
    }

    #[test]
    fn payloads_come_in_order_until_the_queue_is_closed() {
        let queue = WriteQueue::new(1 << 20).unwrap();
        let _pending = [3, 1, 2].map(|bytes| queue.push(payload(bytes)));
        assert_eq!(queue.next().unwrap().unwritten().len(), 3);
        assert_eq!(queue.next().unwrap().unwritten().len(), 1);
        queue.close();
        assert!(queue.next().is_none());
    }

    #[test]
    fn buffers_are_used_again_unless_they_have_grown_too_long() {
        let queue = WriteQueue::new(1 << 20).unwrap();
        for bytes in [10 * PAYLOAD_BYTES, 100] {
            let _pending = queue.push(payload(bytes));
            let job = queue.next().unwrap();
            queue.done(job, Ok(()));
        }
        let capacities: Vec<usize> = lock(&queue.state).spare.iter().map(Vec::capacity).collect();
        assert_eq!(capacities, [PAYLOAD_BYTES]);
        assert!(queue.payload().unwrap().is_empty());
    }

    #[test]
    fn waits_end_before_the_deadline_and_at_once_when_closed() {
        let queue = WriteQueue::new(1 << 20).unwrap();
        assert_eq!(queue.write_deadline(), WriteDeadline::Endless);
        let deadline = Instant::now() + Duration::from_secs(60);
        queue.stop(deadline);
        assert_eq!(queue.write_deadline(), WriteDeadline::At(deadline - GIVE_UP_BEFORE));
        queue.stop(Instant::now() + GIVE_UP_BEFORE);
        assert_eq!(queue.write_deadline(), WriteDeadline::Passed);
        queue.stop(deadline);
        queue.close();
        assert_eq!((queue.write_deadline(), queue.is_over()), (WriteDeadline::Passed, true));
    }
}
