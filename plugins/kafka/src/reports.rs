//! Delivery reports of librdkafka, and the wait for them.
//!
//! The thread that polls the producer adds reports, and the thread of deliveries waits for all reports of a round: the records that it has produced
//! together.

use std::{
    sync::{Condvar, Mutex},
    time::{Duration, Instant},
};

use fapilog_plugin::threads::lock;
use rdkafka::error::RDKafkaErrorCode;

/// The bits of a record's index in the number that librdkafka returns with its report; the number of the round is above them. A payload of
/// 2^24 records would have more than 384 MiB.
const INDEX_BITS: u32 = 24;
/// The longest wait for room in librdkafka's queue, before it is looked at again.
const ROOM_WAIT: Duration = Duration::from_millis(100);
/// The longest text of a report about a broker, in characters.
const REASON_CHARS_MAX: usize = 200;

/// The records of a round that are not delivered, with the errors.
pub(crate) type RecordFailures = Vec<(usize, RDKafkaErrorCode)>;

/// The reports of a shard's producers.
#[derive(Debug, Default)]
pub(crate) struct DeliveryReports {
    state: Mutex<RoundState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct RoundState {
    /// The number of the round. Reports of former rounds do not count.
    round: usize,
    /// By the index of a record in its payload: whether it was produced and has no report.
    is_pending: Vec<bool>,
    reported: usize,
    /// The waiting thread wakes at so many reports.
    wake_at: usize,
    failures: RecordFailures,
    /// The last error of a connection.
    reason: String,
    stop_at: Option<Instant>,
}

/// A round of records that are produced together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeliveryRound(usize);

impl DeliveryRound {
    /// The number that librdkafka returns with the report of the record of this index.
    pub(crate) fn opaque(self, index: usize) -> usize {
        self.0 << INDEX_BITS | index
    }
}

impl DeliveryReports {
    /// Begins a round with records of a payload of `count` ones.
    pub(crate) fn begin(&self, records: &[usize], count: usize) -> DeliveryRound {
        let mut state = lock(&self.state);
        state.round = (state.round + 1) & (usize::MAX >> INDEX_BITS);
        state.is_pending.clear();
        state.is_pending.resize(count, false);
        for &index in records {
            if let Some(pending) = state.is_pending.get_mut(index) {
                *pending = true;
            }
        }
        state.failures.clear();
        (state.reported, state.wake_at) = (0, usize::MAX);
        DeliveryRound(state.round)
    }

    /// Adds a report. Called by the thread that polls.
    pub(crate) fn add(&self, opaque: usize, error: Option<RDKafkaErrorCode>) {
        let mut state = lock(&self.state);
        let (round, index) = (opaque >> INDEX_BITS, opaque & ((1 << INDEX_BITS) - 1));
        if round != state.round || !state.is_pending.get(index).copied().unwrap_or(false) {
            return;
        }
        if let Some(pending) = state.is_pending.get_mut(index) {
            *pending = false;
        }
        state.reported += 1;
        if let Some(code) = error {
            state.failures.push((index, code));
        }
        if state.reported >= state.wake_at {
            self.changed.notify_all();
        }
    }

    /// Keeps an error of a connection: it explains why records are not delivered in time.
    pub(crate) fn set_reason(&self, reason: &str) {
        let is_plain = |character: char| if character.is_control() { ' ' } else { character };
        lock(&self.state).reason = reason.chars().take(REASON_CHARS_MAX).map(is_plain).collect();
    }

    /// Takes the last error of a connection.
    pub(crate) fn take_reason(&self) -> String {
        std::mem::take(&mut lock(&self.state).reason)
    }

    /// Waits until so many records have reports. Returns whether they have them by the deadline.
    pub(crate) fn wait(&self, count: usize, deadline: Instant) -> bool {
        self.wait_until(count, |stop| stop.map_or(deadline, |stop| stop.min(deadline)))
    }

    /// As [`wait`](Self::wait), also while the sink stops: for records that were given up.
    pub(crate) fn wait_for_purged(&self, count: usize, deadline: Instant) {
        self.wait_until(count, |_| deadline);
    }

    /// Waits until the time that `end` makes of the time of the stop.
    fn wait_until(&self, count: usize, end: impl Fn(Option<Instant>) -> Instant) -> bool {
        let mut state = lock(&self.state);
        state.wake_at = count;
        while state.reported < count {
            let end = end(state.stop_at);
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = match self.changed.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        true
    }

    /// Waits until half of the records have reports that were produced and have none, and 100 ms at most. Returns whether the deadline is
    /// still ahead.
    pub(crate) fn wait_for_room(&self, produced: usize, deadline: Instant) -> bool {
        let reported = lock(&self.state).reported;
        let half = reported + produced.saturating_sub(reported).div_ceil(2);
        self.wait(half, deadline.min(Instant::now() + ROOM_WAIT));
        let stop = lock(&self.state).stop_at;
        Instant::now() < stop.map_or(deadline, |stop| stop.min(deadline))
    }

    /// Ends the round: takes its errors, and the records that have no report.
    pub(crate) fn end(&self) -> (RecordFailures, Vec<usize>) {
        let mut state = lock(&self.state);
        let failures = std::mem::take(&mut state.failures);
        let pending = state.is_pending.iter().enumerate().filter(|(_, pending)| **pending);
        let without_report = pending.map(|(index, _)| index).collect();
        state.is_pending.clear();
        (failures, without_report)
    }

    /// Every wait ends at this time.
    pub(crate) fn stop_at(&self, time: Instant) {
        lock(&self.state).stop_at = Some(time);
        self.changed.notify_all();
    }

    /// Whether the time of the stop is over: no wait has any time.
    pub(crate) fn is_stopped(&self) -> bool {
        lock(&self.state).stop_at.is_some_and(|stop| stop <= Instant::now())
    }

    pub(crate) fn is_stopping(&self) -> bool {
        lock(&self.state).stop_at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(10)
    }

    #[test]
    fn a_round_ends_with_its_errors_and_the_records_without_a_report() {
        let reports = DeliveryReports::default();
        let round = reports.begin(&[0, 2, 3], 5);
        reports.add(round.opaque(0), None);
        reports.add(round.opaque(3), Some(RDKafkaErrorCode::Fatal));
        assert!(reports.wait(2, soon()) && !reports.wait(3, soon()));
        assert_eq!(reports.end(), (vec![(3, RDKafkaErrorCode::Fatal)], vec![2]));
    }

    #[test]
    fn reports_of_former_rounds_and_second_reports_do_not_count() {
        let reports = DeliveryReports::default();
        let former = reports.begin(&[0], 1);
        let round = reports.begin(&[0, 1], 2);
        reports.add(former.opaque(0), None);
        reports.add(round.opaque(1), None);
        reports.add(round.opaque(1), None);
        reports.add(round.opaque(77), None);
        assert!(!reports.wait(2, soon()));
        assert_eq!(reports.end(), (vec![], vec![0]));
    }

    #[test]
    fn a_stop_ends_a_wait() {
        let reports = DeliveryReports::default();
        reports.begin(&[0], 1);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| reports.wait(1, Instant::now() + Duration::from_secs(60)));
            reports.stop_at(Instant::now());
            assert!(!waiting.join().unwrap());
        });
        assert!(!reports.wait_for_room(1, Instant::now() + Duration::from_secs(60)));
    }

    #[test]
    fn a_reason_is_short_and_has_no_control_characters() {
        let reports = DeliveryReports::default();
        reports.set_reason(&format!("a\n\u{1b}[31m{}", "x".repeat(500)));
        let reason = reports.take_reason();
        assert!(reason.starts_with("a  [31mxxx") && reason.len() == REASON_CHARS_MAX, "{reason}");
        assert_eq!(reports.take_reason(), "");
    }
}
