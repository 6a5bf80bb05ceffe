//! Waiting until what was logged is delivered.

use std::time::Duration;

use crate::{
    accounts::Accounts,
    container::{deadline_after, request_flush, wait_until},
    error::FlushError,
    port::flush::{FlushLosses, WaitOutcome},
    producer::{Frontend, Logger},
    totals::accounts,
};

pub(super) fn flush(frontend: &Frontend, timeout: Duration) -> Result<Accounts, FlushError> {
    if frontend.is_in_forked_child() {
        return Err(FlushError::Forked);
    }
    let deadline = wait_until(deadline_after(timeout));
    let tickets: Vec<u64> = frontend.ports.iter().map(|port| request_flush(port)).collect();
    let mut end = FlushEnd::default();
    for (port, ticket) in frontend.ports.iter().zip(tickets) {
        let waited = port.flush.wait(ticket, deadline);
        if matches!(waited, WaitOutcome::Late) {
            port.report_if_it_hangs();
        }
        end.add(waited);
    }
    end.into_result(timeout, frontend)
}

/// The answers of all shards to a flush. Each is waited for, also after one that reports losses.
#[derive(Debug, Default)]
pub(super) struct FlushEnd {
    is_late: bool,
    is_over: bool,
    losses: FlushLosses,
}

impl FlushEnd {
    pub(super) fn add(&mut self, waited: WaitOutcome) {
        match waited {
            WaitOutcome::Done => {}
            WaitOutcome::Failed(FlushLosses { failed_sinks, events }) => {
                let known = &mut self.losses.failed_sinks;
                known.extend(failed_sinks.into_iter().filter(|sink| !known.contains(sink)).collect::<Vec<_>>());
                self.losses.events += events;
            }
            WaitOutcome::Over => self.is_over = true,
            WaitOutcome::Late => self.is_late = true,
        }
    }

    pub(super) fn into_result(self, timeout: Duration, frontend: &Frontend) -> Result<Accounts, FlushError> {
        let accounts = Box::new(accounts(frontend));
        let FlushLosses { failed_sinks, events } = self.losses;
        if self.is_over {
            Err(FlushError::ShutDown)
        } else if self.is_late {
            Err(FlushError::Deadline { timeout, accounts })
        } else if !failed_sinks.is_empty() {
            Err(FlushError::Failed { sinks: failed_sinks, accounts })
        } else if events > 0 {
            Err(FlushError::Lost { events, accounts })
        } else {
            Ok(*accounts)
        }
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
