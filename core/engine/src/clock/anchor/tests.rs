use super::*;
use crate::clock::ManualClock;

/// Ticks in a millisecond of the counters below.
const TICKS_PER_MS: u64 = 3_000_000;
const MS: u64 = 1_000_000;

/// A pair at so many milliseconds of uptime.
fn pair(start: Instant, stamp_ms: u64, steady_ms: u64, system_ms: u64) -> Pair {
    Pair {
        stamp: stamp_ms * TICKS_PER_MS,
        steady: start + Duration::from_millis(steady_ms),
        system_nanos: system_ms * MS,
    }
}

/// A clock at an uptime of 10 s, with the right speed.
fn clock(start: Instant) -> StampClock {
    let (first, anchor) = (pair(start, 0, 0, 0), pair(start, 10_000, 10_000, 1_000_000));
    StampClock {
        source: StampSource::best(),
        anchor,
        measured_from: anchor,
        speed: CounterSpeed::between(&first, &anchor),
        different: 0,
        before_reset: None,
        trust: TrustWatch::new(start),
    }
}

/// The time of a stamp in milliseconds, rounded.
fn time_ms(clock: &StampClock, stamp_ms: u64) -> u64 {
    (clock.converted(stamp_ms * TICKS_PER_MS) + MS / 2) / MS
}

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
fn a_step_of_the_systems_clock_counts_from_the_next_anchor_on() {
    let start = Instant::now();
    let mut clock = clock(start);
    clock.renew(pair(start, 10_500, 10_500, 400_000));
    assert_eq!(time_ms(&clock, 10_501), 400_001);
}

#[test]
fn the_system_time_is_compared_before_each_batch() {
    let mut clock = StampClock::new(StampSource::best());
    if !clock.counts() {
        return;
    }
    // As if the system's clock had been set back an hour since.
    clock.anchor.system_nanos += 3_600_000 * MS;
    clock.refresh(clock.anchor.steady);
    let difference = clock.now().unix_nanos().abs_diff(system_nanos());
    assert!(difference < 100 * MS, "{difference} ns");
}

#[test]
fn a_suspend_changes_no_speed() {
    let start = Instant::now();
    let mut clock = clock(start);
    let before = clock.speed;
    // The counter counts through 8 s of suspend, and the steady clock does not.
    clock.renew(pair(start, 18_500, 10_500, 1_008_500));
    assert_eq!(clock.speed, before);
    assert_eq!(time_ms(&clock, 18_400), 1_008_400);
    // A stamp of before the suspend.
    assert_eq!(time_ms(&clock, 10_400), 1_000_400);
}

#[test]
fn an_error_of_the_speed_ends_with_its_interval() {
    let start = Instant::now();
    let mut clock = clock(start);
    let right = clock.speed;
    clock.renew(Pair { stamp: 10_500 * TICKS_PER_MS + 900_000, ..pair(start, 0, 10_500, 1_000_500) });
    assert_ne!(clock.speed, right, "an error below a thousandth is taken over");
    clock.renew(Pair { stamp: 11_000 * TICKS_PER_MS + 900_000, ..pair(start, 0, 11_000, 1_001_000) });
    assert_eq!(clock.speed, right);
}

#[test]
fn a_new_speed_is_taken_over_when_three_measurements_agree() {
    let start = Instant::now();
    let mut clock = clock(start);
    let before = clock.speed;
    for step in 1..=3 {
        assert_eq!(clock.speed, before);
        // Half the speed.
        clock.renew(pair(start, 10_000 + 250 * step, 10_000 + 500 * step, 1_000_000 + 500 * step));
    }
    assert_eq!(clock.speed.0 / 2, before.0);
}

#[test]
fn a_wrong_speed_is_mended_though_anchors_are_renewed_often() {
    let start = Instant::now();
    let mut clock = clock(start);
    let right = clock.speed;
    clock.speed = CounterSpeed(right.0 / 10 * 11);
    for step in 1..=60 {
        clock.renew(pair(start, 10_000 + 10 * step, 10_000 + 10 * step, 1_000_000 + 10 * step));
    }
    assert!(clock.speed.is_near(right), "{:?} is not {right:?}", clock.speed);
}

#[test]
fn a_counter_that_was_reset_gives_right_times_before_and_after() {
    let start = Instant::now();
    let mut clock = clock(start);
    let before = clock.speed;
    clock.renew(pair(start, 5, 10_500, 1_060_500));
    assert_eq!(clock.speed, before);
    assert_eq!(time_ms(&clock, 6), 1_060_501);
    assert_eq!(time_ms(&clock, 10_200), 1_000_200);
}

#[test]
fn a_manual_clock_is_not_renewed_by_the_systems_time() {
    let clock = ManualClock::new(Timestamp::from_unix_nanos(u64::MAX));
    let mut stamps = StampClock::new(clock.stamps());
    stamps.refresh(Instant::now() + 2 * ANCHOR_LIFE);
    assert_eq!(stamps.now(), clock.now());
}
