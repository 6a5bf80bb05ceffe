//! Dates of HTTP, such as `Sun, 06 Nov 1994 08:49:37 GMT`.

use std::time::SystemTime;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The date of a header, by RFC 9110.
pub(super) fn http_date(date: SystemTime) -> String {
    let seconds = date.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let weekday = DAYS.get(usize::try_from(seconds / 86_400 % 7).unwrap_or(0)).unwrap_or(&"Thu");
    // 1994-11-06T08:49:37Z
    let text = humantime::format_rfc3339_seconds(date).to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse().ok().and_then(|month: usize| MONTHS.get(month - 1)).unwrap_or(&"Jan");
    format!("{weekday}, {} {month} {} {} GMT", part(8, 10), part(0, 4), part(11, 19))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_date_has_the_format_of_the_standard_s_example() {
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(http_date(date), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
