//! Priorities and facilities, as syslog numbers them.

use fapilog_plugin::{level::Level, named_enum};

named_enum! {
    /// The field `PRIORITY` of an entry: how grave it is, as syslog numbers it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Priority {
        /// 0: the system is unusable. journald shows it on every terminal.
        Emergency = "emerg",
        /// 1: something must be done at once.
        Alert = "alert",
        /// 2: the service is in danger.
        Critical = "crit",
        /// 3: something failed.
        Error = "err",
        /// 4: something unexpected.
        Warning = "warning",
        /// 5: normal and significant.
        Notice = "notice",
        /// 6: normal operation.
        Info = "info",
        /// 7: details for developers.
        Debug = "debug",
    }
}

impl Priority {
    /// The number in an entry, 0 to 7: the lower, the graver.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The priority of a level, unless the sink's settings have another.
    #[must_use]
    pub const fn of_level(level: Level) -> Self {
        match level {
            Level::Trace | Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warning => Self::Warning,
            Level::Error => Self::Error,
            Level::Critical => Self::Critical,
            Level::Audit => Self::Notice,
            Level::Security => Self::Alert,
        }
    }
}

/// The priority of each level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PriorityMap([Priority; Level::ALL.len()]);

impl Default for PriorityMap {
    fn default() -> Self {
        Self(Level::ALL.map(Priority::of_level))
    }
}

impl PriorityMap {
    pub(crate) fn set(&mut self, level: Level, priority: Priority) {
        let places = Level::ALL.into_iter().zip(&mut self.0);
        places.filter(|(other, _)| *other == level).for_each(|(_, place)| *place = priority);
    }

    pub(crate) fn of(&self, level: Level) -> Priority {
        let mut places = Level::ALL.into_iter().zip(self.0);
        places.find(|(other, _)| *other == level).map_or(Priority::of_level(level), |(_, priority)| priority)
    }
}

named_enum! {
    /// The field `SYSLOG_FACILITY` of an entry: the part of the system that logs, as syslog numbers it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Facility {
        /// 1: a program of a user.
        User = "user",
        /// 2: mail.
        Mail = "mail",
        /// 3: a service of the system.
        Daemon = "daemon",
        /// 4: logins and rights.
        Auth = "auth",
        /// 6: printers.
        Printer = "lpr",
        /// 7: network news.
        News = "news",
        /// 8: UUCP.
        Uucp = "uucp",
        /// 9: scheduled programs.
        Cron = "cron",
        /// 10: logins and rights, for few readers.
        AuthPrivate = "authpriv",
        /// 11: FTP.
        Ftp = "ftp",
        /// 16: for the use of the site.
        Local0 = "local0",
        /// 17: for the use of the site.
        Local1 = "local1",
        /// 18: for the use of the site.
        Local2 = "local2",
        /// 19: for the use of the site.
        Local3 = "local3",
        /// 20: for the use of the site.
        Local4 = "local4",
        /// 21: for the use of the site.
        Local5 = "local5",
        /// 22: for the use of the site.
        Local6 = "local6",
        /// 23: for the use of the site.
        Local7 = "local7",
    }
}

impl Facility {
    /// The number in an entry.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Mail => 2,
            Self::Daemon => 3,
            Self::Auth => 4,
            Self::Printer => 6,
            Self::News => 7,
            Self::Uucp => 8,
            Self::Cron => 9,
            Self::AuthPrivate => 10,
            Self::Ftp => 11,
            Self::Local0 => 16,
            Self::Local1 => 17,
            Self::Local2 => 18,
            Self::Local3 => 19,
            Self::Local4 => 20,
            Self::Local5 => 21,
            Self::Local6 => 22,
            Self::Local7 => 23,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_a_priority_and_a_setting_changes_a_single_one() {
        let mut map = PriorityMap::default();
        let numbers = |map: &PriorityMap| Level::ALL.map(|level| map.of(level).number());
        assert_eq!(numbers(&map), [7, 7, 6, 4, 3, 2, 5, 1]);
        map.set(Level::Audit, Priority::Info);
        assert_eq!(numbers(&map), [7, 7, 6, 4, 3, 2, 6, 1]);
    }

    #[test]
    fn names_of_priorities_and_facilities_are_those_of_journalctl() {
        let numbers: Vec<_> = Priority::ALL.iter().map(|priority| priority.number()).collect();
        assert_eq!(numbers, (0..8).collect::<Vec<_>>());
        assert_eq!(Priority::NAMES, ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]);
        assert_eq!("local3".parse::<Facility>().map(Facility::number), Ok(19));
    }
}
