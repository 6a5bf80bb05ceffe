//! Flush and shutdown for async programs: the same waits as the blocking ones, as futures of no runtime in particular.

use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use fapilog_plugin::threads::lock;

use crate::{
    accounts::Accounts,
    container::{Container, deadline_after, flush::FlushEnd, request_flush},
    error::{FlushError, ShutdownError},
    port::ShardPort,
};

impl Container {
    /// As [`flush`](Self::flush), for async programs. The request is made at once; the future waits for the answer, in no
    /// runtime in particular, and needs no timer: the drain keeps the time.
    ///
    /// # Errors
    /// As for [`flush`](Self::flush).
    pub fn flush_async(&self, timeout: Duration) -> impl Future<Output = Result<Accounts, FlushError>> + Send + '_ {
        let deadline = deadline_after(timeout);
        let is_in_forked_child = self.frontend.is_in_forked_child();
        let ports = if is_in_forked_child { &[] } else { &*self.frontend.ports };
        let asked: Vec<Asked<'_>> = ports.iter().map(Asked::of).collect();
        async move {
            if is_in_forked_child {
                return Err(FlushError::Forked);
            }
            let mut end = FlushEnd::default();
            for Asked { port, ticket } in &asked {
                end.add(poll_fn(|context| port.flush.poll(*ticket, deadline, context)).await);
            }
            end.into_result(timeout, &self.frontend)
        }
    }

    /// As [`shutdown`](Self::shutdown), for async programs. The request is made at once; the future waits for the end, in
    /// no runtime in particular, and needs no timer: the drain keeps the time. Only a drain that hangs in a plugin or in the
    /// kernel lets it wait longer than `timeout`.
    ///
    /// # Errors
    /// As for [`shutdown`](Self::shutdown).
    #[doc(alias = "stop_and_drain")]
    #[doc(alias = "drain")]
    pub fn shutdown_async(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<Accounts, ShutdownError>> + Send + '_ {
        let deadline = deadline_after(timeout);
        let is_in_forked_child = self.frontend.is_in_forked_child();
        self.request_shutdown(deadline);
        async move {
            if is_in_forked_child {
                return Err(ShutdownError::Forked);
            }
            // Computed once: a deadline that moved with each poll would never come, and each would be kept.
            let end = deadline.checked_add(super::container_shutdown::END_TIMEOUT).unwrap_or(deadline);
            poll_fn(|context| poll_all_ends(&self.frontend.ports, end, context)).await;
            let all_ended = self.frontend.ports.iter().all(|port| port.is_stopped());
            if !all_ended {
                self.to_shut_down().abandon();
            }
            // Their threads are about to end; to wait for that would block.
            drop(std::mem::take(&mut *lock(&self.hosts)));
            self.watchdog.end(Duration::ZERO);
            self.report(all_ended, timeout)
        }
    }
}

/// A flush that was requested, and is waited for until this is dropped.
struct Asked<'container> {
    port: &'container ShardPort,
    ticket: u64,
}

impl<'container> Asked<'container> {
    fn of(port: &'container Arc<ShardPort>) -> Self {
        Self { port, ticket: request_flush(port) }
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        // A future may be dropped at any time, with its waker still there.
        self.port.flush.forget(self.ticket);
    }
}

fn poll_all_ends(ports: &[Arc<ShardPort>], deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
    // Each gate is polled, so that each has the waker.
    let pending = ports.iter().filter(|port| port.flush.poll_end(deadline, context).is_pending()).count();
    if pending == 0 { Poll::Ready(()) } else { Poll::Pending }
}
