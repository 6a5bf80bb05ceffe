//! Waiting until what was logged is delivered.

use std::time::Duration;

use crate::{
    accounts::Accounts,
    container::{deadline_after, patience_until, request_flush},
    error::FlushError,
    port::flush::Waited,
    producer::{Intake, Logger},
    totals::accounts,
};

pub(super) fn flush(intake: &Intake, timeout: Duration) -> Result<Accounts, FlushError> {
    if intake.is_foreign() {
        return Err(FlushError::Forked);
    }
    let deadline = patience_until(deadline_after(timeout));
    let tickets: Vec<u64> = intake.ports.iter().map(|port| request_flush(port)).collect();
    for (port, ticket) in intake.ports.iter().zip(tickets) {
        outcome(port.flush.wait(ticket, deadline), timeout, intake)?;
    }
    Ok(accounts(intake))
}

/// What one shard's answer means for a flush.
pub(super) fn outcome(waited: Waited, timeout: Duration, intake: &Intake) -> Result<(), FlushError> {
    match waited {
        Waited::Done => Ok(()),
        Waited::Failed(sinks) => Err(FlushError::Failed { sinks, accounts: Box::new(accounts(intake)) }),
        Waited::Over => Err(FlushError::ShutDown),
        Waited::Late => Err(FlushError::Deadline { timeout, accounts: Box::new(accounts(intake)) }),
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
        flush(self.intake(), timeout)
    }
}
