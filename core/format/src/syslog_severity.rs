//! Severities of syslog.

use fapilog_record::level::Level;

/// The severity of a level in syslog (RFC 5424, table 2): from 7, debug, to 1, alert. No level is an emergency.
pub(crate) const fn syslog_severity(level: Level) -> u8 {
    match level {
        Level::Trace | Level::Debug => 7,
        Level::Info => 6,
        // Normal, but significant.
        Level::Audit => 5,
        Level::Warning => 4,
        Level::Error => 3,
        Level::Critical => 2,
        // Action must be taken at once.
        Level::Security => 1,
    }
}
