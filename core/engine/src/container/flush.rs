//! Waiting until what was logged is delivered.

use std::time::Duration;

use crate::{
    accounts::Accounts,
    container::{deadline_after, request_flush, wait_until},
    error::FlushError,
    port::flush::WaitOutcome,
    producer::{Frontend, Logger},
    totals::accounts,
};

pub(super) fn flush(frontend: &Frontend, timeout: Duration) -> Result<Accounts, FlushError> {
    if frontend.is_in_forked_child() {
        return Err(FlushError::Forked);
    }
    let deadline = wait_until(deadline_after(timeout));
    let tickets: Vec<u64> = frontend.ports.iter().map(|port| request_flush(port)).collect();
    for (port, ticket) in frontend.ports.iter().zip(tickets) {
        outcome(port.flush.wait(ticket, deadline), timeout, frontend)?;
    }
    Ok(accounts(frontend))
}

/// The result of a flush, by one shard's answer.
pub(super) fn outcome(waited: WaitOutcome, timeout: Duration, frontend: &Frontend) -> Result<(), FlushError> {
    match waited {
        WaitOutcome::Done => Ok(()),
        WaitOutcome::Failed(sinks) => Err(FlushError::Failed { sinks, accounts: Box::new(accounts(frontend)) }),
        WaitOutcome::Over => Err(FlushError::ShutDown),
        WaitOutcome::Late => Err(FlushError::Deadline { timeout, accounts: Box::new(accounts(frontend)) }),
    }
}

/// # Flushing
impl Logger {
    /// Flushes the logger's container, for code that has no other hold of it: see
    /// [`Container::flush`](crate::container::Container::flush).
    ///
    /// # Errors
    /// As for a container.
    pub fn flush(&self, timeout: Duration) -> Result<Accounts, FlushError> {
        flush(self.frontend(), timeout)
    }
}
