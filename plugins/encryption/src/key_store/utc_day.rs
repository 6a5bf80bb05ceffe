//! Days in UTC.

use std::{fmt, str::FromStr};

use jiff::{ToSpan, civil::Date};
use thiserror::Error;

const EPOCH: Date = Date::constant(1970, 1, 1);
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// A day in UTC, from 1970-01-01 to 9999-12-31. Its text is `2026-11-30`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcDay(u32);

/// The text is no day.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is no day; a day is written as 2026-11-30, from 1970-01-01 on")]
pub struct UtcDayError {
    text: String,
}

impl UtcDay {
    pub(crate) const TEXT_BYTES: usize = 10;
    /// 9999-12-31.
    const LAST: u32 = 2_932_896;

    /// Days since 1970-01-01. `None` behind the year 9999.
    pub(crate) fn of_number(number: u32) -> Option<Self> {
        (number <= Self::LAST).then_some(Self(number))
    }

    pub(crate) fn number(self) -> u32 {
        self.0
    }

    pub(crate) fn of_unix_seconds(seconds: u64) -> Self {
        Self(u32::try_from(seconds / DAY_SECONDS).unwrap_or(Self::LAST).min(Self::LAST))
    }
}

impl fmt::Display for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The number is in range, so there is a date.
        EPOCH.checked_add(i64::from(self.0).days()).unwrap_or(EPOCH).fmt(f)
    }
}

impl fmt::Debug for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UtcDay({self})")
    }
}

impl FromStr for UtcDay {
    type Err = UtcDayError;

    fn from_str(text: &str) -> Result<Self, UtcDayError> {
        let day = || {
            let date: Date = text.parse().ok()?;
            let days = date.since(EPOCH).ok()?.get_days();
            Self::of_number(u32::try_from(days).ok()?).filter(|day| day.to_string() == text)
        };
        day().ok_or_else(|| UtcDayError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_reads_back_from_its_text() {
        for (number, text) in [(0, "1970-01-01"), (20_787, "2026-11-30"), (UtcDay::LAST, "9999-12-31")] {
            assert_eq!(UtcDay(number).to_string(), text);
            assert_eq!(text.parse::<UtcDay>().unwrap(), UtcDay(number));
        }
    }

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        assert_eq!(UtcDay::of_unix_seconds(86_399), UtcDay(0));
        assert_eq!(UtcDay::of_unix_seconds(86_400), UtcDay(1));
        assert_eq!(UtcDay::of_unix_seconds(u64::MAX), UtcDay(UtcDay::LAST));
    }

    #[test]
    fn texts_that_are_no_day_are_refused() {
        for text in ["", "2026-02-30", "20261130", "1969-12-31", "2026-11-30T00:00", "-000001-01-01"] {
            let error = text.parse::<UtcDay>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{text:?} is no day")), "{error}");
        }
    }
}
