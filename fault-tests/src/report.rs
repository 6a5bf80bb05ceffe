//! The outcome of a run.

use std::{fmt, time::Duration};

use fapilog::metrics::Accounts;

use crate::arrivals::ArrivalCounts;

/// The outcome of a run.
#[derive(Debug)]
pub(crate) struct SoakOutcome {
    /// Events that were logged.
    pub(crate) events: u64,
    /// How often the server was killed and restarted.
    pub(crate) restarts: u64,
    /// The time from the last event until nothing was pending.
    pub(crate) drain_time: Duration,
    /// The most events that waited for the file sink.
    pub(crate) backlog: u64,
    /// Events in the file.
    pub(crate) file: ArrivalCounts,
    /// Events at the server.
    pub(crate) tested: Option<ArrivalCounts>,
    /// Whether the sink promises that no event arrives twice.
    pub(crate) is_exactly_once: bool,
    pub(crate) accounts: Accounts,
}

impl SoakOutcome {
    /// Whether each event is in the file once, and at the server as the sink promises.
    pub(crate) fn is_good(&self) -> bool {
        let is_whole = |counts: &ArrivalCounts| counts.arrived == self.events;
        let file = is_whole(&self.file) && self.file.duplicated == 0;
        let tested =
            self.tested.is_none_or(|counts| is_whole(&counts) && !(self.is_exactly_once && counts.duplicated > 0));
        file && tested && self.accounts.lost_total() == 0 && self.accounts.pending_total() == 0
    }
}

impl fmt::Display for SoakOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, place: &str, counts: &ArrivalCounts| {
            let lost = self.events.saturating_sub(counts.arrived);
            writeln!(f, "{place}: {} events arrived, {} duplicates, {lost} lost", counts.arrived, counts.duplicated)
        };
        writeln!(f, "{} events, {} restarts of the server", self.events, self.restarts)?;
        line(f, "file", &self.file)?;
        if let Some(tested) = &self.tested {
            line(f, "server", tested)?;
        }
        writeln!(f, "at most {} events waited for the file sink", self.backlog)?;
        writeln!(f, "drained {:.1} s behind the last event", self.drain_time.as_secs_f64())?;
        write!(f, "{}", self.accounts)
    }
}
