//! Names of objects, with placeholders.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fapilog_plugin::{
    timestamp::Timestamp,
    uuid_v7::{UuidV7, random_part},
};

/// The rule of a name, for errors.
pub(crate) const NAME_RULE: &str = "it must be a path of letters, digits and -_.=+@ with the placeholder {id}, and may have {date}, {year}, \
     {month}, {day}, {hour} and {host}";

/// The longest name that a template may lead to. S3, Azure and Google allow 1024 bytes.
const NAME_BYTES_MAX: usize = 900;

/// The most characters of the host in a name.
const HOST_CHARS_MAX: usize = 64;

/// The template of names, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameTemplate {
    parts: Vec<NamePart>,
    host: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum NamePart {
    Text(String),
    Date,
    Year,
    Month,
    Day,
    Hour,
    Host,
    Id,
}

impl NameTemplate {
    /// Reads a template. `None`: it breaks the [rule](NAME_RULE).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut left = text;
        while let Some((front, behind)) = left.split_once('{') {
            let (name, behind) = behind.split_once('}')?;
            parts.push(NamePart::Text(front.to_owned()));
            parts.push(NamePart::of_name(name)?);
            left = behind;
        }
        parts.push(NamePart::Text(left.to_owned()));
        let template = Self { parts, host: host() };
        let sample = template.name(UNIX_EPOCH, "");
        let is_path = sample.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
        let is_valid = is_path && sample.len() <= NAME_BYTES_MAX && sample.chars().all(is_allowed);
        (is_valid && template.parts.contains(&NamePart::Id)).then_some(template)
    }

    /// A name that no other object has: with an id that is made for it.
    pub(crate) fn name(&self, time: SystemTime, suffix: &str) -> String {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        let id = UuidV7::new(Timestamp::from_unix_nanos(nanos), random_part()).to_string();
        let date = CivilHour::of(since.as_secs());
        let mut name = String::new();
        for part in &self.parts {
            match part {
                NamePart::Text(text) => name.push_str(text),
                NamePart::Date => name.push_str(&format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)),
                NamePart::Year => name.push_str(&format!("{:04}", date.year)),
                NamePart::Month => name.push_str(&format!("{:02}", date.month)),
                NamePart::Day => name.push_str(&format!("{:02}", date.day)),
                NamePart::Hour => name.push_str(&format!("{:02}", date.hour)),
                NamePart::Host => name.push_str(&self.host),
                NamePart::Id => name.push_str(&id),
            }
        }
        name.push_str(suffix);
        name
    }
}

impl NamePart {
    fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "date" => Self::Date,
            "year" => Self::Year,
            "month" => Self::Month,
            "day" => Self::Day,
            "hour" => Self::Hour,
            "host" => Self::Host,
            "id" => Self::Id,
            _ => return None,
        })
    }
}

/// The characters that all stores take, and that no URL encodes in two ways.
fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/-_.=+@".contains(c)
}

/// The node name of `uname(2)`, with `_` for characters that names do not have.
fn host() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' };
    let host: String = host.chars().take(HOST_CHARS_MAX).map(plain).collect();
    let is_path_step = host.chars().all(|c| c == '.');
    if is_path_step { "unknown".to_owned() } else { host }
}

/// An hour of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CivilHour {
    pub(crate) year: u64,
    pub(crate) month: u64,
    pub(crate) day: u64,
    pub(crate) hour: u64,
}

impl CivilHour {
    /// The hour of a second since 1970. By `civil_from_days` of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    pub(crate) fn of(second: u64) -> Self {
        let days = second / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        Self { year, month, day, hour: second % 86_400 / 3600 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_those_of_the_calendar() {
        let hour = |second| {
            let found = CivilHour::of(second);
            (found.year, found.month, found.day, found.hour)
        };
        assert_eq!(hour(0), (1970, 1, 1, 0));
        assert_eq!(hour(951_782_399), (2000, 2, 28, 23));
        assert_eq!(hour(951_782_400), (2000, 2, 29, 0));
        assert_eq!(hour(1_735_689_599), (2024, 12, 31, 23));
        assert_eq!(hour(1_796_095_800), (2026, 12, 1, 3));
        assert_eq!(hour(4_107_542_400), (2100, 3, 1, 0));
    }

    #[test]
    fn placeholders_are_filled_and_two_names_differ() {
        let template = NameTemplate::parse("logs/y={year}/m={month}/d={day}/{hour}/{date}-{id}.log").unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(1_796_095_800);
        let name = template.name(time, ".zst");
        assert!(name.starts_with("logs/y=2026/m=12/d=01/03/2026-12-01-01"), "{name}");
        assert!(name.ends_with(".log.zst"), "{name}");
        assert_ne!(name, template.name(time, ".zst"));
    }

    #[test]
    fn a_template_without_an_id_or_with_other_characters_is_refused() {
        for text in
            ["", "{date}", "/{id}", "a//{id}", "{id}/", "../{id}", "a/./{id}", "{id", "{it}{id}", "a b{id}", "é{id}"]
        {
            assert_eq!(NameTemplate::parse(text), None, "{text}");
        }
        assert_eq!(NameTemplate::parse(&format!("{}{{id}}", "a".repeat(900))), None);
    }
}
