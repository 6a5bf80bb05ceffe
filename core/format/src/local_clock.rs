//! Local time.
//!
//! The time zone is read once, when a formatter is made, by `tz-rs`: no call of the C library, whose `localtime` reads
//! variables of the environment that another thread may change. The offset is looked up when the second changes.

use std::{
    env,
    error::Error,
    fs::File,
    io::{self, Read},
};

use fapilog_record::{text::time::UtcClock, timestamp::Timestamp};
use tz::{TimeZone, TimeZoneSettings};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// The most bytes of a file with a time zone. The longest of the time zone database has less than 4 KiB.
const ZONE_FILE_MAX_BYTES: u64 = 1 << 20;

/// Length of a time of day up to microseconds, and of a time without the offset.
const TIME_OF_DAY: std::ops::Range<usize> = 11..26;
const TIME: std::ops::Range<usize> = 0..29;

/// Renders timestamps by local time, with the offset.
#[derive(Debug)]
pub(crate) struct LocalClock {
    zone: TimeZone,
    /// The second whose offset is known.
    second: Option<u64>,
    offset: Option<ZoneOffset>,
    /// Renders times that are moved by the offset.
    moved: UtcClock,
}

/// An offset from UTC, as RFC 3339 has it.
#[derive(Debug, Clone, Copy)]
struct ZoneOffset {
    seconds: i64,
    text: [u8; 6],
}

impl LocalClock {
    /// The clock of the system's time zone: the variable `TZ`, else `/etc/localtime`, else UTC.
    pub(crate) fn of_system() -> Self {
        Self::of(env::var("TZ").ok().as_deref())
    }

    /// The clock of the time zone that this value of `TZ` names.
    fn of(name: Option<&str>) -> Self {
        let settings = TimeZoneSettings::new(TimeZoneSettings::DEFAULT_DIRECTORIES, read_zone_file);
        let zone = match name {
            Some(name) => settings.parse_posix_tz(name),
            None => settings.parse_local(),
        };
        Self { zone: zone.unwrap_or_else(|_| TimeZone::utc()), second: None, offset: None, moved: UtcClock::default() }
    }

    /// Appends RFC 3339 with nine decimals and the offset.
    pub(crate) fn put(&mut self, timestamp: Timestamp, out: &mut Vec<u8>) {
        self.put_range(timestamp, TIME, out);
    }

    /// Appends the time of day up to microseconds, and the offset.
    pub(crate) fn put_time_of_day(&mut self, timestamp: Timestamp, out: &mut Vec<u8>) {
        self.put_range(timestamp, TIME_OF_DAY, out);
    }

    fn put_range(&mut self, timestamp: Timestamp, range: std::ops::Range<usize>, out: &mut Vec<u8>) {
        let second = timestamp.unix_nanos() / NANOS_PER_SECOND;
        if self.second != Some(second) {
            self.second = Some(second);
            self.offset = self.look_up(second);
        }
        let moved = self.offset.and_then(|offset| Some((offset.text, moved_by(timestamp, offset.seconds)?)));
        let (offset, moved) = match &moved {
            Some((text, moved)) => (text.as_slice(), *moved),
            None => (b"Z".as_slice(), timestamp),
        };
        out.extend_from_slice(self.moved.render(moved).get(range).unwrap_or_default());
        out.extend_from_slice(offset);
    }

    /// `None` for UTC, and for an offset that RFC 3339 cannot write: one with seconds, which no zone has had since 1972.
    fn look_up(&self, second: u64) -> Option<ZoneOffset> {
        let local = self.zone.find_local_time_type(i64::try_from(second).ok()?).ok()?;
        let seconds = local.ut_offset();
        let is_utc = seconds == 0 && matches!(local.time_zone_designation(), "UTC" | "");
        if is_utc || seconds % 60 != 0 {
            return None;
        }
        let minutes = seconds.unsigned_abs() / 60;
        let (hours, minutes) = (u8::try_from(minutes / 60).ok().filter(|hours| *hours < 24)?, minutes % 60);
        let [tens, ones] = two_digits(hours);
        let [ten_minutes, single_minutes] = two_digits(minutes as u8); // below 60
        let sign = if seconds < 0 { b'-' } else { b'+' };
        Some(ZoneOffset { seconds: seconds.into(), text: [sign, tens, ones, b':', ten_minutes, single_minutes] })
    }
}

/// `None` before 1970 and after 2554.
fn moved_by(timestamp: Timestamp, seconds: i64) -> Option<Timestamp> {
    let nanos = seconds.checked_mul(NANOS_PER_SECOND as i64)?; // 10^9
    timestamp.unix_nanos().checked_add_signed(nanos).map(Timestamp::from_unix_nanos)
}

/// The digits of a number below 100.
fn two_digits(number: u8) -> [u8; 2] {
    [b'0' + number / 10, b'0' + number % 10]
}

/// Reads a regular file of limited length: `TZ` may name any path, such as a FIFO, which would not end.
fn read_zone_file(path: &str) -> Result<Vec<u8>, Box<dyn Error + Send + Sync + 'static>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file").into());
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(ZONE_FILE_MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hour of a change and the offsets before and behind it, in Berlin's rules: they are part of the text, so the test
    /// needs no time zone database.
    const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
    /// 2026-03-29T01:00:00Z.
    const SPRING: u64 = 1_774_746_000;
    /// 2026-10-25T01:00:00Z.
    const AUTUMN: u64 = 1_792_890_000;

    fn at(clock: &mut LocalClock, nanos: u64) -> String {
        let mut out = Vec::new();
        clock.put(Timestamp::from_unix_nanos(nanos), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn at_second(clock: &mut LocalClock, second: u64) -> String {
        at(clock, second * NANOS_PER_SECOND)
    }

    #[test]
    fn the_offset_changes_in_the_second_in_which_summer_time_begins_or_ends() {
        let mut clock = LocalClock::of(Some(BERLIN));
        for (second, text) in [
            (SPRING - 1, "2026-03-29T01:59:59.000000000+01:00"),
            (SPRING, "2026-03-29T03:00:00.000000000+02:00"),
            (AUTUMN - 1, "2026-10-25T02:59:59.000000000+02:00"),
            (AUTUMN, "2026-10-25T02:00:00.000000000+01:00"),
            // Events of several threads come a little out of order.
            (AUTUMN - 1, "2026-10-25T02:59:59.000000000+02:00"),
        ] {
            assert_eq!(at_second(&mut clock, second), text);
        }
    }

    #[test]
    fn the_time_of_day_has_microseconds_and_the_offset() {
        let mut out = Vec::new();
        let at = Timestamp::from_unix_nanos(SPRING * NANOS_PER_SECOND + 123_456_789);
        LocalClock::of(Some("IST-5:30")).put_time_of_day(at, &mut out);
        LocalClock::of(Some("NST3:30NDT,M3.2.0,M11.1.0")).put_time_of_day(at, &mut out);
        LocalClock::of(Some("UTC0")).put_time_of_day(at, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "06:30:00.123456+05:3022:30:00.123456-02:3001:00:00.123456Z");
    }

    #[test]
    fn a_time_zone_that_there_is_not_is_utc() {
        for name in ["", "Nowhere/Town", ":/dev/zero", "/dev/null", "/etc", ":", "\u{1b}", "CET-99"] {
            assert_eq!(
                at_second(&mut LocalClock::of(Some(name)), SPRING),
                "2026-03-29T01:00:00.000000000Z",
                "{name:?}"
            );
        }
    }

    #[test]
    fn a_time_that_local_time_cannot_show_is_utc() {
        let mut west = LocalClock::of(Some("XXX5"));
        assert_eq!(at_second(&mut west, 0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(at_second(&mut west, 5 * 3600), "1970-01-01T00:00:00.000000000-05:00");
        let mut east = LocalClock::of(Some("XXX-5"));
        assert_eq!(at(&mut east, u64::MAX), "2554-07-21T23:34:33.709551615Z");
        // Liberia before 1972: RFC 3339 has no seconds in an offset.
        assert_eq!(at_second(&mut LocalClock::of(Some("LMT0:44:30")), SPRING), "2026-03-29T01:00:00.000000000Z");
    }
}
