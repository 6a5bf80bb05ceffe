//! The thread that hands checkpoints to anchors.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{self, Receiver, Sender},
    },
    time::Duration,
};

use fapilog_plugin::{
    threads::{lock, spawn_thread},
    user_code::catch_panic,
};

use crate::{anchor::Anchor, writer::WriterReports};

/// The anchors of a sink's settings. A thread has them while it stores a checkpoint, so that a trail that opens anew has them, too.
pub(crate) type SharedAnchors = Arc<Mutex<Vec<Box<dyn Anchor>>>>;

/// Checkpoints that wait for a slow anchor.
const WAITING_MAX: usize = 64;

/// The thread of a trail's anchors. Its drop waits until they have the last checkpoint, for 5 s at most.
pub(crate) struct AnchorThread {
    queue: Arc<AnchorQueue>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

const END_WAIT: Duration = Duration::from_secs(5);

#[derive(Default)]
struct AnchorQueue {
    waiting: Mutex<AnchorWaiting>,
    changed: Condvar,
}

#[derive(Default)]
struct AnchorWaiting {
    notes: VecDeque<String>,
    is_closed: bool,
}

impl AnchorThread {
    pub(crate) fn start(anchors: SharedAnchors, reports: WriterReports) -> io::Result<Self> {
        let queue = Arc::<AnchorQueue>::default();
        let (alive, ended) = mpsc::channel();
        let served = Arc::clone(&queue);
        spawn_thread("audit-anchor", move || serve(&anchors, &served, &reports, alive))?;
        Ok(Self { queue, ended })
    }

    pub(crate) fn send(&self, note: String) {
        let mut waiting = lock(&self.queue.waiting);
        if waiting.notes.len() >= WAITING_MAX {
            waiting.notes.pop_front();
        }
        waiting.notes.push_back(note);
        drop(waiting);
        self.queue.changed.notify_one();
    }
}

impl Drop for AnchorThread {
    fn drop(&mut self) {
        lock(&self.queue.waiting).is_closed = true;
        self.queue.changed.notify_one();
        let _ = self.ended.recv_timeout(END_WAIT);
    }
}

impl AnchorQueue {
    /// The next checkpoint; `None` when the queue is closed and empty.
    fn next(&self) -> Option<String> {
        let mut waiting = lock(&self.waiting);
        loop {
            if let Some(note) = waiting.notes.pop_front() {
                return Some(note);
            }
            if waiting.is_closed {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}

fn serve(anchors: &SharedAnchors, queue: &AnchorQueue, reports: &WriterReports, alive: Sender<()>) {
    while let Some(note) = queue.next() {
        for anchor in lock(anchors).iter_mut() {
            let stored = catch_panic(|| anchor.store(&note));
            let error = match stored {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "it panicked".to_owned(),
            };
            reports.anchor_errors.add(1);
            reports.reporter.report(format!("an anchor has not stored a checkpoint: {error}"));
        }
    }
    drop(alive);
}
