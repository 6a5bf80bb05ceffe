//! A wait for space that blocks no thread: for async programs.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use fapilog_plugin::threads::{drain_thread, fork};
use fapilog_ring::WaitTicket;

use crate::{
    port::ShardPort,
    producer::{Frontend, Logger, thread},
};

impl Logger {
    /// Waits until a log call of this thread finds space in its ring. The call may then block the thread no longer than it takes to
    /// write the event, whatever the overflow strategy.
    ///
    /// A call that finds the ring full blocks its thread for up to 50 ms by the default strategy, and with it all tasks of that
    /// thread. A task that logs much awaits this before it does. The future is of no runtime in particular.
    ///
    /// There is space when an eighth of the ring is free, or room for the longest record if that is more. A thread without a ring of
    /// its own, because `threads_max` others have one, does not wait, and its calls may block. The wait ends without space, too: when the container is closed, when the
    /// drain hangs in a plugin, and when a thread has waited in vain since the drain last made space. The call behind it is then
    /// counted as lost at once. Space is not reserved: other tasks of the thread may use it first.
    ///
    /// ```
    /// # use fapilog_engine::producer::Logger;
    /// async fn import(log: &Logger, rows: impl Iterator<Item = u64>) {
    ///     for row in rows {
    ///         log.ready().await;
    ///         // ... info!(log, "row imported", row) ...
    /// #       let _ = row;
    ///     }
    /// }
    /// ```
    #[must_use = "a future does nothing until it is polled"]
    pub fn ready(&self) -> impl Future<Output = ()> + Send + '_ {
        SpaceReady { logger: self, waiting: None }
    }
}

/// The future of [`Logger::ready`].
struct SpaceReady<'a> {
    logger: &'a Logger,
    waiting: Option<PlaceInLine>,
}

/// The place of a task among those that wait for a shard.
struct PlaceInLine {
    /// The port of the full ring.
    port: Arc<ShardPort>,
    ticket: WaitTicket,
    /// The fork generation in which the task began to wait.
    generation: u32,
}

impl Future for SpaceReady<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let frontend = self.logger.frontend();
        let Some(port) = full_port(frontend) else {
            self.leave();
            return Poll::Ready(());
        };
        let old = match self.waiting.take() {
            Some(place) if Arc::ptr_eq(&place.port, &port) => Some(place.ticket),
            // The task runs on another thread than before, whose ring is another shard's.
            other => {
                self.waiting = other;
                self.leave();
                None
            }
        };
        let has_space = || full_port(frontend).is_none_or(|now| !Arc::ptr_eq(&now, &port));
        match port.waiters.wait(&port.doorbell, old, context.waker(), has_space) {
            None => Poll::Ready(()),
            Some(ticket) => {
                self.waiting = Some(PlaceInLine { port, ticket, generation: fork::generation() });
                Poll::Pending
            }
        }
    }
}

impl SpaceReady<'_> {
    fn leave(&mut self) {
        let Some(PlaceInLine { port, ticket, generation }) = self.waiting.take() else { return };
        // In a forked child, a thread of the parent may hold the lock, and nobody wakes the task.
        if generation == fork::generation() {
            port.waiters.leave(ticket);
        }
    }
}

impl Drop for SpaceReady<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for SpaceReady<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpaceReady").field("is_waiting", &self.waiting.is_some()).finish_non_exhaustive()
    }
}

/// The port of this thread's ring, if the ring is full and it is of use to wait for space.
fn full_port(frontend: &Frontend) -> Option<Arc<ShardPort>> {
    // A plugin that logs: the drain would wait for itself.
    if drain_thread::is_marked() || frontend.is_closed() || frontend.is_in_forked_child() {
        return None;
    }
    let port = thread::full_port(frontend)?;
    let is_of_use = !port.space.is_vain() && !port.report_if_it_hangs();
    is_of_use.then_some(port)
}
