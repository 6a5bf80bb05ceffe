//! The time of RFC 3164, in local time or UTC.

use fapilog_plugin::timestamp::Timestamp;
use jiff::tz::TimeZone;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Writes `Mmm dd hh:mm:ss`. The text is made once a second.
#[derive(Debug)]
pub(super) struct BsdClock {
    zone: TimeZone,
    second: Option<u64>,
    text: String,
}

impl BsdClock {
    /// UTC.
    pub(super) fn utc() -> Self {
        Self::of(TimeZone::UTC)
    }

    /// The system's time zone: the variable `TZ`, else `/etc/localtime`, else UTC.
    pub(super) fn of_system() -> Self {
        Self::of(TimeZone::try_system().unwrap_or(TimeZone::UTC))
    }

    fn of(zone: TimeZone) -> Self {
        Self { zone, second: None, text: String::new() }
    }

    pub(super) fn put(&mut self, timestamp: Timestamp, out: &mut Vec<u8>) {
        let second = timestamp.unix_nanos() / NANOS_PER_SECOND;
        if self.second != Some(second) {
            self.second = Some(second);
            self.text = self.render(second);
        }
        out.extend_from_slice(self.text.as_bytes());
    }

    /// A day below 10 has a space in front of it, and no zero: `%e`.
    fn render(&self, second: u64) -> String {
        let second = i64::try_from(second).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
        let local = second.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_zoned_datetime(self.zone.clone());
        local.strftime("%b %e %H:%M:%S").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(clock: &mut BsdClock, second: u64) -> String {
        let mut out = Vec::new();
        clock.put(Timestamp::from_unix_nanos(second * NANOS_PER_SECOND + 999), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_day_below_ten_has_a_space() {
        let mut clock = BsdClock::utc();
        assert_eq!(at(&mut clock, 0), "Jan  1 00:00:00");
        assert_eq!(at(&mut clock, 1_774_745_999), "Mar 29 00:59:59");
    }

    #[test]
    fn local_time_changes_with_summer_time() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let mut clock = BsdClock::of(berlin);
        assert_eq!(at(&mut clock, 1_774_745_999), "Mar 29 01:59:59");
        assert_eq!(at(&mut clock, 1_774_746_000), "Mar 29 03:00:00");
    }
}
