//! Dates in names of indices.

use fapilog_plugin::timestamp::Timestamp;

const NANOS_OF_AN_HOUR: u64 = 3_600_000_000_000;

/// A date by the letters that Elastic's products use, in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatePattern {
    parts: Vec<DatePart>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DatePart {
    Year,
    Month,
    Day,
    Hour,
    WeekYear,
    Week,
    Separator(u8),
}

const PARTS: [(&str, DatePart); 9] = [
    ("yyyy", DatePart::Year),
    ("MM", DatePart::Month),
    ("dd", DatePart::Day),
    ("HH", DatePart::Hour),
    ("xxxx", DatePart::WeekYear),
    ("ww", DatePart::Week),
    (".", DatePart::Separator(b'.')),
    ("-", DatePart::Separator(b'-')),
    ("_", DatePart::Separator(b'_')),
];

impl DatePattern {
    /// Reads a pattern. `None`: it has other letters, or none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut tail = text;
        while !tail.is_empty() {
            let (part, behind) = PARTS.iter().find_map(|(letters, part)| Some((*part, tail.strip_prefix(letters)?)))?;
            parts.push(part);
            tail = behind;
        }
        // A name may begin with a date, and not with a separator.
        parts.first().is_some_and(|first| !matches!(first, DatePart::Separator(_))).then_some(Self { parts })
    }

    /// The length of the date.
    pub(super) fn longest(&self) -> usize {
        let length = |part: &DatePart| match part {
            DatePart::Year | DatePart::WeekYear => 4,
            DatePart::Separator(_) => 1,
            _ => 2,
        };
        self.parts.iter().map(length).sum()
    }

    /// Appends the date.
    pub(super) fn put(&self, time: Timestamp, out: &mut Vec<u8>) {
        let hours = time.unix_nanos() / NANOS_OF_AN_HOUR;
        let days = hours / 24;
        let date = CivilDate::of(days);
        for part in &self.parts {
            match part {
                DatePart::Year => put_digits(out, date.year, 4),
                DatePart::Month => put_digits(out, date.month, 2),
                DatePart::Day => put_digits(out, date.day, 2),
                DatePart::Hour => put_digits(out, hours % 24, 2),
                DatePart::WeekYear => put_digits(out, week_of(days).0, 4),
                DatePart::Week => put_digits(out, week_of(days).1, 2),
                DatePart::Separator(byte) => out.push(*byte),
            }
        }
    }
}

fn put_digits(out: &mut Vec<u8>, mut number: u64, digits: usize) {
    let start = out.len();
    out.resize(start + digits, b'0');
    for place in out.iter_mut().skip(start).rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

struct CivilDate {
    year: u64,
    month: u64,
    day: u64,
}

impl CivilDate {
    /// The date of a day, counted from 1970-01-01. Years begin in March, so that a leap day is the last day of its year.
    fn of(days: u64) -> Self {
        const DAYS_OF_400_YEARS: u64 = 146_097;
        // From 0000-03-01 to 1970-01-01.
        let days = days + 719_468;
        let era = days / DAYS_OF_400_YEARS;
        let day_of_era = days % DAYS_OF_400_YEARS;
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self { year: era * 400 + year_of_era + u64::from(month <= 2), month, day }
    }
}

/// Year and week of a day by ISO 8601: the week of a Thursday is in that day's year.
fn week_of(days: u64) -> (u64, u64) {
    // 1970-01-01 was a Thursday: Monday is 0.
    let weekday = (days + 3) % 7;
    // The first days are of the week of 1970-01-01.
    let thursday = (days + 3).saturating_sub(weekday);
    let year = CivilDate::of(thursday).year;
    (year, (thursday - first_day(year)) / 7 + 1)
}

/// The first day of a year from 1970 on, counted from 1970-01-01.
fn first_day(year: u64) -> u64 {
    // From 0001-01-01 to 1970-01-01.
    const DAYS_BEFORE_1970: u64 = 719_162;
    let years = year.saturating_sub(1);
    (365 * years + years / 4 - years / 100 + years / 400).saturating_sub(DAYS_BEFORE_1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dated(pattern: &str, seconds: u64) -> String {
        let mut out = Vec::new();
        DatePattern::parse(pattern).unwrap().put(Timestamp::from_unix_nanos(seconds * 1_000_000_000), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let pattern = "yyyy-MM-dd_HH";
        assert_eq!(dated(pattern, 0), "1970-01-01_00");
        assert_eq!(dated(pattern, 951_782_399), "2000-02-28_23");
        assert_eq!(dated(pattern, 951_782_400), "2000-02-29_00");
        assert_eq!(dated(pattern, 4_107_542_400), "2100-03-01_00");
        assert_eq!(dated(pattern, 1_796_085_000), "2026-12-01_00");
    }

    #[test]
    fn weeks_are_those_of_iso_8601() {
        for (seconds, week) in [
            (0, "1970.01"),
            // 2021-01-03, a Sunday, and the day behind.
            (1_609_632_000, "2020.53"),
            (1_609_718_400, "2021.01"),
            // 2024-12-30, a Monday.
            (1_735_516_800, "2025.01"),
            (1_796_085_000, "2026.49"),
        ] {
            assert_eq!(dated("xxxx.ww", seconds), week);
        }
    }

    #[test]
    fn other_letters_are_refused() {
        for pattern in ["", "YYYY", "yyyy/MM", "mm", "yyy", ".yyyy"] {
            assert_eq!(DatePattern::parse(pattern), None, "{pattern}");
        }
    }
}
