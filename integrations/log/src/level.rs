//! Levels of both libraries.

use fapilog::{Level, level::LevelFilter};

/// The level of a record's event.
pub(crate) fn from_log(level: log::Level) -> Level {
    match level {
        log::Level::Error => Level::Error,
        log::Level::Warn => Level::Warning,
        log::Level::Info => Level::Info,
        log::Level::Debug => Level::Debug,
        log::Level::Trace => Level::Trace,
    }
}

/// The level of an event's record. `log` has none above `Error`.
pub(crate) fn to_log(level: Level) -> log::Level {
    match level {
        Level::Trace => log::Level::Trace,
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warning => log::Level::Warn,
        Level::Error | Level::Critical | Level::Audit | Level::Security => log::Level::Error,
    }
}

/// The filter that lets through what a container logs.
pub(crate) fn filter_to_log(filter: LevelFilter) -> log::LevelFilter {
    match filter {
        LevelFilter::AtLeast(least) if least <= Level::Error => to_log(least).to_level_filter(),
        // No record has a level above `Error`.
        LevelFilter::AtLeast(_) | LevelFilter::Off => log::LevelFilter::Off,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_lets_through_the_records_that_the_container_logs_and_no_others() {
        for least in Level::ALL {
            let (ours, theirs) = (LevelFilter::AtLeast(least), filter_to_log(LevelFilter::AtLeast(least)));
            for level in log::Level::iter() {
                assert_eq!(level <= theirs, ours.passes(from_log(level)), "{least} {level}");
            }
        }
        assert_eq!(filter_to_log(LevelFilter::Off), log::LevelFilter::Off);
    }

    #[test]
    fn levels_come_back_as_they_went() {
        log::Level::iter().for_each(|level| assert_eq!(to_log(from_log(level)), level));
    }
}
