//! PRI: facility and severity as one number (RFC 5424, section 6.2.1).

use fapilog_plugin::{event::Event, level::Level, named_enum, text::number::put_u64};

named_enum! {
    /// The part of a system that a message is about: RFC 5424, table 1.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub enum Facility {
        /// 0: the kernel.
        Kern = "kern",
        /// 1: a program of a user.
        #[default]
        User = "user",
        /// 2: mail.
        Mail = "mail",
        /// 3: a daemon of the system.
        Daemon = "daemon",
        /// 4: security and authorization.
        Auth = "auth",
        /// 5: the syslog server itself.
        Syslog = "syslog",
        /// 6: printers.
        Lpr = "lpr",
        /// 7: news.
        News = "news",
        /// 8: UUCP.
        Uucp = "uucp",
        /// 9: scheduled commands.
        Cron = "cron",
        /// 10: security and authorization, private.
        Authpriv = "authpriv",
        /// 11: FTP.
        Ftp = "ftp",
        /// 12: NTP.
        Ntp = "ntp",
        /// 13: log audit.
        Audit = "audit",
        /// 14: log alert.
        Alert = "alert",
        /// 15: a second clock daemon.
        Clock = "clock",
        /// 16: for local use.
        Local0 = "local0",
        /// 17: for local use.
        Local1 = "local1",
        /// 18: for local use.
        Local2 = "local2",
        /// 19: for local use.
        Local3 = "local3",
        /// 20: for local use.
        Local4 = "local4",
        /// 21: for local use.
        Local5 = "local5",
        /// 22: for local use.
        Local6 = "local6",
        /// 23: for local use.
        Local7 = "local7",
    }
}

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
            Self::Level => of_level(event.level()),
            Self::Severity => of_severity(event.severity()),
        }
    }
}

fn of_level(level: Level) -> u8 {
    match level {
        Level::Trace | Level::Debug => 7,
        Level::Info => 6,
        // Normal but significant: an action with its author.
        Level::Audit => 5,
        Level::Warning => WARNING,
        Level::Error => 3,
        Level::Critical => 2,
        Level::Security => 1,
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
    put_u64(out, facility as u64 * 8 + u64::from(severity));
    out.push(b'>');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facilities_have_the_numbers_of_the_rfc() {
        assert_eq!(Facility::ALL.len(), 24);
        for (facility, number) in
            [(Facility::Kern, 0), (Facility::Authpriv, 10), (Facility::Clock, 15), (Facility::Local7, 23)]
        {
            assert_eq!(facility as u8, number);
        }
    }

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
        assert_eq!(levels.map(of_level), [7, 7, 6, 4, 3, 5, 2, 1]);
    }
}
