//! A day, which a sample of mutants is chosen by.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

const SECONDS_IN_DAY: u64 = 86_400;

/// Days since 1970-01-01 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day(u64);

impl Day {
    pub(super) fn today() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since_epoch.as_secs() / SECONDS_IN_DAY)
    }

    /// Reads `YYYY-MM-DD`, from 1970 on.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() != "YYYY-MM-DD".len() {
            return None;
        }
        let mut parts = text.splitn(3, '-').map(|part| part.parse().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let number = days_before(year, month)?.checked_add(day)?.checked_sub(1)?;
        // A date such as the 31st of April is another one when it is written again.
        Some(Self(number)).filter(|day| day.to_string() == text)
    }

    pub(super) fn number(self) -> u64 {
        self.0
    }

    fn date(self) -> (u64, u64, u64) {
        let begun = |from: u64, is_before: &dyn Fn(u64) -> bool| (from..).take_while(|next| is_before(*next)).last();
        let has_begun = |year, month| days_before(year, month).is_some_and(|days| days <= self.0);
        let year = begun(1970, &|year| has_begun(year, 1)).unwrap_or(1970);
        let month = begun(1, &|month| has_begun(year, month)).unwrap_or(1);
        (year, month, self.0 - days_before(year, month).unwrap_or_default() + 1)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Days between 1970-01-01 and the first of a month.
fn days_before(year: u64, month: u64) -> Option<u64> {
    const DAYS_BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let in_year = DAYS_BEFORE.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    let years = year.checked_sub(1970)?.checked_mul(365)?;
    let leap_days = leap_days_before(year)? - leap_days_before(1970)? + u64::from(month > 2 && is_leap(year));
    years.checked_add(leap_days)?.checked_add(*in_year)
}

fn leap_days_before(year: u64) -> Option<u64> {
    let last = year.checked_sub(1)?;
    Some(last / 4 - last / 100 + last / 400)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_counted_from_1970() {
        for (text, number) in [
            ("1970-01-01", 0),
            ("1970-03-01", 59),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("2024-12-31", 20_088),
            ("2100-03-01", 47_541),
        ] {
            assert_eq!(Day::read(text), Some(Day(number)), "{text}");
            assert_eq!(Day(number).to_string(), text);
        }
    }

    #[test]
    fn a_text_that_is_no_day_is_none() {
        for text in [
            "",
            "today",
            "1969-12-31",
            "2026-13-01",
            "2026-00-01",
            "2026-04-31",
            "2026-04-1",
            "2026-4-001",
            "2100-02-29",
        ] {
            assert_eq!(Day::read(text), None, "{text}");
        }
    }

    #[test]
    fn today_is_after_this_test_was_written() {
        assert!(Day::today().number() > 20_000);
    }
}
