//! The clock: a raw counter at the call, time on the drain.
//!
//! Where the kernel itself keeps time by the processor's time-stamp counter, a log call reads that counter and nothing
//! else, and the drain converts it to time by an anchor: a pair of counter and time read together. The anchor is renewed
//! every `ANCHOR_LIFE`, so the log follows whatever corrects the system's clock. Elsewhere a call asks the system; and in
//! a container that is given a [`ManualClock`], the clock that a test sets.

use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use fapilog_record::timestamp::Timestamp;

/// How long an anchor is used.
const ANCHOR_LIFE: Duration = Duration::from_millis(500);

/// How long the first measurement of the counter's speed takes. An error of the pairs of 50 ns is then one of 50 ppm,
/// which the first renewal corrects.
const FIRST_MEASUREMENT: Duration = Duration::from_millis(1);

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
    /// The counter, where the kernel trusts it: it has checked that it runs at one speed and alike on all cores.
    pub(crate) fn best() -> Self {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            static BEST: OnceLock<StampSource> = OnceLock::new();
            *BEST.get_or_init(|| {
                let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
                match std::fs::read_to_string(path) {
                    Ok(name) if name.trim() == "tsc" => Self::Counter,
                    _ => Self::System,
                }
            })
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        {
            Self::System
        }
    }

    /// A stamp of now.
    #[inline(always)]
    pub(crate) fn stamp(self) -> u64 {
        match self {
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            // SAFETY: every x86-64 processor has the instruction, and Linux lets programs use it unless a program
            // forbids it to itself (`PR_SET_TSC`).
            Self::Counter => unsafe { std::arch::x86_64::_rdtsc() },
            Self::System => system_nanos(),
            Self::Manual(nanos) => manual_nanos(nanos),
        }
    }
}

/// Out of line, so that the other ways stay as they are.
#[cold]
#[inline(never)]
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

/// Counter and clocks, read together.
#[derive(Debug, Clone, Copy)]
struct Pair {
    stamp: u64,
    /// Never set back, so the speed is measured by it.
    steady: Instant,
    system_nanos: u64,
}

impl Pair {
    /// The pair of four attempts whose reading took least time: its values lie closest together.
    fn read(source: StampSource) -> Self {
        let mut best: Option<(u64, Self)> = None;
        for _ in 0..4 {
            let before = source.stamp();
            let steady = Instant::now();
            let system_nanos = system_nanos();
            let took = source.stamp().saturating_sub(before);
            let pair = Self { stamp: before + took / 2, steady, system_nanos };
            if best.is_none_or(|(least, _)| took < least) {
                best = Some((took, pair));
            }
        }
        best.map_or_else(|| Self { stamp: 0, steady: Instant::now(), system_nanos: system_nanos() }, |(_, pair)| pair)
    }
}

/// The first pair of the process, and the counter's speed by the first measurement.
fn first() -> &'static (Pair, u64) {
    static FIRST: OnceLock<(Pair, u64)> = OnceLock::new();
    FIRST.get_or_init(|| {
        let source = StampSource::best();
        let first = Pair::read(source);
        while first.steady.elapsed() < FIRST_MEASUREMENT {
            std::hint::spin_loop();
        }
        (first, nanos_per_tick(&first, &Pair::read(source)))
    })
}

/// Measures what is measured once in a process: a millisecond's work, the first time.
pub(crate) fn measure() {
    let _ = first();
}

/// Nanoseconds a tick, in units of 2^-32.
fn nanos_per_tick(from: &Pair, to: &Pair) -> u64 {
    let nanos = to.steady.duration_since(from.steady).as_nanos();
    let ticks = u128::from(to.stamp.saturating_sub(from.stamp)).max(1);
    u64::try_from((nanos << 32) / ticks).unwrap_or(1 << 32)
}

/// Converts stamps to time, on the drain.
#[derive(Debug)]
pub(crate) struct StampClock {
    source: StampSource,
    anchor: Pair,
    nanos_per_tick: u64,
}

impl StampClock {
    /// Takes a millisecond if no thread has [measured](measure) before.
    pub(crate) fn new(source: StampSource) -> Self {
        let (_, nanos_per_tick) = *first();
        Self { source, anchor: Pair::read(source), nanos_per_tick }
    }

    /// Renews the anchor if it is old. To be called once in a while with the time of now.
    pub(crate) fn refresh(&mut self, now: Instant) {
        if now.saturating_duration_since(self.anchor.steady) >= ANCHOR_LIFE {
            self.anchor = Pair::read(self.source);
            self.nanos_per_tick = nanos_per_tick(&first().0, &self.anchor);
        }
    }

    /// The time of now, by the clock that stamps events.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.unix_nanos(self.source.stamp()))
    }

    /// Nanoseconds since 1970.
    #[inline]
    pub(crate) fn unix_nanos(&self, stamp: u64) -> u64 {
        match self.source {
            StampSource::System | StampSource::Manual(_) => stamp,
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            StampSource::Counter => {
                // A stamp lies within minutes of the anchor, on either side of it: the difference fits `i64`.
                let ticks = stamp.wrapping_sub(self.anchor.stamp) as i64;
                let nanos = (i128::from(ticks) * i128::from(self.nanos_per_tick)) >> 32;
                self.anchor.system_nanos.saturating_add_signed(nanos as i64)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_of_now_is_the_systems_time_of_now() {
        let source = StampSource::best();
        let clock = StampClock::new(source);
        for _ in 0..100 {
            let (before, stamp, after) = (system_nanos(), source.stamp(), system_nanos());
            let time = clock.unix_nanos(stamp);
            // 0.1 ms for the error of the first measurement.
            let slack = 100_000;
            assert!(time + slack >= before && time <= after + slack, "{before} <= {time} <= {after}");
        }
    }

    #[test]
    fn later_stamps_are_never_earlier_times_under_one_anchor() {
        let source = StampSource::best();
        let clock = StampClock::new(source);
        let times: Vec<u64> = (0..1000).map(|_| clock.unix_nanos(source.stamp())).collect();
        assert!(times.is_sorted());
    }

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
    fn a_manual_clock_is_not_renewed_by_the_systems_time() {
        let clock = ManualClock::new(Timestamp::from_unix_nanos(u64::MAX));
        let mut stamps = StampClock::new(clock.stamps());
        stamps.refresh(Instant::now() + 2 * ANCHOR_LIFE);
        assert_eq!(stamps.now(), clock.now());
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
