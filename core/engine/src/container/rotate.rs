//! New files on request.

use std::{
    future::{Future, poll_fn},
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::sink::SinkError;
use fapilog_ring::sync::lock;

use crate::{
    container::{Container, deadline_after, wait_until},
    error::{ChangeError, RotateError, RotateFailure},
    port::{
        ShardPort,
        changes::{Change, ChangeAnswer},
        rotate::{RotateAnswers, RotateRequest},
    },
};

/// # New files
impl Container {
    /// Has every sink that writes to files start a new one, and waits until the new files are in use. Events that the drain
    /// has encoded by then are in the old files; [flush](Self::flush) first, if all that was logged before is to be there. A
    /// sink that has no files, or does not rotate them, does nothing.
    ///
    /// Log calls and deliveries go on meanwhile, also where a sink takes long. A request that comes during another one is
    /// answered by a rotation of its own. On a drain's own thread, in a plugin, it requests the new files and does not wait;
    /// with a timeout of zero likewise.
    ///
    /// # Errors
    /// When a sink could not, or had not after `timeout`: the error names the sinks, and has the reasons.
    pub fn rotate(&self, timeout: Duration) -> Result<(), RotateError> {
        self.request_rotation(None, timeout)?.wait()
    }

    /// As [`rotate`](Self::rotate), for the sink of this name.
    ///
    /// # Errors
    /// As for [`rotate`](Self::rotate), and when there is no sink of that name.
    pub fn rotate_sink(&self, name: &str, timeout: Duration) -> Result<(), RotateError> {
        self.request_rotation_of(name, timeout)?.wait()
    }

    /// As [`rotate`](Self::rotate), for async programs. The request is made at once; the future waits for the answers, in no
    /// runtime in particular, and needs no timer: the drain keeps the time. Only a drain that hangs in a plugin or in the
    /// kernel lets it wait longer than `timeout`.
    ///
    /// # Errors
    /// As for [`rotate`](Self::rotate).
    pub fn rotate_async(&self, timeout: Duration) -> impl Future<Output = Result<(), RotateError>> + Send + '_ {
        let requested = self.request_rotation(None, timeout);
        async move { requested?.wait_async().await }
    }

    /// As [`rotate_sink`](Self::rotate_sink), for async programs: see [`rotate_async`](Self::rotate_async).
    ///
    /// # Errors
    /// As for [`rotate_sink`](Self::rotate_sink).
    pub fn rotate_sink_async(
        &self,
        name: &str,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), RotateError>> + Send + use<'_> {
        let requested = self.request_rotation_of(name, timeout);
        async move { requested?.wait_async().await }
    }

    fn request_rotation_of(&self, name: &str, timeout: Duration) -> Result<RequestedRotation<'_>, RotateError> {
        if self.is_in_forked_child() {
            return Err(RotateError::Forked);
        }
        if self.is_closed() {
            return Err(RotateError::ShutDown);
        }
        let known = self.sink_names();
        if !known.iter().any(|known| known == name) {
            return Err(RotateError::Unknown { name: name.to_owned(), known });
        }
        self.request_rotation(Some(name), timeout)
    }

    /// Asks each shard, for all sinks or for the one of this name.
    fn request_rotation(&self, sink: Option<&str>, timeout: Duration) -> Result<RequestedRotation<'_>, RotateError> {
        let deadline = deadline_after(timeout);
        let request = Arc::new(RotateRequest::new(sink, deadline));
        // The only error of this.
        let taken_up = self.send(&Change::Rotate(Arc::clone(&request))).map_err(|_| RotateError::Forked)?;
        Ok(RequestedRotation { container: self, request, taken_up, deadline, timeout })
    }
}

/// A request that was sent.
struct RequestedRotation<'container> {
    container: &'container Container,
    request: Arc<RotateRequest>,
    /// The answers of the shards: they have asked their sinks.
    taken_up: Vec<Arc<ChangeAnswer>>,
    deadline: Instant,
    timeout: Duration,
}

impl RequestedRotation<'_> {
    fn wait(self) -> Result<(), RotateError> {
        let until = wait_until(self.deadline);
        let mut end = RotateEnd::default();
        for (port, answer) in self.container.frontend.ports.iter().zip(&self.taken_up) {
            end.add_shard(port, &self.request, answer.wait(until));
        }
        end.add_sinks(self.request.wait(until));
        end.into_result(self.container, self.timeout)
    }

    async fn wait_async(self) -> Result<(), RotateError> {
        let mut end = RotateEnd::default();
        for (port, answer) in self.container.frontend.ports.iter().zip(&self.taken_up) {
            end.add_shard(port, &self.request, poll_fn(|context| answer.poll(context)).await);
        }
        end.add_sinks(poll_fn(|context| self.request.poll(context)).await);
        end.into_result(self.container, self.timeout)
    }
}

impl Drop for RequestedRotation<'_> {
    fn drop(&mut self) {
        // A future may be dropped at any time, with its waker still there.
        self.request.forget_task();
        self.taken_up.iter().for_each(|answer| answer.forget_task());
    }
}

/// The answers of all shards and sinks to a request. Each is waited for, also after an error.
#[derive(Debug, Default)]
struct RotateEnd {
    is_over: bool,
    has_ended_sinks: bool,
    late: Vec<String>,
    failures: Vec<RotateFailure>,
}

impl RotateEnd {
    fn add_shard(&mut self, port: &ShardPort, request: &RotateRequest, taken_up: Result<(), ChangeError>) {
        match taken_up {
            Ok(()) => {}
            Err(ChangeError::ShutDown) => self.is_over = true,
            Err(_) => {
                let sinks = lock(&port.sinks);
                let asked = sinks.iter().filter(|view| request.is_for(&view.name));
                self.late.extend(asked.map(|view| view.name.clone()));
            }
        }
    }

    fn add_sinks(&mut self, RotateAnswers { open, failures, has_ended_sinks }: RotateAnswers) {
        self.late.extend(open);
        self.failures.extend(failures);
        self.has_ended_sinks |= has_ended_sinks;
    }

    fn into_result(mut self, container: &Container, timeout: Duration) -> Result<(), RotateError> {
        // A sink that has ended in a container that goes on was removed.
        if self.is_over || (self.has_ended_sinks && container.is_closed()) {
            return Err(RotateError::ShutDown);
        }
        if !self.late.is_empty() {
            container.frontend.ports.iter().for_each(|port| _ = port.report_if_it_hangs());
        }
        self.late.sort_unstable();
        self.late.dedup();
        match (self.failures.is_empty(), self.late.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => Err(RotateError::Deadline { timeout, sinks: self.late }),
            (false, _) => Err(RotateError::Failed { failures: self.with_late_sinks() }),
        }
    }

    fn with_late_sinks(self) -> Vec<RotateFailure> {
        let late = self.late.into_iter().map(|sink| RotateFailure { sink, cause: Arc::new(SinkError::Deadline) });
        self.failures.into_iter().chain(late).collect()
    }
}
