//! The rate limits that Sentry asks for.

use std::time::{Duration, Instant};

/// The wait after a 429 that names none: that of Sentry's SDKs.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// The longest wait: that of `Retry-After` in other sinks.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// Until when error events and logs are not sent.
#[derive(Debug, Default)]
pub(crate) struct SentryLimits {
    errors: Option<Instant>,
    logs: Option<Instant>,
}

impl SentryLimits {
    /// How long a category has to wait.
    pub(crate) fn wait(&self, is_error: bool, now: Instant) -> Option<Duration> {
        let until = if is_error { self.errors } else { self.logs };
        until?.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// Reads the header `X-Sentry-Rate-Limits`: `seconds:category;category:scope:reason, ...`, where no category is every one.
    pub(crate) fn read(&mut self, header: &str, now: Instant) {
        for limit in header.split(',') {
            let mut parts = limit.trim().split(':');
            let seconds = parts.next().and_then(|text| text.trim().parse::<f64>().ok());
            let wait = match seconds {
                Some(seconds) => Duration::try_from_secs_f64(seconds.clamp(0.0, 1e6)).unwrap_or(DEFAULT_WAIT),
                None => continue,
            };
            for category in parts.next().unwrap_or_default().split(';') {
                match category.trim() {
                    "" | "all" => self.all(wait, now),
                    "error" | "default" => extend(&mut self.errors, wait, now),
                    "log_item" | "log_byte" => extend(&mut self.logs, wait, now),
                    _ => {}
                }
            }
        }
    }

    /// Sentry is busy, and its answer has no limits by category.
    pub(crate) fn busy(&mut self, wait: Option<Duration>, now: Instant) {
        self.all(wait.unwrap_or(DEFAULT_WAIT), now);
    }

    fn all(&mut self, wait: Duration, now: Instant) {
        extend(&mut self.errors, wait, now);
        extend(&mut self.logs, wait, now);
    }
}

/// Limits are never shortened by a later answer.
fn extend(until: &mut Option<Instant>, wait: Duration, now: Instant) {
    *until = (*until).max(now.checked_add(wait.min(WAIT_MAX)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(header: &str) -> [Option<u64>; 2] {
        let (mut limits, now) = (SentryLimits::default(), Instant::now());
        limits.read(header, now);
        [true, false].map(|is_error| limits.wait(is_error, now).map(|wait| wait.as_secs()))
    }

    #[test]
    fn limits_are_by_category() {
        assert_eq!(waits("60:error:organization:quota_exceeded"), [Some(60), None]);
        assert_eq!(
            waits("60:transaction;log_item:key, 2700:default;error;security:organization"),
            [Some(2700), Some(60)]
        );
        assert_eq!(waits("7:log_byte:project"), [None, Some(7)]);
        assert_eq!(waits("5::organization"), [Some(5), Some(5)]);
        assert_eq!(waits("9"), [Some(9), Some(9)]);
        assert_eq!(waits("60:transaction:key"), [None, None]);
        assert_eq!(waits("soon:error:key"), [None, None]);
        assert_eq!(waits("1e300:error:key"), [Some(3600), None]);
    }

    #[test]
    fn a_limit_ends_and_is_not_shortened() {
        let (mut limits, now) = (SentryLimits::default(), Instant::now());
        limits.busy(None, now);
        limits.read("1:error:key", now);
        let minute = Duration::from_secs(60);
        assert_eq!(limits.wait(true, now), Some(minute));
        assert_eq!(limits.wait(true, now + minute), None);
    }
}
