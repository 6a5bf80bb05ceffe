//! The times of lines.

use fapilog_record::{text::time::UtcClock, timestamp::Timestamp};

use crate::{line_options::LineTime, local_clock::LocalClock};

/// Renders the time of lines, in UTC or by local time.
#[derive(Debug)]
pub(super) struct LineClock {
    utc: UtcClock,
    /// `None` where lines have no local time.
    local: Option<LocalClock>,
}

impl LineClock {
    /// Reads the time zone, if it is needed.
    pub(super) fn new(time: LineTime) -> Self {
        Self { utc: UtcClock::default(), local: (time == LineTime::Local).then(LocalClock::of_system) }
    }

    /// Appends RFC 3339, in UTC.
    #[inline(always)]
    pub(super) fn put(&mut self, timestamp: Timestamp, out: &mut Vec<u8>) {
        self.utc.put(timestamp, out);
    }

    /// Appends the time of day in UTC, up to microseconds.
    pub(super) fn put_time_of_day(&mut self, timestamp: Timestamp, out: &mut Vec<u8>) {
        self.utc.put_time_of_day(timestamp, out);
        out.push(b'Z');
    }

    /// Appends RFC 3339, by local time.
    pub(super) fn put_local(&mut self, timestamp: Timestamp, out: &mut Vec<u8>) {
        match &mut self.local {
            Some(local) => local.put(timestamp, out),
            None => self.put(timestamp, out),
        }
    }

    /// Appends the time of day by local time, up to microseconds.
    pub(super) fn put_local_time_of_day(&mut self, timestamp: Timestamp, out: &mut Vec<u8>) {
        match &mut self.local {
            Some(local) => local.put_time_of_day(timestamp, out),
            None => self.put_time_of_day(timestamp, out),
        }
    }
}
