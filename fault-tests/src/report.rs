//! The outcome of a run.

use std::{fmt, time::Duration};

use fapilog::metrics::Accounts;

use crate::{arrivals::ArrivalCounts, servers::DeliveryPromise};

/// The outcome of a run.
#[derive(Debug)]
pub(crate) struct SoakOutcome {
    /// Events that were logged.
    pub(crate) events: u64,
    /// The time in which they were logged.
    pub(crate) log_time: Duration,
    /// How often the server was killed and restarted.
    pub(crate) restarts: u64,
    /// The time from the last event until nothing was pending.
    pub(crate) drain_time: Duration,
    /// The most events that waited for the file sink.
    pub(crate) backlog: u64,
    /// Events in the file.
    pub(crate) file: ArrivalCounts,
    /// Events at the server, and the promise of the sink.
    pub(crate) tested: Option<(ArrivalCounts, DeliveryPromise)>,
    pub(crate) accounts: Accounts,
}

impl SoakOutcome {
    /// Whether each event is in the file once, and at the server as the sink promises.
    pub(crate) fn is_good(&self) -> bool {
        let is_whole = |counts: &ArrivalCounts| counts.arrived == self.events;
        let is_once = |counts: &ArrivalCounts| counts.duplicated == 0;
        let file = is_whole(&self.file) && is_once(&self.file);
        let tested = self.tested.is_none_or(|(counts, promise)| match promise {
            DeliveryPromise::Idempotent => is_whole(&counts) && is_once(&counts),
            DeliveryPromise::AtLeastOnce => is_whole(&counts),
            DeliveryPromise::Unacknowledged => counts.arrived > 0,
        });
        file && tested && self.accounts.lost_total() == 0 && self.accounts.pending_total() == 0
    }
}

impl fmt::Display for SoakOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, place: &str, counts: &ArrivalCounts| {
            let lost = self.events.saturating_sub(counts.arrived);
            writeln!(f, "{place}: {} events arrived, {} duplicates, {lost} lost", counts.arrived, counts.duplicated)
        };
        let (events, seconds, restarts) = (self.events, self.log_time.as_secs_f64(), self.restarts);
        writeln!(f, "{events} events in {seconds:.1} s, {restarts} restarts of the server")?;
        line(f, "file", &self.file)?;
        if let Some((tested, _)) = &self.tested {
            line(f, "server", tested)?;
        }
        writeln!(f, "at most {} events waited for the file sink", self.backlog)?;
        writeln!(f, "drained {:.1} s behind the last event", self.drain_time.as_secs_f64())?;
        write!(f, "{}", self.accounts)
    }
}
