use jiff::{civil::DateTime, tz::TimeZoneDatabase};
use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap()
}

fn in_zone(every: RotateEvery, name: &str) -> Schedule {
    Schedule::in_zone(every, zone(name))
}

/// `2026-11-30T02:13:06Z`, with an offset instead of the `Z`, and with a fraction.
fn at(text: &str) -> Timestamp {
    let time: JiffTimestamp = text.parse().unwrap();
    Timestamp::from_unix_nanos(u64::try_from(time.as_nanosecond()).unwrap())
}

/// The `count` boundaries behind `from`, by the zone's clock.
fn boundaries(schedule: &Schedule, name: &str, from: &str, count: usize) -> Vec<String> {
    let zone = zone(name);
    let mut time = at(from);
    (0..count)
        .map(|_| {
            time = schedule.next_after(time);
            let zoned = JiffTimestamp::from_second((time.unix_nanos() / NANOS_PER_SECOND) as i64).unwrap();
            zoned.to_zoned_datetime(zone.clone()).strftime("%F %T %:z").to_string()
        })
        .collect()
}

#[track_caller]
fn assert_boundaries(every: RotateEvery, name: &str, from: &str, expected: &[&str]) {
    assert_eq!(boundaries(&in_zone(every, name), name, from, expected.len()), expected);
}

#[test]
fn a_boundary_is_behind_the_time_and_never_at_it() {
    let day = in_zone(RotateEvery::Day, "UTC");
    assert_eq!(day.next_after(at("2026-11-30T00:00:00Z")), at("2026-12-01T00:00:00Z"));
    assert_eq!(day.next_after(at("2026-11-30T23:59:59.999999999Z")), at("2026-12-01T00:00:00Z"));
    let minute = in_zone(RotateEvery::Minute, "UTC");
    assert_eq!(minute.next_after(at("2026-11-30T02:13:06Z")), at("2026-11-30T02:14:00Z"));
}

#[test]
fn a_week_begins_on_monday() {
    let expected = ["2026-11-30 00:00:00 +00:00", "2026-12-07 00:00:00 +00:00"];
    assert_boundaries(RotateEvery::Week, "UTC", "2026-11-29T12:00:00Z", &expected);
    assert_boundaries(RotateEvery::Week, "UTC", "1970-01-01T00:00:00Z", &["1970-01-05 00:00:00 +00:00"]);
}

#[test]
fn a_leap_year_has_a_29th_of_february() {
    let expected = ["2028-02-29 00:00:00 +00:00", "2028-03-01 00:00:00 +00:00"];
    assert_boundaries(RotateEvery::Day, "UTC", "2028-02-28T12:00:00Z", &expected);
    assert_boundaries(RotateEvery::Day, "UTC", "2100-02-28T12:00:00Z", &["2100-03-01 00:00:00 +00:00"]);
}

#[test]
fn days_have_23_and_25_hours_where_summer_time_begins_and_ends() {
    let spring = ["2026-03-29 00:00:00 +01:00", "2026-03-30 00:00:00 +02:00"];
    assert_boundaries(RotateEvery::Day, "Europe/Berlin", "2026-03-28T12:00:00Z", &spring);
    let autumn = ["2026-10-25 00:00:00 +02:00", "2026-10-26 00:00:00 +01:00"];
    assert_boundaries(RotateEvery::Day, "Europe/Berlin", "2026-10-24T12:00:00Z", &autumn);
}

#[test]
fn an_hour_that_is_shown_twice_is_two_hours_and_a_skipped_hour_is_none() {
    let autumn = ["02:00:00 +02:00", "02:00:00 +01:00", "03:00:00 +01:00"].map(|time| format!("2026-10-25 {time}"));
    let autumn = autumn.each_ref().map(String::as_str);
    assert_boundaries(RotateEvery::Hour, "Europe/Berlin", "2026-10-25T01:30:00+02:00", &autumn);
    let spring = ["2026-03-29 03:00:00 +02:00", "2026-03-29 04:00:00 +02:00"];
    assert_boundaries(RotateEvery::Hour, "Europe/Berlin", "2026-03-29T01:30:00+01:00", &spring);
}

#[test]
fn a_day_whose_midnight_is_skipped_begins_with_its_first_moment() {
    let expected = ["2018-11-04 01:00:00 -02:00", "2018-11-05 00:00:00 -02:00"];
    assert_boundaries(RotateEvery::Day, "America/Sao_Paulo", "2018-11-03T12:00:00Z", &expected);
    // The clock goes from 24:00 back to 23:00.
    let expected = ["2018-02-17 00:00:00 -02:00", "2018-02-18 00:00:00 -03:00"];
    assert_boundaries(RotateEvery::Day, "America/Sao_Paulo", "2018-02-16T12:00:00Z", &expected);
}

#[test]
fn a_midnight_that_is_shown_twice_is_one_boundary() {
    // Havana sets its clock from 1:00 back to 0:00, St. John's set it from 0:01 back to 23:01.
    let havana = ["2024-11-03 00:00:00 -04:00", "2024-11-04 00:00:00 -05:00"];
    assert_boundaries(RotateEvery::Day, "America/Havana", "2024-11-02T12:00:00Z", &havana);
    let st_johns = ["2010-11-07 00:00:00 -02:30", "2010-11-08 00:00:00 -03:30"];
    assert_boundaries(RotateEvery::Day, "America/St_Johns", "2010-11-06T12:00:00Z", &st_johns);
    let repeated = at("2010-11-06T23:30:00-03:30");
    assert_eq!(in_zone(RotateEvery::Day, "America/St_Johns").next_after(repeated), at("2010-11-08T00:00:00-03:30"));
}

#[test]
fn a_date_that_a_zone_skips_has_no_boundary() {
    let expected = ["2011-12-31 00:00:00 +14:00", "2012-01-01 00:00:00 +14:00"];
    assert_boundaries(RotateEvery::Day, "Pacific/Apia", "2011-12-29T12:00:00-10:00", &expected);
}

#[test]
fn offsets_of_half_an_hour_count() {
    let kolkata = ["2026-11-30 08:00:00 +05:30", "2026-11-30 09:00:00 +05:30"];
    assert_boundaries(RotateEvery::Hour, "Asia/Kolkata", "2026-11-30T02:13:06Z", &kolkata);
    assert_boundaries(RotateEvery::Day, "Asia/Kolkata", "2026-11-30T02:13:06Z", &["2026-12-01 00:00:00 +05:30"]);
    // Lord Howe sets its clock from 2:00 back to 1:30, and from 2:00 to 2:30.
    let autumn = ["2026-04-05 01:00:00 +11:00", "2026-04-05 02:00:00 +10:30"];
    assert_boundaries(RotateEvery::Hour, "Australia/Lord_Howe", "2026-04-05T00:30:00+11:00", &autumn);
    let spring = ["2026-10-04 02:30:00 +11:00", "2026-10-04 03:00:00 +11:00"];
    assert_boundaries(RotateEvery::Hour, "Australia/Lord_Howe", "2026-10-04T01:45:00+10:30", &spring);
}

#[test]
fn an_interval_counts_from_1970_in_utc() {
    let schedule = in_zone(RotateEvery::Interval(Duration::from_secs(900)), "Asia/Kolkata");
    assert_eq!(schedule.next_after(at("2026-11-30T02:13:06Z")), at("2026-11-30T02:15:00Z"));
    let schedule = in_zone(RotateEvery::Interval(Duration::from_millis(1500)), "UTC");
    assert_eq!(schedule.next_after(at("1970-01-01T00:00:01.5Z")), at("1970-01-01T00:00:03Z"));
}

#[test]
fn the_last_timestamp_stands_for_boundaries_behind_it() {
    let last = Timestamp::from_unix_nanos(u64::MAX);
    for every in [RotateEvery::Week, RotateEvery::Minute, RotateEvery::Interval(Duration::MAX)] {
        assert_eq!(in_zone(every, "Europe/Berlin").next_after(last), last);
    }
    assert_eq!(in_zone(RotateEvery::Interval(Duration::ZERO), "UTC").next_after(last), last);
}

#[test]
fn days_of_the_far_future_follow_the_zones_rule() {
    let expected = ["2400-07-02 00:00:00 +02:00", "2400-07-03 00:00:00 +02:00"];
    assert_boundaries(RotateEvery::Day, "Europe/Berlin", "2400-07-01T12:00:00Z", &expected);
}

#[test]
fn utc_needs_no_zone_of_the_system() {
    assert_eq!(Schedule::new(RotateEvery::Day, RotateZone::Utc).unknown_zone(), None);
}

#[test]
fn settings_write_a_unit_or_an_interval() {
    let read = |value: serde_json::Value| fapilog_plugin::settings::read::<RotateEvery>(&value);
    for (text, every) in [
        ("minute", RotateEvery::Minute),
        ("hour", RotateEvery::Hour),
        ("day", RotateEvery::Day),
        (" week ", RotateEvery::Week),
        ("15m", RotateEvery::Interval(Duration::from_secs(900))),
    ] {
        assert_eq!(read(text.into()), Ok(every));
        assert_eq!(every.to_string(), text.trim());
    }
    let problem = |value: serde_json::Value| read(value).unwrap_err().remove(0).below("rotate_every").to_string();
    let allowed = RotateEvery::ALLOWED;
    assert_eq!(problem("daily".into()), format!("rotate_every is \"daily\"; it must be {allowed}"));
    assert!(problem("5 lightyears".into()).contains("\"lightyears\" is no unit of time"));
    assert!(problem(900.into()).contains("it has no unit; write \"900ms\" or \"900s\""));
    assert!(problem(true.into()).ends_with(allowed));
}

const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "Africa/Monrovia",
];

fn any_every() -> impl Strategy<Value = RotateEvery> {
    let interval = (1..366 * 86_400_u64).prop_map(|seconds| RotateEvery::Interval(Duration::from_secs(seconds)));
    prop_oneof![
        Just(RotateEvery::Minute),
        Just(RotateEvery::Hour),
        Just(RotateEvery::Day),
        Just(RotateEvery::Week),
        interval,
    ]
}

proptest! {
    #[test]
    fn boundaries_are_behind_their_times_and_in_order(
        every in any_every(),
        name in prop::sample::select(ZONES),
        nanos in 0..4_000_000_000_000_000_000_u64,
        step in 1..200_000_000_000_000_u64,
    ) {
        let schedule = in_zone(every, name);
        let time = Timestamp::from_unix_nanos(nanos);
        let next = schedule.next_after(time);
        prop_assert!(next > time);
        // Every time up to a boundary has that boundary, and it has a later one.
        prop_assert_eq!(schedule.next_after(Timestamp::from_unix_nanos(next.unix_nanos() - 1)), next);
        prop_assert!(schedule.next_after(next) > next);
        let later = Timestamp::from_unix_nanos(nanos + step);
        let later_next = schedule.next_after(later);
        prop_assert!(later_next >= next);
        prop_assert_eq!(later < next, later_next == next);
    }

    #[test]
    fn a_day_in_a_zone_starts_where_the_calendar_does(name in prop::sample::select(ZONES), day in 0..40_000_i64) {
        let zone = zone(name);
        let noon = JiffTimestamp::from_second(day * 86_400 + 43_200).unwrap();
        let date = noon.to_zoned_datetime(zone.clone()).date();
        let tomorrow: DateTime = date.tomorrow().unwrap().at(0, 0, 0, 0);
        let expected = tomorrow.to_zoned_datetime(zone).unwrap().timestamp().as_second();
        let next = in_zone(RotateEvery::Day, name).next_after(at(&noon.to_string()));
        prop_assert_eq!(next.unix_nanos(), u64::try_from(expected).unwrap() * NANOS_PER_SECOND);
    }
}
