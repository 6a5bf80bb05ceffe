//! PRI: facility and severity as one number (RFC 5424, section 6.2.1).

use fapilog_format::syslog;
pub use fapilog_format::syslog::Facility;
use fapilog_plugin::{event::Event, named_enum, text::number::put_u64};

named_enum! {
    /// The part of an event that a message's severity is made of.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub enum PrioritySource {
        /// The level: TRACE and DEBUG are 7, INFO 6, AUDIT 5, WARNING 4, ERROR 3, CRITICAL 2, SECURITY 1.
        #[default]
        Level = "level",
        /// The severity from 1 to 10: 1 and 2 are 7, 3 is 6, 4 is 5, 5 and 6 are 4, 7 is 3, 8 is 2, 9 is 1, 10 is 0.
        Severity = "severity",
    }
}

/// "warning": the severity of records that another sink could not deliver.
pub(super) const WARNING: u8 = 4;

impl PrioritySource {
    /// The severity of syslog, from 0 (emergency) to 7 (debug).
    pub(super) fn severity_of(self, event: &Event<'_>) -> u8 {
        match self {
            Self::Level => syslog::severity(event.level()),
            Self::Severity => of_severity(event.severity()),
        }
    }
}

fn of_severity(severity: u8) -> u8 {
    match severity {
        0..=2 => 7,
        3 => 6,
        4 => 5,
        5 | 6 => WARNING,
        7 => 3,
        8 => 2,
        9 => 1,
        _ => 0,
    }
}

/// Appends `<PRI>`.
pub(super) fn put_priority(facility: Facility, severity: u8, out: &mut Vec<u8>) {
    out.push(b'<');
    put_u64(out, u64::from(facility.number()) * 8 + u64::from(severity));
    out.push(b'>');
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::level::Level;

    use super::*;

    #[test]
    fn a_higher_severity_is_never_a_higher_number() {
        let numbers: Vec<u8> = (1..=10).map(of_severity).collect();
        assert!(numbers.is_sorted_by(|a, b| a >= b), "{numbers:?}");
        assert_eq!((numbers[0], numbers[9]), (7, 0));
    }

    #[test]
    fn the_severity_of_a_level_is_never_above_that_of_a_graver_level() {
        let by_severity = |level: &Level| level.severity();
        let mut levels = Level::ALL;
        levels.sort_by_key(by_severity);
        assert_eq!(levels.map(syslog::severity), [7, 7, 6, 4, 3, 5, 2, 1]);
    }
}
