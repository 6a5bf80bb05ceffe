//! Bounds of time: relative, a date, a time of day, RFC 3339.

use jiff::{
    Span, Timestamp, ZonedDateTime,
    civil::{Date, DateTime, Time},
};

/// A text that is no time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{value:?} is no time; allowed are a time before now (-1h, -1d12h), now, today, yesterday, a time of today (14:30), a local \
     date or time (2026-11-30, \"2026-11-30 14:30:05\"), and RFC 3339 (2026-11-30T14:30:05Z), also with a zone{}",
    did_you_mean(.suggestion.as_deref())
)]
pub(crate) struct TimeBoundError {
    value: String,
    /// A time that the text most likely stands for.
    pub(super) suggestion: Option<String>,
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|suggestion| format!("; did you mean {suggestion}?")).unwrap_or_default()
}

/// Reads a time. Times without an offset are in the zone of `now`.
pub(crate) fn parse_time(text: &str, now: &ZonedDateTime) -> Result<Timestamp, TimeBoundError> {
    let trimmed = text.trim();
    let named = || named_time(trimmed, now);
    let relative = || before_now(trimmed, now);
    let absolute = || trimmed.parse::<Timestamp>().ok();
    // With the name of a zone: `2026-11-30T14:30:05[Europe/Berlin]`.
    let zoned = || trimmed.parse::<ZonedDateTime>().ok().map(|time| time.timestamp());
    let time = named().or_else(relative).or_else(absolute).or_else(zoned).or_else(|| local_time(trimmed, now));
    time.ok_or_else(|| TimeBoundError { value: text.to_owned(), suggestion: with_minus(trimmed, now) })
}

/// `-5m` for `5m`, `+5m`, `5 m` and `5m ago`, if that is a time.
fn with_minus(text: &str, now: &ZonedDateTime) -> Option<String> {
    let text = text.strip_suffix("ago").unwrap_or(text);
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let span: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let suggestion = format!("-{span}");
    before_now(&suggestion, now).map(|_| suggestion)
}

fn named_time(text: &str, now: &ZonedDateTime) -> Option<Timestamp> {
    let day = match text {
        "now" => return Some(now.timestamp()),
        "today" => now.date(),
        "yesterday" => now.date().yesterday().ok()?,
        _ => return None,
    };
    start_of(day, now)
}

fn start_of(day: Date, now: &ZonedDateTime) -> Option<Timestamp> {
    day.to_zoned_datetime(now.time_zone().clone()).ok().map(|start| start.timestamp())
}

/// `-1h30m`: numbers with units behind a minus.
fn before_now(text: &str, now: &ZonedDateTime) -> Option<Timestamp> {
    let mut tail = text.strip_prefix('-')?;
    let mut time = now.clone();
    while !tail.is_empty() {
        let digits = tail.find(|c: char| !c.is_ascii_digit())?;
        let (count, behind) = tail.split_at(digits);
        let unit = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit);
        time = time.checked_sub(span(count.parse().ok()?, unit)?).ok()?;
        tail = behind;
    }
    (time != *now || text.len() > 1).then(|| time.timestamp())
}

fn span(count: i64, unit: &str) -> Option<Span> {
    let nothing = Span::new();
    match unit {
        "ns" => nothing.try_nanoseconds(count).ok(),
        "us" | "µs" => nothing.try_microseconds(count).ok(),
        "ms" => nothing.try_milliseconds(count).ok(),
        "s" => nothing.try_seconds(count).ok(),
        "m" | "min" => nothing.try_minutes(count).ok(),
        "h" => nothing.try_hours(count).ok(),
        "d" => nothing.try_days(count).ok(),
        "w" => nothing.try_weeks(count).ok(),
        _ => None,
    }
}

/// A date, a date with a time, or a time of today.
fn local_time(text: &str, now: &ZonedDateTime) -> Option<Timestamp> {
    let has_only = |signs: &[u8]| text.bytes().all(|byte| byte.is_ascii_digit() || signs.contains(&byte));
    // An offset or a zone would be passed over by the parsers.
    let local = if has_only(b":.,") && text.contains(':') {
        now.date().to_datetime(text.parse::<Time>().ok()?)
    } else if has_only(b"-:.,Tt ") && text.matches('-').count() <= 2 {
        text.parse::<DateTime>().ok()?
    } else {
        return None;
    };
    local.to_zoned_datetime(now.time_zone().clone()).ok().map(|time| time.timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> String {
        let now: ZonedDateTime = "2026-11-30T12:00:00+01:00[+01:00]".parse().unwrap();
        parse_time(text, &now).map_or_else(|error| error.to_string(), |time| time.to_string())
    }

    #[test]
    fn times_are_read_in_every_form() {
        for (text, time) in [
            ("now", "2026-11-30T11:00:00Z"),
            ("today", "2026-11-29T23:00:00Z"),
            ("yesterday", "2026-11-28T23:00:00Z"),
            ("-1h", "2026-11-30T10:00:00Z"),
            ("-1d12h", "2026-11-28T23:00:00Z"),
            ("-90s", "2026-11-30T10:58:30Z"),
            ("-250ms", "2026-11-30T10:59:59.75Z"),
            ("14:30", "2026-11-30T13:30:00Z"),
            ("2026-11-29", "2026-11-28T23:00:00Z"),
            ("2026-11-29 14:30:05", "2026-11-29T13:30:05Z"),
            ("2026-11-29T14:30:05.25", "2026-11-29T13:30:05.25Z"),
            ("2026-11-29T14:30:05Z", "2026-11-29T14:30:05Z"),
            ("2026-11-29T14:30:05-02:00", "2026-11-29T16:30:05Z"),
        ] {
            assert_eq!(parsed(text), time, "{text}");
        }
    }

    #[test]
    fn times_around_a_change_of_the_clocks_are_those_of_the_wall_or_exact() {
        let zone = jiff::tz::TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap();
        let at = |text: &str, now: &str| {
            let now = now.parse::<Timestamp>().unwrap().to_zoned_datetime(zone.clone());
            parse_time(text, &now).unwrap().to_string()
        };
        // On 2026-11-01, 02:00 is 01:00 again.
        let now = "2026-11-01T17:00:00Z";
        assert_eq!(at("-1d", now), "2026-10-31T16:00:00Z");
        assert_eq!(at("-24h", now), "2026-10-31T17:00:00Z");
        assert_eq!(at("today", now), "2026-11-01T04:00:00Z");
        assert_eq!(at("01:30", now), "2026-11-01T05:30:00Z", "the first of the two");
        // On 2026-03-08, 02:00 is 03:00.
        assert_eq!(at("2026-03-08 02:30", now), "2026-03-08T07:30:00Z");
        assert_eq!(at("-1d", "2026-03-09T06:30:00Z"), "2026-03-08T07:30:00Z");
    }

    #[test]
    fn no_offset_and_no_zone_is_passed_over() {
        assert_eq!(parsed("2026-11-29T14:30:05[UTC]"), "2026-11-29T14:30:05Z");
        for text in ["14:30+02:00", "2026-11-29T14:30:05[Nowhere/City]", "2026-11-29 14:30+99:00", "2026-11-29 14:30-2"]
        {
            assert!(parsed(text).contains("is no time"), "{text}: {}", parsed(text));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_none(text in "[-+0-9a-zTZ:. \\[\\]]{0,24}|.{0,12}") {
            parsed(&text);
        }

        #[test]
        fn every_time_is_read_back(seconds in -62_135_596_800_i64..253_402_300_799, nanos in 0..1_000_000_000_i32) {
            let time = Timestamp::new(seconds, nanos).unwrap();
            prop_assert_eq!(parsed(&time.to_string()), time.to_string());
            let local = time.to_zoned_datetime(jiff::tz::TimeZone::fixed(jiff::tz::offset(1))).datetime().to_string();
            prop_assert_eq!(parsed(&local), time.to_string());
            prop_assert_eq!(parsed(&local.replace('T', " ")), time.to_string());
        }

        #[test]
        fn a_time_before_now_is_as_long_ago(hours in 0_i64..1000, seconds in 0_i64..100_000) {
            let now: Timestamp = "2026-11-30T11:00:00Z".parse().unwrap();
            let ago = jiff::SignedDuration::from_secs(hours * 3600 + seconds);
            prop_assert_eq!(parsed(&format!("-{hours}h{seconds}s")), (now - ago).to_string());
        }
    }

    #[test]
    fn a_time_before_now_without_its_minus_is_suggested_with_it() {
        for (text, suggestion) in [
            ("5m", "-5m"),
            ("1h30m", "-1h30m"),
            ("+2d", "-2d"),
            ("5 min", "-5min"),
            (" 10s ago", "-10s"),
            ("- 1w", "-1w"),
        ] {
            let error = parsed(text);
            let end = format!("also with a zone; did you mean {suggestion}?");
            assert!(error.starts_with(&format!("{text:?} is no time")) && error.ends_with(&end), "{error}");
        }
        for text in ["", "-", "ago", "5", "5y", "noon", "25:00", "99999999999999999999d"] {
            assert!(parsed(text).ends_with("also with a zone"), "{text}: {}", parsed(text));
        }
    }

    #[test]
    fn a_text_that_is_no_time_gets_the_allowed_forms() {
        for text in ["", "-", "-1", "-h", "1h", "-1y", "-99999999999999999999d", "noon", "2026-13-01", "25:00"] {
            assert!(parsed(text).starts_with(&format!("{text:?} is no time; allowed are")), "{text}: {}", parsed(text));
        }
    }
}
