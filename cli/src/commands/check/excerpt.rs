//! The line of a file with a caret below a value.

use std::fmt::Write as _;

use fapilog::{format::is_control, privacy::REDACTED, settings::redact_text};

/// The widest line that is shown whole, in characters.
const LINE_CHARS_MAX: usize = 120;

/// A value's place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ValuePlace {
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
}

impl ValuePlace {
    /// The place behind the name of a file: the `:3:10` of `log.toml:3:10; sinks given by ...`.
    pub(super) fn read(behind_name: &str) -> Option<Self> {
        let (line, tail) = leading_number(behind_name.strip_prefix(':')?)?;
        let (column, _) = leading_number(tail.strip_prefix(':')?)?;
        Some(Self { line, column })
    }

    /// The line with carets below the value; or below the name `name` in front of the value, if it stands on that line. Secrets of the
    /// line are left out, and so is all from the value on if the value is one.
    pub(super) fn excerpt(self, text: &str, name: Option<&str>, is_secret: bool) -> Option<Excerpt> {
        let line = text.lines().nth(self.line.checked_sub(1)?)?;
        let (line, start) = without_secrets(line, self.column.checked_sub(1)?, is_secret);
        let value = (start, value_chars(line.get(start..).unwrap_or_default()));
        let (start, chars) = name.and_then(|name| name_before(&line, start, name)).unwrap_or(value);
        Some(Excerpt::new(self.line, &line, start, chars.max(1)))
    }
}

/// The line without secrets, and the place of the value in it: what is hidden in front of a value moves it.
fn without_secrets(line: &str, start: usize, is_secret: bool) -> (Vec<char>, usize) {
    let (before, value) = line.split_at(line.char_indices().nth(start).map_or(line.len(), |(at, _)| at));
    let before = redact_text(before);
    let whole =
        if is_secret && !value.is_empty() { format!("{before}{REDACTED}") } else { redact_text(line).into_owned() };
    (whole.chars().collect(), before.chars().count().min(whole.chars().count()))
}

fn leading_number(text: &str) -> Option<(usize, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, tail) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, tail))
}

/// How many characters of a line belong to the value at its beginning.
fn value_chars(line: &[char]) -> usize {
    match line.first() {
        Some(quote @ ('"' | '\'')) => quoted_chars(line, *quote),
        Some('[' | '{') => bracket_chars(line),
        _ => {
            let end = line.iter().position(|c| ",]}#".contains(*c)).unwrap_or(line.len());
            let value = line.get(..end).unwrap_or_default();
            value.iter().rposition(|c| !c.is_whitespace()).map_or(0, |last| last + 1)
        }
    }
}

fn quoted_chars(line: &[char], quote: char) -> usize {
    let mut is_escaped = false;
    let behind = line.iter().skip(1).position(|c| {
        let is_end = *c == quote && !is_escaped;
        is_escaped = quote == '"' && *c == '\\' && !is_escaped;
        is_end
    });
    behind.map_or(line.len(), |end| end + 2)
}

/// As far as the bracket that closes the first, or the end of the line.
fn bracket_chars(line: &[char]) -> usize {
    let mut depth = 0_usize;
    let close = line.iter().position(|c| {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    });
    close.map_or(line.len(), |end| end + 1)
}

/// The place of a name in front of its value: `name =` or `"name":`.
fn name_before(line: &[char], end: usize, name: &str) -> Option<(usize, usize)> {
    let name: Vec<char> = name.chars().collect();
    let before = line.get(..end)?;
    let start = before.windows(name.len().max(1)).rposition(|part| part == name.as_slice())?;
    Some((start, name.len()))
}

/// A line, and the part of it that is marked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) line_number: usize,
    pub(super) line: String,
    /// Spaces and carets.
    pub(super) carets: String,
}

impl Excerpt {
    fn new(line_number: usize, line: &[char], start: usize, chars: usize) -> Self {
        // The front of a long line is left out, if the value lies behind it.
        let first = if start + chars > LINE_CHARS_MAX { start.saturating_sub(LINE_CHARS_MAX / 4) } else { 0 };
        let shown = line.iter().skip(first).take(LINE_CHARS_MAX);
        let mut text = if first > 0 { "...".to_owned() } else { String::new() };
        let indent = start - first + text.len();
        shown.for_each(|c| text.push(printable(*c)));
        if line.len() > first + LINE_CHARS_MAX {
            text.push_str("...");
        }
        let marked = chars.min((first + LINE_CHARS_MAX).saturating_sub(start)).max(1);
        Self { line_number, line: text, carets: format!("{}{}", " ".repeat(indent), "^".repeat(marked)) }
    }

    /// The lines of the excerpt, as rustc prints them.
    pub(super) fn write(&self, place: &str, out: &mut String) {
        let number = self.line_number.to_string();
        let margin = " ".repeat(number.len());
        let Self { line, carets, .. } = self;
        let _ = write!(out, "{margin}--> {place}\n{margin} |\n{number} | {line}\n{margin} | {carets}\n");
    }
}

/// A tab is as wide as a space, so that the carets stand below the value; control characters do not reach the terminal.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if is_control(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_place_in_any_text_has_an_excerpt_of_printable_characters_or_none(
            text in any::<String>(),
            line in 0_usize..5,
            column in 0_usize..300,
            name in prop::option::of(any::<String>()),
            is_secret in any::<bool>(),
        ) {
            if let Some(excerpt) = (ValuePlace { line, column }).excerpt(&text, name.as_deref(), is_secret) {
                prop_assert!(!excerpt.line.chars().any(is_control));
                prop_assert!(excerpt.carets.ends_with('^'));
            }
        }

        #[test]
        fn any_text_behind_a_name_is_a_place_or_none(text in any::<String>()) {
            let _ = ValuePlace::read(&text);
        }
    }

    fn marked(text: &str, line: usize, column: usize, name: Option<&str>) -> String {
        let excerpt = ValuePlace { line, column }.excerpt(text, name, false).unwrap();
        let marks = excerpt.line.chars().zip(excerpt.carets.chars());
        marks.filter(|(_, caret)| *caret == '^').map(|(c, _)| c).collect()
    }

    #[test]
    fn a_place_is_read_from_behind_the_name_of_a_file() {
        let cases = [":3:10", ":3:10; sinks given by file a.toml:1:9"];
        assert!(cases.iter().all(|text| ValuePlace::read(text) == Some(ValuePlace { line: 3, column: 10 })));
        assert_eq!(["", "3:10", ":3", ":x:1"].map(ValuePlace::read), [None; 4]);
    }

    #[test]
    fn the_value_is_marked_and_nothing_beside_it() {
        let cases = [
            ("shards = 100  # many", 10, "100"),
            ("a = \"x \\\" # y\" # z", 5, "\"x \\\" # y\""),
            ("a = ['x]', [1]] # z", 5, "['x]"),
            ("{ \"a\": { \"b\": 1 }, \"c\": 2 }", 8, "{ \"b\": 1 }"),
            ("  level: loud ", 10, "loud"),
            ("ü = true, b = 1", 5, "true"),
            ("a = ", 5, ""),
        ];
        for (line, column, expected) in cases {
            assert_eq!(marked(line, 1, column, None), expected, "{line}");
        }
    }

    #[test]
    fn a_name_is_marked_where_it_stands_in_front_of_the_value() {
        assert_eq!(marked("a = 1\nbtach_size = 5", 2, 14, Some("btach_size")), "btach_size");
        assert_eq!(marked("{ \"x\": 1,\n  \"btach_size\": 5 }", 2, 17, Some("btach_size")), "btach_size");
        assert_eq!(marked("[table]", 1, 1, Some("absent")), "[table]");
    }

    #[test]
    fn a_long_line_is_cut_around_the_value_and_control_characters_are_replaced() {
        let line = format!("{}a = \x1b[31m{}", "x".repeat(500), "y".repeat(500));
        let excerpt = ValuePlace { line: 1, column: 505 }.excerpt(&line, None, false).unwrap();
        assert!(excerpt.line.starts_with("...x") && excerpt.line.ends_with("y..."), "{}", excerpt.line);
        assert!(!excerpt.line.contains('\x1b') && excerpt.line.chars().count() < 130);
        assert!(excerpt.carets.trim_start().len() <= LINE_CHARS_MAX);
    }

    #[test]
    fn a_secret_is_left_out_of_the_line_that_is_shown() {
        let shown = |line: &str, column, name, is_secret| {
            let excerpt = ValuePlace { line: 1, column }.excerpt(line, name, is_secret).unwrap();
            (excerpt.line, excerpt.carets.trim_start().len())
        };
        let line = "key = \"hunter2\" # or hunter3";
        assert_eq!(shown(line, 7, None, true), ("key = [redacted]".to_owned(), 10));
        assert_eq!(shown(line, 7, Some("key"), true), ("key = [redacted]".to_owned(), 3));
        let line = "a = { token = \"hunter2\", level = 5 }";
        let expected = "a = { token = \"[redacted]\", level = 5 }";
        assert_eq!(shown(line, 34, None, false), (expected.to_owned(), 1));
        assert_eq!(marked(line, 1, 34, None), "5");
        let line = "level = \"https://u:hunter2@host\"";
        assert_eq!(shown(line, 9, None, false), ("level = \"https://[redacted]@host\"".to_owned(), 25));
    }

    #[test]
    fn a_place_outside_the_text_has_no_excerpt() {
        assert_eq!(ValuePlace { line: 9, column: 1 }.excerpt("a = 1", None, false), None);
        assert_eq!(ValuePlace { line: 0, column: 1 }.excerpt("a = 1", None, false), None);
    }
}
