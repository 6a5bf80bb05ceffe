//! The level that a severity of OpenTelemetry has.

use fapilog::Level;
use opentelemetry::logs::Severity;

/// The level of a log record. Severities of one range have one level; a record without a severity is INFO.
pub(crate) fn level_of(severity: Option<Severity>) -> Level {
    match severity.map_or(Severity::Info as u8, |severity| severity as u8) {
        0..=4 => Level::Trace,
        5..=8 => Level::Debug,
        9..=12 => Level::Info,
        13..=16 => Level::Warning,
        17..=20 => Level::Error,
        _ => Level::Critical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_of_one_range_have_one_level() {
        let cases = [
            (Severity::Trace, Level::Trace),
            (Severity::Trace4, Level::Trace),
            (Severity::Debug, Level::Debug),
            (Severity::Info4, Level::Info),
            (Severity::Warn, Level::Warning),
            (Severity::Error, Level::Error),
            (Severity::Error4, Level::Error),
            (Severity::Fatal, Level::Critical),
            (Severity::Fatal4, Level::Critical),
        ];
        for (severity, level) in cases {
            assert_eq!(level_of(Some(severity)), level, "{severity:?}");
        }
        assert_eq!(level_of(None), Level::Info);
    }
}
