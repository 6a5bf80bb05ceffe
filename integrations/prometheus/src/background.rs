//! Threads of the exporter, which stop at once when they are asked to.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use fapilog::plugin::spawn_waiting_thread;
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    io::Errno,
};

/// How long a thread has to end when its owner is dropped. It may be in code of the program, which reads figures.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// A thread with its stop request. The drop asks it to stop, and waits for its end.
#[derive(Debug)]
pub(crate) struct BackgroundThread {
    stop: Arc<StopRequest>,
    ended: Arc<EndMark>,
    thread: Option<JoinHandle<()>>,
    /// The process that it runs in: a forked child does not have it.
    process: u32,
}

impl BackgroundThread {
    /// Starts a thread that blocks all signals.
    pub(crate) fn start(name: &str, work: impl FnOnce(&StopRequest) + Send + 'static) -> io::Result<Self> {
        let stop = Arc::new(StopRequest::new()?);
        let ended = Arc::<EndMark>::default();
        let (request, mark) = (Arc::clone(&stop), MarkEnd(Arc::clone(&ended)));
        let thread = spawn_waiting_thread(name, move || {
            let _mark = mark;
            work(&request);
        })?;
        Ok(Self { stop, ended, thread: Some(thread), process: process::id() })
    }
}

impl Drop for BackgroundThread {
    fn drop(&mut self) {
        if self.process != process::id() {
            return;
        }
        self.stop.request();
        let has_ended = self.ended.wait(Instant::now() + END_TIMEOUT);
        if let Some(thread) = self.thread.take().filter(|_| has_ended) {
            let _ = thread.join();
        }
    }
}

/// Whether a thread is past its work.
#[derive(Debug, Default)]
struct EndMark {
    has_ended: Mutex<bool>,
    changed: Condvar,
}

impl EndMark {
    /// Returns whether the thread ended in time.
    fn wait(&self, deadline: Instant) -> bool {
        let has_ended = self.has_ended.lock().unwrap_or_else(PoisonError::into_inner);
        let time = deadline.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(has_ended, time, |has_ended| !*has_ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Marks the end of a thread, also by a panic.
struct MarkEnd(Arc<EndMark>);

impl Drop for MarkEnd {
    fn drop(&mut self) {
        *self.0.has_ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}

/// A request to stop, which a thread sees while it waits for anything else.
#[derive(Debug)]
pub(crate) struct StopRequest(OwnedFd);

/// The end of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PollEnd {
    /// The descriptor is ready.
    Ready,
    /// The time is up.
    Late,
    /// The thread is to stop.
    Stop,
}

impl StopRequest {
    fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    fn request(&self) {
        // It fails only if it has been requested before.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Waits until the descriptor is ready, without a time limit if there is no deadline.
    pub(crate) fn wait_or_ready(
        &self,
        descriptor: BorrowedFd<'_>,
        flags: PollFlags,
        deadline: Option<Instant>,
    ) -> PollEnd {
        self.wait_for(Some((descriptor, flags)), deadline)
    }

    /// Waits until this time.
    pub(crate) fn wait_until(&self, deadline: Instant) -> PollEnd {
        self.wait_for(None, Some(deadline))
    }

    fn wait_for(&self, descriptor: Option<(BorrowedFd<'_>, PollFlags)>, deadline: Option<Instant>) -> PollEnd {
        let stop = PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN);
        let other = descriptor.map(|(descriptor, flags)| PollFd::from_borrowed_fd(descriptor, flags));
        let mut polled: Vec<PollFd<'_>> = [stop].into_iter().chain(other).collect();
        loop {
            let time = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let timeout = time.and_then(|time| Timespec::try_from(time).ok());
            match poll(&mut polled, timeout.as_ref()) {
                Ok(0) => return PollEnd::Late,
                Ok(_) if polled.first().is_some_and(|stop| !stop.revents().is_empty()) => return PollEnd::Stop,
                Ok(_) => return PollEnd::Ready,
                Err(Errno::INTR) => {}
                // No memory, or no such descriptor: there is nothing to wait for.
                Err(_) => return PollEnd::Stop,
            }
        }
    }
}
