//! The clock: a raw counter at the call, time on the drain.
//!
//! Where the kernel itself keeps time by the processor's time-stamp counter, a log call reads that counter and nothing
//! else, and the drain converts it to time by an anchor (see `anchor`). Elsewhere a call asks the system; and in a container
//! that is given a [`ManualClock`], the clock that a test sets.

pub(crate) mod anchor;
mod trust;

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use fapilog_record::timestamp::Timestamp;

/// The source of the stamps of events.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StampSource {
    /// The processor's time-stamp counter.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    Counter,
    /// Nanoseconds since 1970.
    System,
    /// Nanoseconds since 1970, by a [`ManualClock`].
    Manual(&'static AtomicU64),
}

impl StampSource {
    /// The counter, where the kernel trusts it at the moment.
    pub(crate) fn best() -> Self {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            if trust::is_counter_trusted() { Self::Counter } else { Self::System }
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        {
            Self::System
        }
    }

    /// Whether it is the processor's counter.
    pub(crate) fn is_counter(self) -> bool {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            matches!(self, Self::Counter)
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        {
            false
        }
    }

    /// A stamp of now, if that takes no call.
    #[inline(always)]
    pub(crate) fn stamp_inline(self) -> Option<u64> {
        match self {
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            Self::Counter => Some(read_counter()),
            _ => None,
        }
    }

    /// A stamp of now.
    pub(crate) fn stamp(self) -> u64 {
        match self {
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            Self::Counter => read_counter(),
            Self::System => system_nanos(),
            Self::Manual(nanos) => manual_nanos(nanos),
        }
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn read_counter() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and Linux lets programs use it unless a program
    // forbids it to itself (`PR_SET_TSC`).
    unsafe { std::arch::x86_64::_rdtsc() }
}

fn manual_nanos(nanos: &AtomicU64) -> u64 {
    // Relaxed: a thread that synchronizes with the thread that set the time sees the new time.
    nanos.load(Ordering::Relaxed)
}

/// A clock that stands still until it is set: for tests of what is logged when.
///
/// Clones are the same clock. Given to a container by [`ContainerBuilder::manual_clock`](crate::container::ContainerBuilder::manual_clock),
/// it stamps the container's events. Each clock made takes eight bytes, which are never given back.
///
/// ```
/// use std::time::Duration;
/// use fapilog_engine::clock::ManualClock;
/// use fapilog_record::timestamp::Timestamp;
///
/// let clock = ManualClock::new(Timestamp::from_unix_nanos(0));
/// clock.advance(Duration::from_millis(1));
/// assert_eq!(clock.now().unix_nanos(), 1_000_000);
/// ```
#[derive(Clone)]
pub struct ManualClock {
    nanos: &'static AtomicU64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        // Lanes hold it without a count of references: a log call would pay for that.
        Self { nanos: Box::leak(Box::new(AtomicU64::new(now.unix_nanos()))) }
    }

    /// The time it stands at.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_nanos(manual_nanos(self.nanos))
    }

    /// Sets it, forwards or back.
    pub fn set(&self, now: Timestamp) {
        // Relaxed: see `manual_nanos`.
        self.nanos.store(now.unix_nanos(), Ordering::Relaxed);
    }

    /// Moves it forwards, and stops at the last time that a [`Timestamp`] can hold.
    pub fn advance(&self, span: Duration) {
        let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        // Relaxed: see `manual_nanos`.
        let _ = self.nanos.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| Some(now.saturating_add(span)));
    }

    pub(crate) fn stamps(&self) -> StampSource {
        StampSource::Manual(self.nanos)
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}

/// Nanoseconds since 1970 by the system's clock.
pub(crate) fn system_nanos() -> u64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{anchor::StampClock, *};

    #[test]
    fn a_manual_clock_moves_only_when_it_is_set() {
        let clock = ManualClock::new(Timestamp::from_unix_nanos(7));
        let stamps = StampClock::new(clock.stamps());
        assert_eq!((clock.now().unix_nanos(), stamps.now().unix_nanos()), (7, 7));
        clock.advance(Duration::from_nanos(3));
        assert_eq!((clock.now().unix_nanos(), stamps.now().unix_nanos()), (10, 10));
        clock.set(Timestamp::from_unix_nanos(5));
        assert_eq!((clock.now().unix_nanos(), stamps.now().unix_nanos()), (5, 5));
    }

    #[test]
    fn clones_of_a_manual_clock_are_one_clock() {
        let clock = ManualClock::new(Timestamp::from_unix_nanos(0));
        clock.clone().advance(Duration::from_nanos(1));
        assert_eq!(clock.now().unix_nanos(), 1);
    }

    #[test]
    fn a_manual_clock_stops_at_the_end_of_time() {
        let clock = ManualClock::new(Timestamp::from_unix_nanos(u64::MAX - 1));
        clock.advance(Duration::MAX);
        assert_eq!(clock.now().unix_nanos(), u64::MAX);
    }
}
