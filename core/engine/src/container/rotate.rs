//! New files on request.

use std::{sync::Arc, time::Duration};

use crate::{
    container::{Container, deadline_after, wait_until},
    error::{ChangeError, RotateError, RotateFailure},
    port::{
        ShardPort,
        changes::Change,
        rotate::{RotateAnswers, RotateRequest},
    },
};
use fapilog_plugin::sink::SinkError;
use fapilog_ring::sync::lock;

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
        self.refuse_in_child()?;
        self.rotate_by(&Arc::new(RotateRequest::new(None, deadline_after(timeout))), timeout)
    }

    /// As [`rotate`](Self::rotate), for the sink of this name.
    ///
    /// # Errors
    /// As for [`rotate`](Self::rotate), and when there is no sink of that name.
    pub fn rotate_sink(&self, name: &str, timeout: Duration) -> Result<(), RotateError> {
        self.refuse_in_child()?;
        if self.is_closed() {
            return Err(RotateError::ShutDown);
        }
        let known = self.sink_names();
        if !known.iter().any(|known| known == name) {
            return Err(RotateError::Unknown { name: name.to_owned(), known });
        }
        self.rotate_by(&Arc::new(RotateRequest::new(Some(name), deadline_after(timeout))), timeout)
    }

    fn refuse_in_child(&self) -> Result<(), RotateError> {
        if self.is_in_forked_child() { Err(RotateError::Forked) } else { Ok(()) }
    }

    fn rotate_by(&self, request: &Arc<RotateRequest>, timeout: Duration) -> Result<(), RotateError> {
        let Ok(taken_up) = self.send(&Change::Rotate(Arc::clone(request))) else { return Err(RotateError::Forked) };
        let until = wait_until(request.deadline());
        let mut late = Vec::new();
        let mut is_over = false;
        for (port, answer) in self.frontend.ports.iter().zip(&taken_up) {
            match answer.wait(until) {
                Ok(()) => {}
                Err(ChangeError::ShutDown) => is_over = true,
                Err(_) => late.extend(asked_sinks(port, request)),
            }
        }
        let RotateAnswers { open, failures, has_ended_sinks } = request.wait(until);
        late.extend(open);
        if is_over || (has_ended_sinks && self.is_closed()) {
            return Err(RotateError::ShutDown);
        }
        if !late.is_empty() {
            self.frontend.ports.iter().for_each(|port| _ = port.report_if_it_hangs());
        }
        into_result(late, failures, timeout)
    }
}

/// The sinks of a shard that has not taken the request up.
fn asked_sinks(port: &ShardPort, request: &RotateRequest) -> Vec<String> {
    lock(&port.sinks).iter().filter(|view| request.is_for(&view.name)).map(|view| view.name.clone()).collect()
}

fn into_result(mut late: Vec<String>, mut failures: Vec<RotateFailure>, timeout: Duration) -> Result<(), RotateError> {
    late.sort_unstable();
    late.dedup();
    match (failures.is_empty(), late.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => Err(RotateError::Deadline { timeout, sinks: late }),
        (false, _) => {
            let of_late = late.into_iter().map(|sink| RotateFailure { sink, cause: Arc::new(SinkError::Deadline) });
            failures.extend(of_late);
            Err(RotateError::Failed { failures })
        }
    }
}
