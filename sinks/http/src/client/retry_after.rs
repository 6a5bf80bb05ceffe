//! The header `Retry-After` (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

/// The longest wait that a destination may ask for. A longer one is cut: an error in its clock would stop the delivery for years.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// The wait of a value: seconds, or a date, which is compared with `now`. A date that is over is no wait.
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number has is long, too.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Option<u64> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        retry_after(value, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_of_all_three_forms_are_read() {
        assert_eq!(of("120"), Some(120));
        assert_eq!(of(" 0 "), Some(0));
        // 784,111,777 is Sun, 06 Nov 1994 08:49:37 GMT.
        for date in ["Sun, 06 Nov 1994 08:49:47 GMT", "Sunday, 06-Nov-94 08:49:47 GMT", "Sun Nov  6 08:49:47 1994"] {
            assert_eq!(of(date), Some(10), "{date}");
        }
    }

    #[test]
    fn a_date_that_is_over_is_no_wait_and_a_long_wait_is_cut() {
        assert_eq!(of("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(of("86400"), Some(3600));
        assert_eq!(of("99999999999999999999999"), Some(3600));
        assert_eq!(of("Sat, 06 Nov 2094 08:49:37 GMT"), Some(3600));
    }

    #[test]
    fn other_values_are_ignored() {
        for value in ["", "soon", "-1", "1.5", "+3"] {
            assert_eq!(of(value), None, "{value}");
        }
    }
}
