//! Clocks: what they cost, and the one that short times are measured by.

use std::{
    hint::black_box,
    time::{Instant, SystemTime},
};

/// Readings in one go.
const READINGS: u32 = 200_000;
/// The quickest of so many goes counts: the others were interrupted.
const GOES: u32 = 5;

/// Nanoseconds that a reading takes, by clock.
pub(super) fn costs() -> Vec<(&'static str, f64)> {
    let mut costs = Vec::new();
    #[cfg(target_arch = "x86_64")]
    costs.push((
        "rdtsc",
        nanos_of(|| {
            // SAFETY: every x86-64 processor has the instruction, and Linux lets programs use it.
            black_box(unsafe { std::arch::x86_64::_rdtsc() });
        }),
    ));
    costs.push((
        "Instant::now",
        nanos_of(|| {
            black_box(Instant::now());
        }),
    ));
    costs.push((
        "SystemTime::now",
        nanos_of(|| {
            black_box(SystemTime::now());
        }),
    ));
    costs
}

fn nanos_of(reading: impl Fn()) -> f64 {
    let go = || {
        let started = Instant::now();
        for _ in 0..READINGS {
            reading();
        }
        started.elapsed().as_nanos() as f64 / f64::from(READINGS)
    };
    (0..GOES).map(|_| go()).fold(f64::INFINITY, f64::min)
}

/// The clock that bursts of calls are measured by: the processor's counter, read when all that went before is done; the
/// system's clock where the kernel does not trust that counter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticks {
    is_counter: bool,
    started: Instant,
    started_at: u64,
}

impl Ticks {
    pub(crate) fn new() -> Self {
        let is_counter = is_counter_trusted();
        let mut ticks = Self { is_counter, started: Instant::now(), started_at: 0 };
        ticks.started_at = ticks.now();
        ticks
    }

    /// A reading as a log call takes it: whatever stands before and behind it may overlap with it.
    #[inline(always)]
    pub(crate) fn stamp(&self) -> u64 {
        #[cfg(target_arch = "x86_64")]
        if self.is_counter {
            // SAFETY: every x86-64 processor has the instruction, and Linux lets programs use it.
            return unsafe { std::arch::x86_64::_rdtsc() };
        }
        self.now()
    }

    /// A reading.
    #[inline(always)]
    pub(crate) fn now(&self) -> u64 {
        #[cfg(target_arch = "x86_64")]
        if self.is_counter {
            // SAFETY: every x86-64 processor has the instruction.
            unsafe { std::arch::x86_64::_mm_lfence() };
            // SAFETY: as above, and Linux lets programs use it.
            let now = unsafe { std::arch::x86_64::_rdtsc() };
            // SAFETY: as above. No later instruction begins before the reading.
            unsafe { std::arch::x86_64::_mm_lfence() };
            return now;
        }
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Nanoseconds a tick, by all the time that has passed since this clock was made.
    pub(crate) fn nanos_per_tick(&self) -> f64 {
        if !self.is_counter {
            return 1.0;
        }
        let nanos = self.started.elapsed().as_nanos() as f64;
        nanos / self.now().saturating_sub(self.started_at).max(1) as f64
    }

    /// Its name, for people.
    pub(crate) fn name(&self) -> &'static str {
        if self.is_counter { "rdtsc" } else { "Instant" }
    }
}

fn is_counter_trusted() -> bool {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    cfg!(target_arch = "x86_64") && std::fs::read_to_string(path).is_ok_and(|name| name.trim() == "tsc")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ticks_measure_the_time_that_passes() {
        let ticks = Ticks::new();
        let (from, started) = (ticks.now(), Instant::now());
        while started.elapsed() < Duration::from_millis(20) {}
        let measured = ticks.now().saturating_sub(from) as f64 * ticks.nanos_per_tick();
        let elapsed = started.elapsed().as_nanos() as f64;
        assert!((19e6..elapsed * 1.2).contains(&measured), "{measured} of {elapsed}");
    }
}
