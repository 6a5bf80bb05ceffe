//! Arguments that are times, such as `90s`.

use std::time::Duration;

use jiff::SignedDuration;

/// Reads a time. The error has the allowed values; clap puts the argument and its value in front of it.
pub(super) fn time_of_at_least(least: Duration, text: &str) -> Result<Duration, String> {
    let time = text.trim().parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    time.filter(|time| *time >= least).ok_or_else(|| {
        format!(
            "it must be a number with a unit (ns, us, ms, s, m, h), such as 90s, 10m or 1h30m, and at least {least:?}"
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LEAST: Duration = Duration::from_millis(1);

    #[test]
    fn a_time_has_a_unit_and_is_not_too_short() {
        let seconds = |text| time_of_at_least(LEAST, text).map(|time| time.as_secs_f64());
        assert_eq!(["90s", "10m", "1h30m", " 1ms"].map(seconds), [Ok(90.0), Ok(600.0), Ok(5400.0), Ok(0.001)]);
        for text in ["5", "0s", "-5m", "10us", "", "soon", "1d", "99999999999999999999h"] {
            let error = seconds(text).unwrap_err();
            assert!(error.starts_with("it must be a number with a unit") && error.ends_with("at least 1ms"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_of_at_least_the_least_or_an_error(text in any::<String>()) {
            if let Ok(time) = time_of_at_least(LEAST, &text) {
                prop_assert!(time >= LEAST);
            }
        }

        #[test]
        fn every_time_in_milliseconds_is_read_back(millis in 1..u64::from(u32::MAX)) {
            prop_assert_eq!(time_of_at_least(LEAST, &format!("{millis}ms")), Ok(Duration::from_millis(millis)));
        }
    }
}
