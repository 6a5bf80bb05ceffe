//! Priorities, as syslog numbers them.

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
    fn names_of_priorities_are_those_of_journalctl() {
        let numbers: Vec<_> = Priority::ALL.iter().map(|priority| priority.number()).collect();
        assert_eq!(numbers, (0..8).collect::<Vec<_>>());
        assert_eq!(Priority::NAMES, ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]);
    }
}
