//! The conversion of stamps to time, on the drain.
//!
//! 1. An *anchor* is a pair of counter and time, read together. A stamp's time is the anchor's, and the ticks between them
//!    at the counter's speed.
//! 2. The anchor is renewed when it is [`ANCHOR_LIFE`] old, and before a batch when the time by it and the system's differ
//!    by more than [`STEP_LEAST`]. So the log follows whatever corrects the system's clock: a step of it, and a suspend of
//!    the machine, from the next batch on.
//! 3. The speed is measured over neighbouring intervals of [`MEASUREMENT_LEAST`] at least: an error ends with the interval that
//!    it comes from. An interval whose speed differs by more than a thousandth is left out, since a suspend lies in it, until three in a row agree that
//!    the speed is another (a virtual machine was moved).
//! 4. A counter that went back was reset. Stamps from before the reset lie far ahead of the new anchor, and are converted by
//!    the anchor of that time.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use fapilog_record::timestamp::Timestamp;

use super::{StampSource, system_nanos, trust::TrustWatch};

/// How long an anchor is used.
const ANCHOR_LIFE: Duration = Duration::from_millis(500);

/// The least difference between the time by the anchor and the system's that is no error of measurement. At the speed of the
/// first measurement, an anchor of [`ANCHOR_LIFE`] is wrong by 25 µs.
const STEP_LEAST: Duration = Duration::from_millis(1);

/// The shortest interval that the speed is measured over. An error of the pairs of 50 ns is one of 0.5 ppm then.
const MEASUREMENT_LEAST: Duration = Duration::from_millis(100);

/// How long the first measurement of the counter's speed takes. An error of the pairs of 50 ns is then one of 50 ppm,
/// which the first renewal corrects.
const FIRST_MEASUREMENT: Duration = Duration::from_millis(1);

/// The number of measurements in a row that must differ from the known speed before it changes.
const DIFFERENT_MEASUREMENTS: u8 = 3;

/// No stamp lies further ahead of the anchor: the anchor is renewed before each batch.
const AHEAD_MAX_NANOS: i128 = 5_000_000_000;

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

/// The counter's speed by the first measurement of the process.
fn first_speed() -> CounterSpeed {
    static FIRST: OnceLock<CounterSpeed> = OnceLock::new();
    *FIRST.get_or_init(|| {
        let source = StampSource::best();
        let first = Pair::read(source);
        while first.steady.elapsed() < FIRST_MEASUREMENT {
            std::hint::spin_loop();
        }
        CounterSpeed::between(&first, &Pair::read(source))
    })
}

/// Measures what is measured once in a process: a millisecond's work, the first time.
pub(crate) fn measure() {
    let _ = first_speed();
}

/// Nanoseconds a tick, in units of 2^-32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CounterSpeed(u64);

impl CounterSpeed {
    fn between(from: &Pair, to: &Pair) -> Self {
        let nanos = to.steady.saturating_duration_since(from.steady).as_nanos();
        let ticks = u128::from(to.stamp.saturating_sub(from.stamp)).max(1);
        Self(u64::try_from((nanos << 32) / ticks).unwrap_or(1 << 32))
    }

    /// Whether two measurements may be of the same speed: they differ by a thousandth at most.
    fn is_near(self, other: Self) -> bool {
        self.0.abs_diff(other.0) <= self.0 / 1000
    }

    #[inline]
    fn nanos(self, ticks: i64) -> i128 {
        (i128::from(ticks) * i128::from(self.0)) >> 32
    }
}

/// Converts stamps to time, on the drain.
#[derive(Debug)]
pub(crate) struct StampClock {
    source: StampSource,
    anchor: Pair,
    /// The start of the interval that the speed is measured over. Anchors may be renewed more often.
    measured_from: Pair,
    speed: CounterSpeed,
    /// The last measurements that differed from the speed.
    different: u8,
    /// The anchor of before the counter's last reset.
    before_reset: Option<Pair>,
    trust: TrustWatch,
}

impl StampClock {
    /// Takes a millisecond if no thread has [measured](measure) before.
    pub(crate) fn new(source: StampSource) -> Self {
        let speed = first_speed();
        let anchor = Pair::read(source);
        let trust = TrustWatch::new(anchor.steady);
        Self { source, anchor, measured_from: anchor, speed, different: 0, before_reset: None, trust }
    }

    /// Renews the anchor if it is old, or wrong. To be called before each batch with the time of now.
    pub(crate) fn refresh(&mut self, now: Instant) {
        if self.counts() && (now.saturating_duration_since(self.anchor.steady) >= ANCHOR_LIFE || self.is_wrong()) {
            self.renew(Pair::read(self.source));
        }
    }

    /// Looks whether the kernel has given the counter up, at most every ten seconds. Returns the name of its new source of time,
    /// once.
    pub(crate) fn given_up_for(&mut self, now: Instant) -> Option<String> {
        if self.counts() { self.trust.look(now) } else { None }
    }

    /// Whether stamps are the counter's.
    fn counts(&self) -> bool {
        !matches!(self.source, StampSource::System | StampSource::Manual(_))
    }

    /// Whether the time by the anchor is not the system's.
    fn is_wrong(&self) -> bool {
        let difference = self.now().unix_nanos().abs_diff(system_nanos());
        u128::from(difference) > STEP_LEAST.as_nanos()
    }

    /// Rules 3 and 4.
    fn renew(&mut self, pair: Pair) {
        if pair.stamp < self.anchor.stamp {
            self.before_reset = Some(self.anchor);
            self.measured_from = pair;
        } else if pair.steady.saturating_duration_since(self.measured_from.steady) >= MEASUREMENT_LEAST {
            self.measured(CounterSpeed::between(&self.measured_from, &pair));
            self.measured_from = pair;
        }
        self.anchor = pair;
    }

    fn measured(&mut self, speed: CounterSpeed) {
        self.different = if self.speed.is_near(speed) { 0 } else { self.different + 1 };
        if self.different == 0 || self.different >= DIFFERENT_MEASUREMENTS {
            self.different = 0;
            self.speed = speed;
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
            StampSource::Counter => self.converted(stamp),
        }
    }

    #[inline]
    #[cfg_attr(
        any(not(target_arch = "x86_64"), miri),
        allow(dead_code, reason = "no counter is read on such machines")
    )]
    fn converted(&self, stamp: u64) -> u64 {
        // A stamp lies within minutes of the anchor, on either side of it: the difference fits `i64`.
        let nanos = self.speed.nanos(stamp.wrapping_sub(self.anchor.stamp) as i64);
        if nanos > AHEAD_MAX_NANOS
            && let Some(before) = self.before_reset
        {
            return self.converted_before_reset(stamp, &before);
        }
        self.anchor.system_nanos.saturating_add_signed(nanos as i64)
    }

    #[cold]
    #[cfg_attr(
        any(not(target_arch = "x86_64"), miri),
        allow(dead_code, reason = "no counter is read on such machines")
    )]
    fn converted_before_reset(&self, stamp: u64, anchor: &Pair) -> u64 {
        let nanos = self.speed.nanos(stamp.wrapping_sub(anchor.stamp) as i64);
        anchor.system_nanos.saturating_add_signed(nanos.min(AHEAD_MAX_NANOS) as i64)
    }
}

#[cfg(test)]
mod tests;
