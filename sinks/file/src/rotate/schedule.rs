//! Times at which a new file starts.

use std::{fmt, time::Duration};

use fapilog_plugin::{
    settings::{duration, write_duration},
    timestamp::Timestamp,
};
use jiff::{
    Timestamp as JiffTimestamp,
    tz::{Offset, TimeZone},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IntoDeserializer, Unexpected, Visitor},
};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// The most changes of a zone's offset between two boundaries. Zones have four a year at most.
const CHANGES_MAX: usize = 64;

/// How often a file is rotated by time. Settings write `minute`, `hour`, `day`, `week`, or a duration such as `15m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotateEvery {
    /// At each whole minute.
    Minute,
    /// At each whole hour. An hour that the clock shows twice, because summer time ends, is two hours.
    Hour,
    /// At the first moment of each day: at midnight, unless the clock skips it. A day has 23 or 25 hours where summer time
    /// begins or ends.
    Day,
    /// At the first moment of each Monday.
    Week,
    /// At each multiple of the duration since 1970-01-01T00:00:00Z: 1 s to 366 days.
    Interval(Duration),
}

impl RotateEvery {
    /// The allowed values, as settings write them.
    pub(crate) const ALLOWED: &'static str =
        "minute, hour, day, week, or a duration from 1s to 366 days with its unit, such as \"15m\"";

    /// Whether an interval is within its bounds.
    pub(crate) fn is_allowed(self) -> bool {
        let bounds = Duration::from_secs(1)..=Duration::from_secs(366 * 86_400);
        !matches!(self, Self::Interval(interval) if !bounds.contains(&interval))
    }
}

/// As settings write it.
impl fmt::Display for RotateEvery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minute => f.pad("minute"),
            Self::Hour => f.pad("hour"),
            Self::Day => f.pad("day"),
            Self::Week => f.pad("week"),
            Self::Interval(interval) => f.pad(&write_duration(*interval)),
        }
    }
}

impl<'de> Deserialize<'de> for RotateEvery {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RotateEveryVisitor)
    }
}

struct RotateEveryVisitor;

impl Visitor<'_> for RotateEveryVisitor {
    type Value = RotateEvery;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(RotateEvery::ALLOWED)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<RotateEvery, E> {
        duration::deserialize(IntoDeserializer::<E>::into_deserializer(number)).map(RotateEvery::Interval)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RotateEvery, E> {
        match text.trim() {
            "minute" => Ok(RotateEvery::Minute),
            "hour" => Ok(RotateEvery::Hour),
            "day" => Ok(RotateEvery::Day),
            "week" => Ok(RotateEvery::Week),
            // The error of a duration names the unit that is none.
            text if text.starts_with(|first: char| first.is_ascii_digit()) => {
                duration::deserialize(IntoDeserializer::<E>::into_deserializer(text)).map(RotateEvery::Interval)
            }
            text => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

fapilog_plugin::named_enum! {
    /// The time zone whose hours, days and weeks [`RotateEvery`] means.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum RotateZone {
        /// UTC.
        #[default]
        Utc = "utc",
        /// The zone of the system when the file is opened: the variable `TZ`, else `/etc/localtime`. UTC if there is none; a
        /// diagnostic reports that.
        Local = "local",
    }
}

/// The times at which a file is rotated.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    boundaries: Boundaries,
    unknown_zone: Option<String>,
}

#[derive(Debug, Clone)]
enum Boundaries {
    /// At multiples of so many nanoseconds since 1970, more than none.
    Interval(u64),
    Calendar(CalendarUnit, TimeZone),
}

impl Schedule {
    pub(crate) fn new(every: RotateEvery, zone: RotateZone) -> Self {
        match zone {
            RotateZone::Utc => Self::in_zone(every, TimeZone::UTC),
            RotateZone::Local => match TimeZone::try_system() {
                Ok(zone) => Self::in_zone(every, zone),
                Err(error) => {
                    let unknown = format!("the time zone of the system is unknown; files are rotated by UTC: {error}");
                    Self { unknown_zone: Some(unknown), ..Self::in_zone(every, TimeZone::UTC) }
                }
            },
        }
    }

    fn in_zone(every: RotateEvery, zone: TimeZone) -> Self {
        let unit = match every {
            RotateEvery::Minute => CalendarUnit::Minute,
            RotateEvery::Hour => CalendarUnit::Hour,
            RotateEvery::Day => CalendarUnit::Day,
            RotateEvery::Week => CalendarUnit::Week,
            RotateEvery::Interval(interval) => {
                let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1);
                return Self { boundaries: Boundaries::Interval(nanos), unknown_zone: None };
            }
        };
        Self { boundaries: Boundaries::Calendar(unit, zone), unknown_zone: None }
    }

    /// The text of a diagnostic, if the zone of the system is unknown and UTC stands for it.
    pub(crate) fn unknown_zone(&self) -> Option<&str> {
        self.unknown_zone.as_deref()
    }

    /// The first boundary behind `time`. The last timestamp of all (in the year 2554) stands for a boundary that no timestamp
    /// can name.
    pub(crate) fn next_after(&self, time: Timestamp) -> Timestamp {
        let nanos = time.unix_nanos();
        let next = match &self.boundaries {
            Boundaries::Interval(interval) => (nanos / interval).checked_add(1).and_then(|n| n.checked_mul(*interval)),
            Boundaries::Calendar(unit, zone) => {
                let next = unit.first_boundary_after((nanos / NANOS_PER_SECOND) as i64, zone); // below 2^35
                u64::try_from(next).ok().and_then(|second| second.checked_mul(NANOS_PER_SECOND))
            }
        };
        Timestamp::from_unix_nanos(next.unwrap_or(u64::MAX))
    }
}

/// A unit of the calendar. Times are in seconds since 1970-01-01T00:00:00, of UTC (`second`) or by the zone's clock (`local`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CalendarUnit {
    Minute,
    Hour,
    Day,
    Week,
}

impl CalendarUnit {
    fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
        }
    }

    /// The start of a unit before 1970: the Monday before the first Thursday for weeks.
    fn shift(self) -> i64 {
        if self == Self::Week { 3 * 86_400 } else { 0 }
    }

    /// The number of the unit that has this local time.
    fn number(self, local: i64) -> i64 {
        (local + self.shift()).div_euclid(self.seconds())
    }

    /// The local time at which a unit starts.
    fn start(self, number: i64) -> i64 {
        number * self.seconds() - self.shift()
    }

    /// Whether the unit starts anew where the clock shows it again. A date has a single start.
    fn starts_twice(self) -> bool {
        matches!(self, Self::Minute | Self::Hour)
    }

    fn first_boundary_after(self, second: i64, zone: &TimeZone) -> i64 {
        let mut next = self.start_after(second, zone);
        while !self.starts_twice() && is_repeated(next, zone) {
            next = self.start_after(next, zone);
        }
        next
    }

    /// The first moment behind `second` at which the clock shows the start of a unit, or skips it.
    fn start_after(self, mut second: i64, zone: &TimeZone) -> i64 {
        for _ in 0..CHANGES_MAX {
            let offset = offset_at(second, zone);
            let next = self.start(self.number(second + offset) + 1) - offset;
            match next_change(second, zone).filter(|change| change.at <= next) {
                None => return next,
                Some(change) if self.starts_at(change) => return change.at,
                Some(change) => second = change.at,
            }
        }
        second + self.seconds()
    }

    /// Whether a unit starts in the moment in which the clock is changed.
    fn starts_at(self, change: ClockChange) -> bool {
        let number = self.number(change.local_after());
        let is_later = number > self.number(change.local_before() - 1);
        is_later || (self.starts_twice() && self.start(number) == change.local_after())
    }
}

/// A change of a zone's clock.
#[derive(Debug, Clone, Copy)]
struct ClockChange {
    /// The first second of the new offset.
    at: i64,
    offset_before: i64,
    offset_after: i64,
}

impl ClockChange {
    fn local_before(self) -> i64 {
        self.at + self.offset_before
    }

    fn local_after(self) -> i64 {
        self.at + self.offset_after
    }
}

/// Whether the clock has shown the local time of `second` before, because it was set back since.
fn is_repeated(second: i64, zone: &TimeZone) -> bool {
    let local = second + offset_at(second, zone);
    last_change(second, zone).is_some_and(|change| local < change.local_before())
}

/// The first change behind `second`.
fn next_change(second: i64, zone: &TimeZone) -> Option<ClockChange> {
    let change = zone.following(jiff_second(second)?).next()?;
    Some(of_change(change.timestamp(), change.offset(), zone))
}

/// The last change before `second`.
fn last_change(second: i64, zone: &TimeZone) -> Option<ClockChange> {
    let change = zone.preceding(jiff_second(second)?).next()?;
    Some(of_change(change.timestamp(), change.offset(), zone))
}

fn of_change(at: JiffTimestamp, offset_after: Offset, zone: &TimeZone) -> ClockChange {
    let at = at.as_second();
    ClockChange { at, offset_before: offset_at(at - 1, zone), offset_after: offset_after.seconds().into() }
}

/// 0 for a time that the zone's rules do not reach, behind the year 9999.
fn offset_at(second: i64, zone: &TimeZone) -> i64 {
    jiff_second(second).map_or(0, |second| zone.to_offset(second).seconds().into())
}

fn jiff_second(second: i64) -> Option<JiffTimestamp> {
    JiffTimestamp::from_second(second).ok()
}

#[cfg(test)]
mod tests;
