//! The level that the severity of a log record has.

use fapilog::Level;
use opentelemetry::logs::Severity;
use opentelemetry_sdk::logs::SdkLogRecord;

/// The level of a record: by its severity number, or else by the text of its severity. A record that has neither is INFO, and so is
/// one whose text is no level.
pub(crate) fn level_of_record(record: &SdkLogRecord) -> Level {
    match (record.severity_number(), record.severity_text()) {
        (Some(severity), _) => level_of(severity),
        (None, Some(text)) => level_of_text(text).unwrap_or(Level::Info),
        (None, None) => Level::Info,
    }
}

/// The text of a record's severity, unless it is a name of the level that the event has.
pub(crate) fn own_severity_text(record: &SdkLogRecord, level: Level) -> Option<&'static str> {
    let text = record.severity_text()?;
    let is_of_number = record.severity_number().is_some_and(|severity| severity.name().eq_ignore_ascii_case(text));
    (!is_of_number && level_of_text(text) != Some(level)).then_some(text)
}

/// The level of a severity. Severities of one range have one level.
pub(crate) fn level_of(severity: Severity) -> Level {
    match severity as u8 {
        0..=4 => Level::Trace,
        5..=8 => Level::Debug,
        9..=12 => Level::Info,
        13..=16 => Level::Warning,
        17..=20 => Level::Error,
        _ => Level::Critical,
    }
}

fn level_of_text(text: &str) -> Option<Level> {
    if text.eq_ignore_ascii_case("FATAL") { Some(Level::Critical) } else { text.parse().ok() }
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
            assert_eq!(level_of(severity), level, "{severity:?}");
        }
    }

    #[test]
    fn texts_of_severities_are_levels_in_any_case() {
        let levels = ["error", "WARN", "Fatal", "debug", "SEVERE", ""].map(level_of_text);
        let expected =
            [Some(Level::Error), Some(Level::Warning), Some(Level::Critical), Some(Level::Debug), None, None];
        assert_eq!(levels, expected);
    }
}
