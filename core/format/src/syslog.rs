//! Severities and facilities of syslog (RFC 5424, section 6.2.1), which journald and GELF use, too.

use fapilog_plugin::named_enum;
use fapilog_record::level::Level;

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

impl Facility {
    /// The number in a message, 0 to 23.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// The severity of a level (table 2): from 7, debug, to 1, alert. No level is 0, an emergency.
#[must_use]
pub const fn severity(level: Level) -> u8 {
    match level {
        Level::Trace | Level::Debug => 7,
        Level::Info => 6,
        // Normal but significant: an action with its author.
        Level::Audit => 5,
        Level::Warning => 4,
        Level::Error => 3,
        Level::Critical => 2,
        // Action must be taken at once.
        Level::Security => 1,
    }
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
            assert_eq!(facility.number(), number);
        }
    }
}
