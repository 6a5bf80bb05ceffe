//! Heads of lines: `format::Json` writes time and level first, always in the same form.
//!
//! ```text
//! {"timestamp":"2026-11-30T10:00:00.000000000Z","level":"INFO",...
//! ```
//!
//! Times of this form are in the order of their bytes. A line of any other form may match.

use fapilog::Level;
use jiff::Timestamp;

use crate::filter::levels::LevelRange;

const BEFORE_TIME: &[u8] = br#"{"timestamp":""#;
const BEFORE_LEVEL: &[u8] = br#"","level":""#;
/// `2026-11-30T10:00:00.000000000Z`.
const TIME_BYTES: usize = 30;

/// The part of a filter that the head of a line decides.
#[derive(Debug, Default)]
pub(super) struct HeadFilter {
    levels: Option<LevelRange>,
    since: Option<[u8; TIME_BYTES]>,
    until: Option<[u8; TIME_BYTES]>,
}

impl HeadFilter {
    pub(super) fn new(levels: Option<LevelRange>, since: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        Self { levels, since: since.and_then(written), until: until.and_then(written) }
    }

    /// Whether a line may match: `false` only if its head shows that it does not.
    #[inline]
    pub(super) fn may_match(&self, line: &[u8]) -> bool {
        if self.levels.is_none() && self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Some((time, level)) = head(line) else { return true };
        self.levels.is_none_or(|levels| may_have_level(levels, level)) && self.may_have_time(time)
    }

    fn may_have_time(&self, time: &[u8; TIME_BYTES]) -> bool {
        if self.since.is_none() && self.until.is_none() || !is_sortable(time) {
            return true;
        }
        self.since.is_none_or(|since| since <= *time) && self.until.is_none_or(|until| *time <= until)
    }
}

/// The time, and the line from the level's name on.
#[inline]
fn head(line: &[u8]) -> Option<(&[u8; TIME_BYTES], &[u8])> {
    let (time, tail) = line.strip_prefix(BEFORE_TIME)?.split_first_chunk::<TIME_BYTES>()?;
    Some((time, tail.strip_prefix(BEFORE_LEVEL)?))
}

/// The names of levels differ in their first letters.
#[inline]
fn may_have_level(levels: LevelRange, tail: &[u8]) -> bool {
    let level = match tail.first() {
        Some(b'T') => Level::Trace,
        Some(b'D') => Level::Debug,
        Some(b'I') => Level::Info,
        Some(b'W') => Level::Warning,
        Some(b'E') => Level::Error,
        Some(b'C') => Level::Critical,
        Some(b'A') => Level::Audit,
        Some(b'S') => Level::Security,
        _ => return true,
    };
    let is_whole = tail.strip_prefix(level.name().as_bytes()).is_some_and(|tail| tail.starts_with(b"\""));
    levels.has(level) || !is_whole
}

/// Whether a time has the one form whose order is that of its bytes. A leap second has not.
fn is_sortable(time: &[u8; TIME_BYTES]) -> bool {
    const FORM: &[u8; TIME_BYTES] = b"0000-00-00T00:00:00.000000000Z";
    let has_form = time.iter().zip(FORM).all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    });
    has_form && time.get(17) < Some(&b'6')
}

/// A time in that form; `None` beyond the years 0 to 9999.
fn written(time: Timestamp) -> Option<[u8; TIME_BYTES]> {
    let text = format!("{time:.9}");
    text.as_bytes().try_into().ok().filter(is_sortable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(time: &str, level: &str) -> Vec<u8> {
        format!(r#"{{"timestamp":"{time}","level":"{level}","message":"x"}}"#).into_bytes()
    }

    #[test]
    fn a_head_of_another_level_or_time_rules_its_line_out() {
        let levels: LevelRange = "warn..error".parse().unwrap();
        let bound = |text: &str| Some(text.parse().unwrap());
        let head = HeadFilter::new(Some(levels), bound("2026-11-30T10:00:00Z"), bound("2026-11-30T11:00:00Z"));
        let time = "2026-11-30T10:30:00.000000000Z";
        assert!(head.may_match(&line(time, "WARNING")));
        assert!(!head.may_match(&line(time, "INFO")));
        assert!(!head.may_match(&line("2026-11-30T09:59:59.999999999Z", "ERROR")));
        assert!(!head.may_match(&line("2026-11-30T11:00:00.000000001Z", "ERROR")));
    }

    #[test]
    fn a_line_of_another_form_may_match() {
        let since = Some("2026-11-30T10:00:00Z".parse().unwrap());
        let head = HeadFilter::new(Some("error".parse().unwrap()), since, None);
        for (time, level) in [
            ("2026-11-30T09:30:00.0000-05:00", "ERROR"),
            ("2026-11-30T09:59:60.000000000Z", "ERROR"),
            ("2026-11-30T10:00:00.000000000Z", "error"),
            ("2026-11-30T10:00:00.000000000Z", "INFORMATIONAL"),
        ] {
            assert!(head.may_match(&line(time, level)), "{time} {level}");
        }
        assert!(head.may_match(b"plain text"));
    }
}
