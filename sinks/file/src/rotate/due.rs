//! The time to rotate: by the length of the file, and by the times of its records.

use std::time::{Duration, Instant, SystemTime};

use fapilog_plugin::{event::Batch, timestamp::Timestamp};

use crate::rotate::schedule::Schedule;

/// How long after a boundary a file without a record behind it is rotated: records of before may still be on their way.
const IDLE_GRACE: Duration = Duration::from_secs(1);

/// The wait after a rotation that failed. It doubles with each further failure.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// When the file that records go to is to be rotated.
#[derive(Debug)]
pub(crate) struct RotationDue {
    bytes_max: Option<u64>,
    schedule: Option<Schedule>,
    /// The time of the file's first record; `None` while the file is empty.
    first_record: Option<Timestamp>,
    /// The first boundary behind the first record.
    boundary: Option<Timestamp>,
    /// The time of the first record of the file that is being rotated.
    rotating: Option<Timestamp>,
    retry: RotationRetry,
}

/// The wait between attempts that fail.
#[derive(Debug)]
struct RotationRetry {
    wait: Duration,
    not_before: Option<Instant>,
}

impl RotationRetry {
    const NONE: Self = Self { wait: RETRY_MIN, not_before: None };
}

impl RotationDue {
    /// For a file whose first record has this time; `None` for an empty one.
    pub(crate) fn new(bytes_max: Option<u64>, schedule: Option<Schedule>, first_record: Option<Timestamp>) -> Self {
        let retry = RotationRetry::NONE;
        let mut due = Self { bytes_max, schedule, first_record: None, boundary: None, rotating: None, retry };
        due.set_first_record(first_record);
        due
    }

    /// The time of the file's first record.
    pub(crate) fn set_first_record(&mut self, first: Option<Timestamp>) {
        self.first_record = first;
        self.boundary = first.and_then(|first| Some(self.schedule.as_ref()?.next_after(first)));
    }

    /// Whether a rotation may begin: none has failed a moment ago.
    pub(crate) fn may_begin(&self, now: Instant) -> bool {
        self.retry.not_before.is_none_or(|time| time <= now)
    }

    /// Whether a file of this length is to be rotated before its next record.
    pub(crate) fn is_full(&self, bytes: u64) -> bool {
        self.bytes_max.is_some_and(|bytes_max| bytes >= bytes_max)
    }

    /// How many bytes a file of this length may still get.
    pub(crate) fn bytes_left(&self, bytes: u64) -> Option<u64> {
        Some(self.bytes_max?.saturating_sub(bytes))
    }

    /// The time that parts these events: those from it on belong to the next file. `None` if all belong to this one.
    #[inline]
    pub(crate) fn boundary_in(&self, batch: &Batch<'_>) -> Option<Timestamp> {
        let boundary = self.boundary?;
        // Events of one producer may be older than those before them.
        let is_behind = |time: Option<Timestamp>| time.is_some_and(|time| time >= boundary);
        let (first, last) = (batch.events().first(), batch.events().last());
        let is_parted =
            is_behind(first.map(|event| event.timestamp())) || is_behind(last.map(|event| event.timestamp()));
        is_parted.then_some(boundary)
    }

    /// The time from which on records belong to the next file; `None` while the file is empty, or without a schedule.
    pub(crate) fn boundary(&self) -> Option<Timestamp> {
        self.boundary
    }

    /// Whether a record of this time belongs to the next file.
    pub(crate) fn is_reached_by(&self, time: Timestamp) -> bool {
        self.boundary.is_some_and(|boundary| boundary <= time)
    }

    /// When a file that gets no record is to be rotated: by now if that time is over. The wall clock is read only if there is such
    /// a time.
    pub(crate) fn idle_due(&self, now: Instant, wall_clock: impl FnOnce() -> SystemTime) -> Option<Instant> {
        let wait = self.idle_time()?.duration_since(wall_clock()).unwrap_or_default();
        let due = now.checked_add(wait)?;
        Some(self.retry.not_before.map_or(due, |time| due.max(time)))
    }

    /// Whether a file without a further record is to be rotated by now.
    pub(crate) fn is_idle_due(&self, wall_clock: impl FnOnce() -> SystemTime) -> bool {
        self.idle_time().is_some_and(|time| time <= wall_clock())
    }

    /// The time at which a file that gets no record is to be rotated.
    fn idle_time(&self) -> Option<SystemTime> {
        SystemTime::from(self.boundary?).checked_add(IDLE_GRACE)
    }

    /// The file is to be rotated now, whatever has failed before.
    pub(crate) fn set_due_now(&mut self) {
        self.retry.not_before = None;
    }

    /// The rotation begins: records go to another file. Returns the time of the first record of the file so far.
    pub(crate) fn begin(&mut self) -> Timestamp {
        let first = self.first_record.unwrap_or(Timestamp::from_unix_nanos(0));
        self.rotating = Some(first);
        self.set_first_record(None);
        first
    }

    /// The other file is in use.
    pub(crate) fn succeeded(&mut self) {
        self.rotating = None;
        self.retry = RotationRetry::NONE;
    }

    /// The records go to the file before the rotation. Returns the wait before the next attempt.
    pub(crate) fn failed(&mut self, now: Instant) -> Duration {
        let first = self.rotating.take().or(self.first_record);
        self.set_first_record(first);
        let wait = self.retry.wait;
        self.retry = RotationRetry { wait: (wait * 2).min(RETRY_MAX), not_before: now.checked_add(wait) };
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotate::schedule::{RotateEvery, RotateZone};

    const SECOND: u64 = 1_000_000_000;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_nanos(seconds * SECOND)
    }

    fn every_minute(first_record: Option<Timestamp>) -> RotationDue {
        let schedule = Schedule::new(RotateEvery::Minute, RotateZone::Utc);
        RotationDue::new(None, Some(schedule), first_record)
    }

    fn wall_clock(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_file_is_full_at_its_most_bytes() {
        let due = RotationDue::new(Some(1000), None, None);
        assert!(!due.is_full(999) && due.is_full(1000));
        assert_eq!((due.bytes_left(400), due.bytes_left(2000)), (Some(600), Some(0)));
        assert_eq!(RotationDue::new(None, None, None).bytes_left(1), None);
    }

    #[test]
    fn an_idle_file_is_rotated_a_moment_after_its_boundary() {
        let due = every_minute(Some(at(30)));
        let now = Instant::now();
        assert_eq!(due.idle_due(now, || wall_clock(50)), Some(now + Duration::from_secs(10) + IDLE_GRACE));
        assert_eq!(due.idle_due(now, || wall_clock(70)), Some(now));
        assert!(!due.is_idle_due(|| wall_clock(60)) && due.is_idle_due(|| wall_clock(61)));
    }

    #[test]
    fn an_empty_file_is_never_due() {
        let due = every_minute(None);
        assert!(due.idle_due(Instant::now(), || wall_clock(1000)).is_none() && !due.is_idle_due(|| wall_clock(1000)));
    }

    #[test]
    fn after_a_failure_the_file_is_due_again_and_the_wait_doubles() {
        let mut due = every_minute(Some(at(30)));
        let now = Instant::now();
        assert_eq!(due.begin(), at(30));
        due.set_first_record(Some(at(60)));
        assert_eq!(due.failed(now), RETRY_MIN);
        assert!(due.is_idle_due(|| wall_clock(61)));
        assert!(!due.may_begin(now) && due.may_begin(now + RETRY_MIN));
        due.begin();
        assert_eq!(due.failed(now), 2 * RETRY_MIN);
        due.begin();
        due.succeeded();
        assert!(due.may_begin(now));
    }
}
