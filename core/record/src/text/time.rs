//! RFC 3339 timestamps.

use crate::{
    text::{digits::EightDigits, fixed::put_front},
    timestamp::Timestamp,
};

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// Length of `2026-01-31T23:59:59.123456789Z`.
pub const RFC3339_BYTES: usize = 30;

/// Length of `2026-01-31T23:59:59.`.
const SECOND_BYTES: usize = 20;

/// Where in an RFC 3339 text the time of day stands, up to microseconds.
const TIME_OF_DAY: std::ops::Range<usize> = 11..26;

/// Renders timestamps in UTC. Remembers the second it rendered last: only the nanoseconds change from one event to the
/// next, as a rule.
#[derive(Debug, Clone)]
pub struct UtcClock {
    second: u64,
    /// Up to the decimal point; what is behind is padding.
    text: [u8; 32],
}

impl Default for UtcClock {
    fn default() -> Self {
        Self { second: 0, text: *b"1970-01-01T00:00:00.000000000Z\0\0" }
    }
}

impl UtcClock {
    /// Appends a timestamp.
    #[inline(always)]
    pub fn put(&mut self, timestamp: Timestamp, out: &mut Vec<u8>) {
        self.turn_to(timestamp);
        let (digits, end) = fraction(timestamp);
        put_front(out, &self.text, SECOND_BYTES);
        out.extend_from_slice(&digits);
        out.extend_from_slice(&end);
    }

    /// Appends the time of day, up to microseconds: `23:59:59.123456`.
    pub fn put_time_of_day(&mut self, timestamp: Timestamp, out: &mut Vec<u8>) {
        let text = self.render(timestamp);
        out.extend_from_slice(text.get(TIME_OF_DAY).unwrap_or_default());
    }

    /// A timestamp's text.
    pub fn render(&mut self, timestamp: Timestamp) -> [u8; RFC3339_BYTES] {
        self.turn_to(timestamp);
        let (digits, end) = fraction(timestamp);
        let mut bytes = self.text.into_iter().take(SECOND_BYTES).chain(digits).chain(end);
        std::array::from_fn(|_| bytes.next().unwrap_or_default())
    }

    #[inline(always)]
    fn turn_to(&mut self, timestamp: Timestamp) {
        let second = timestamp.unix_nanos() / NANOS_PER_SECOND;
        if second != self.second {
            self.render_second(second);
        }
    }

    #[cold]
    fn render_second(&mut self, second: u64) {
        let (year, month, day) = civil_from_days(second / SECONDS_PER_DAY);
        let of_day = (second % SECONDS_PER_DAY) as u32;
        let parts = [
            (0, year, 4),
            (5, month, 2),
            (8, day, 2),
            (11, of_day / 3600, 2),
            (14, of_day / 60 % 60, 2),
            (17, of_day % 60, 2),
        ];
        for (start, number, digits) in parts {
            put_digits(self.text.get_mut(start..).unwrap_or_default(), number, digits);
        }
        self.second = second;
    }
}

/// The text behind the decimal point: eight digits, the ninth and the `Z`.
#[inline(always)]
fn fraction(timestamp: Timestamp) -> ([u8; 8], [u8; 2]) {
    // Below 10^9, so it fits, and a tenth of it has eight digits.
    let nanos = (timestamp.unix_nanos() % NANOS_PER_SECOND) as u32;
    (EightDigits::of(nanos / 10).text(), [b'0' + (nanos % 10) as u8, b'Z'])
}

/// Writes the last `digits` decimal digits of `number` to the front of `out`.
#[inline(always)]
fn put_digits(out: &mut [u8], number: u32, digits: usize) {
    let mut tail = number;
    for digit in out.iter_mut().take(digits).rev() {
        *digit = b'0' + (tail % 10) as u8;
        tail /= 10;
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`: years start in March, so
/// that the leap day is a year's last, and are counted in eras of 400 years, which all have 146,097 days.
fn civil_from_days(days: u64) -> (u32, u32, u32) {
    let from_march_0000 = days + 719_468;
    let era = from_march_0000 / 146_097;
    let day_of_era = from_march_0000 % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    // A `u64` of nanoseconds ends in the year 2554.
    (year as u32, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(nanos: u64) -> String {
        let mut out = Vec::new();
        UtcClock::default().put(Timestamp::from_unix_nanos(nanos), &mut out);
        assert_eq!(out, UtcClock::default().render(Timestamp::from_unix_nanos(nanos)));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_moments_are_rendered_as_rfc_3339() {
        assert_eq!(rendered(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rendered(1_234_567_890_123_456_789), "2009-02-13T23:31:30.123456789Z");
        assert_eq!(rendered(951_827_696_000_000_001), "2000-02-29T12:34:56.000000001Z");
        assert_eq!(rendered(4_107_542_399_999_999_999), "2100-02-28T23:59:59.999999999Z");
        assert_eq!(rendered(u64::MAX), "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn the_time_of_day_is_cut_at_microseconds() {
        let mut out = Vec::new();
        UtcClock::default().put_time_of_day(Timestamp::from_unix_nanos(1_234_567_890_123_456_789), &mut out);
        assert_eq!(out, b"23:31:30.123456");
    }

    #[test]
    fn the_remembered_second_changes_with_the_time() {
        let mut clock = UtcClock::default();
        let mut at = |nanos| {
            let mut out = Vec::new();
            clock.put(Timestamp::from_unix_nanos(nanos), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(at(1_999_999_999), "1970-01-01T00:00:01.999999999Z");
        assert_eq!(at(2_000_000_000), "1970-01-01T00:00:02.000000000Z");
        assert_eq!(at(1_000_000_005), "1970-01-01T00:00:01.000000005Z");
    }
}
