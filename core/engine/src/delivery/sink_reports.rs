//! The losses at a sink that are reported in that sink itself.
//!
//! A sink that takes no events gets a report of its own losses later. Where it fails, such a report is an attempt: the sink
//! may work again, and no event of the program may come that would show it. The interval between attempts doubles, and
//! there is a last one at shutdown. A report that is lost gives its losses back for the next one. An attempt that fails is
//! no new loss, of which a report would have to be made: it counts as filtered at the sink, as a report does that came while
//! the sink had no room.

use std::time::{Duration, Instant};

use crate::accounts::{LossCounters, Losses};

/// The first interval before an attempt. In a model there are none by the clock: loom demands that one execution is like another.
const INTERVAL_MIN: Duration = if cfg!(fapilog_loom) { Duration::MAX } else { Duration::from_secs(1) };

/// The longest interval.
const INTERVAL_MAX: Duration = if cfg!(fapilog_loom) { Duration::MAX } else { Duration::from_secs(60) };

/// The reports in a payload.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PayloadReports {
    /// The number of events that are attempts.
    attempts: u64,
    /// The losses at the payload's sink that they report, but for those that are kept.
    taken: Losses,
    /// Those that the shard keeps.
    kept: Losses,
}

/// The losses at a sink of which a report for this sink is made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OwnLosses {
    /// In a report for a sink that works.
    Regular(Losses),
    /// In an attempt.
    Attempted {
        all: Losses,
        /// Those among them that the shard keeps for the other sinks, until this one has delivered the report.
        kept: Losses,
    },
}

impl PayloadReports {
    pub(super) fn new(events: u64, own: OwnLosses) -> Self {
        match own {
            OwnLosses::Regular(taken) => Self { attempts: 0, taken, kept: Losses::default() },
            OwnLosses::Attempted { all: mut taken, kept } => {
                taken.subtract(&kept);
                Self { attempts: events, taken, kept }
            }
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.taken.add(&other.taken);
        self.kept.add(&other.kept);
    }

    /// How many of the lost events of a payload are attempts. It has no other events, unless one came before it was submitted.
    pub(super) fn lost_attempts(&self, events: u64, lost: u64) -> u64 {
        (lost + self.attempts).saturating_sub(events).min(lost)
    }

    /// The reports of a part of the payload with so many events: as many attempts as there may be in it. The losses that the
    /// reports are about stay with the other part, so that they are given back once.
    pub(super) fn split_attempts(&mut self, events: u64) -> Self {
        let attempts = self.attempts.min(events);
        self.attempts -= attempts;
        Self { attempts, ..Self::default() }
    }
}

/// The losses at a sink, as far as they are reported.
#[derive(Debug)]
pub(super) struct SinkReports {
    /// Losses that the shard has collected.
    collected: Losses,
    /// Losses of which the sink has had no report.
    unreported: Losses,
    /// Losses that this sink has reported, and that the shard keeps still.
    reported: Losses,
    interval: Duration,
    /// The time of the next attempt, once it is known.
    attempt_due: Option<Instant>,
    has_attempted_last: bool,
    /// Attempts that failed since the shard has counted them.
    failed_attempts: u64,
}

impl Default for SinkReports {
    fn default() -> Self {
        Self {
            collected: Losses::default(),
            unreported: Losses::default(),
            reported: Losses::default(),
            interval: INTERVAL_MIN,
            attempt_due: None,
            has_attempted_last: false,
            failed_attempts: 0,
        }
    }
}

impl SinkReports {
    /// Losses since the last call.
    pub(super) fn collect(&mut self, lost: &LossCounters) -> Option<Losses> {
        lost.read_new(&mut self.collected)
    }

    /// Keeps losses for a report of the sink's own.
    pub(super) fn keep(&mut self, losses: &Losses) {
        self.unreported.add(losses);
    }

    pub(super) fn has_unreported(&self) -> bool {
        self.unreported.total() > 0
    }

    pub(super) fn take_unreported(&mut self) -> Losses {
        std::mem::take(&mut self.unreported)
    }

    /// A payload with these reports is lost, or a part of it: so many of its attempts.
    pub(super) fn give_back(&mut self, reports: &PayloadReports, lost_attempts: u64) {
        self.unreported.add(&reports.taken);
        self.failed_attempts += lost_attempts;
    }

    /// Attempts that failed since the last call.
    pub(super) fn take_failed_attempts(&mut self) -> u64 {
        std::mem::take(&mut self.failed_attempts)
    }

    /// A payload with these reports is on disk, and will be delivered.
    pub(super) fn settle(&mut self, reports: &PayloadReports) {
        self.reported.add(&reports.kept);
    }

    /// A payload with these reports is delivered: the sink works.
    pub(super) fn delivered(&mut self, reports: &PayloadReports) {
        self.settle(reports);
        self.attempt_due = None;
        self.interval = INTERVAL_MIN;
    }

    /// Losses that this sink has reported, and that the shard keeps still.
    pub(super) fn take_reported(&mut self) -> Option<Losses> {
        (self.reported.total() > 0).then(|| std::mem::take(&mut self.reported))
    }

    /// Subtracts losses that the sink has reported meanwhile.
    pub(super) fn subtract(&mut self, reported: &Losses) {
        self.unreported.subtract(reported);
    }

    /// Whether it is time for an attempt at a sink that fails.
    pub(super) fn is_attempt_due(&mut self, now: Instant, is_last: bool) -> bool {
        if is_last {
            return !self.has_attempted_last;
        }
        if self.attempt_due.is_none() {
            self.attempt_due = now.checked_add(self.interval);
        }
        self.attempt_due.is_some_and(|due| due <= now)
    }

    /// The losses for an attempt, beside those that the shard keeps.
    pub(super) fn begin_attempt(&mut self, is_last: bool) -> Losses {
        self.has_attempted_last |= is_last;
        self.attempt_due = None;
        self.interval = self.interval.saturating_mul(2).min(INTERVAL_MAX);
        self.take_unreported()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::LossReason;

    /// The seconds at which attempts are made in so many minutes.
    fn attempts(reports: &mut SinkReports, minutes: u64) -> Vec<u64> {
        let start = Instant::now();
        let mut seconds = Vec::new();
        for second in 0..60 * minutes {
            if reports.is_attempt_due(start + Duration::from_secs(second), false) {
                let _ = reports.begin_attempt(false);
                seconds.push(second);
            }
        }
        seconds
    }

    #[test]
    fn the_interval_between_attempts_doubles_up_to_a_minute_and_starts_again_with_a_sink_that_works() {
        let mut reports = SinkReports::default();
        let seconds = attempts(&mut reports, 5);
        let intervals: Vec<u64> = seconds.windows(2).filter_map(|two| Some(two.get(1)? - two.first()?)).collect();
        // The time of the next attempt is fixed a second after the one before, when the shard looks again.
        assert_eq!((seconds.first(), intervals.as_slice()), (Some(&1), [3, 5, 9, 17, 33, 61, 61, 61].as_slice()));
        reports.delivered(&PayloadReports::default());
        assert_eq!(attempts(&mut reports, 1).first(), Some(&1));
    }

    #[test]
    fn there_is_one_last_attempt_whatever_the_interval() {
        let mut reports = SinkReports::default();
        assert!(reports.is_attempt_due(Instant::now(), true));
        let _ = reports.begin_attempt(true);
        assert!(!reports.is_attempt_due(Instant::now(), true));
    }

    fn failed(count: u64) -> Losses {
        let mut losses = Losses::default();
        losses.add_of(LossReason::SinkFailed, count);
        losses
    }

    #[test]
    fn a_lost_report_gives_its_losses_back() {
        let mut reports = SinkReports::default();
        reports.give_back(&PayloadReports::new(1, OwnLosses::Regular(failed(3))), 0);
        assert_eq!(reports.take_unreported(), failed(3));
    }

    #[test]
    fn losses_that_the_shard_keeps_are_reported_once_the_report_is_delivered() {
        let report = PayloadReports::new(1, OwnLosses::Attempted { all: failed(3), kept: failed(2) });
        let mut reports = SinkReports::default();
        reports.give_back(&report, 1);
        assert_eq!((reports.take_reported(), reports.take_unreported()), (None, failed(1)));
        reports.delivered(&report);
        assert_eq!((reports.take_reported(), reports.take_reported()), (Some(failed(2)), None));
    }

    #[test]
    fn of_a_payload_that_is_delivered_in_part_the_program_s_events_are_lost_first() {
        let mut reports = PayloadReports::new(1, OwnLosses::Attempted { all: failed(3), kept: Losses::default() });
        reports.add(&PayloadReports::new(1, OwnLosses::Regular(failed(1))));
        let lost_attempts = [0, 4, 5].map(|lost| reports.lost_attempts(5, lost));
        assert_eq!(lost_attempts, [0, 0, 1]);
    }
}
