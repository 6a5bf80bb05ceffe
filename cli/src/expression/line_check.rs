//! Checks of lines that are not parsed: whether a line may meet a condition.
//!
//! A key without escapes stands in its line as it is, behind it a colon, and then a number as it is. So a line in which each such key
//! has a number that does not fit is passed over. A line with a backslash may have any key, and is not.

use memchr::{memchr, memmem::Finder};

use crate::{
    expression::{
        EventPath, WhereCondition,
        compare::FieldComparison,
        literal::{ComparedValue, ExactNumber},
    },
    json::number_end,
};

/// The part of a condition that can be checked without the JSON of a line.
#[derive(Debug, Default)]
pub(crate) enum LineCheck {
    /// Any line may meet it.
    #[default]
    Open,
    All(Vec<LineCheck>),
    Any(Vec<LineCheck>),
    Key(Box<KeyCheck>),
}

/// A key must be there, and for some conditions a number that fits, or a value of another kind.
#[derive(Debug)]
pub(crate) struct KeyCheck {
    /// The end of the key, with its quote: a key may have dots, which part it from those around it.
    key_end: Finder<'static>,
    number: Option<NumberCheck>,
}

#[derive(Debug)]
enum NumberCheck {
    Compared(FieldComparison, ExactNumber),
    Among(Vec<ExactNumber>),
    NotAmong(Vec<ExactNumber>),
}

impl LineCheck {
    pub(crate) fn of(condition: &WhereCondition) -> Self {
        match condition {
            WhereCondition::All(parts) => Self::all(parts),
            WhereCondition::Any(parts) => Self::any(parts.iter().map(Self::of).collect()),
            WhereCondition::Not(_) => Self::Open,
            WhereCondition::Compare(path, comparison, ComparedValue::Number(number)) => {
                Self::key(path, Some(NumberCheck::Compared(*comparison, *number)))
            }
            WhereCondition::In(path, operands) => Self::key(path, numbers(operands).map(NumberCheck::Among)),
            WhereCondition::NotIn(path, operands) => Self::key(path, numbers(operands).map(NumberCheck::NotAmong)),
            WhereCondition::Present(path)
            | WhereCondition::Compare(path, ..)
            | WhereCondition::Match(path, _)
            | WhereCondition::MatchNot(path, _) => Self::key(path, None),
        }
    }

    /// The check of conditions that must all be met.
    pub(crate) fn all(parts: &[WhereCondition]) -> Self {
        Self::All(parts.iter().map(Self::of).filter(|part| !matches!(part, Self::Open)).collect())
    }

    fn any(parts: Vec<Self>) -> Self {
        if parts.iter().any(|part| matches!(part, Self::Open)) { Self::Open } else { Self::Any(parts) }
    }

    fn key(path: &EventPath, number: Option<NumberCheck>) -> Self {
        let key_end = Finder::new(&format!("{}\"", path.last_name())).into_owned();
        Self::Key(Box::new(KeyCheck { key_end, number }))
    }

    /// `false` only if the line does not meet the condition.
    #[inline]
    pub(crate) fn may_match(&self, line: &[u8]) -> bool {
        match self {
            Self::Open => true,
            Self::All(parts) if parts.is_empty() => true,
            _ => memchr(b'\\', line).is_some() || self.may_match_unescaped(line),
        }
    }

    fn may_match_unescaped(&self, line: &[u8]) -> bool {
        match self {
            Self::Open => true,
            Self::All(parts) => parts.iter().all(|part| part.may_match_unescaped(line)),
            Self::Any(parts) => parts.iter().any(|part| part.may_match_unescaped(line)),
            Self::Key(key) => key.may_match(line),
        }
    }
}

/// The operands, if all are numbers.
fn numbers(operands: &[ComparedValue]) -> Option<Vec<ExactNumber>> {
    let number = |operand: &ComparedValue| match operand {
        ComparedValue::Number(number) => Some(*number),
        _ => None,
    };
    operands.iter().map(number).collect()
}

impl KeyCheck {
    fn may_match(&self, line: &[u8]) -> bool {
        let end = self.key_end.needle().len();
        self.key_end.find_iter(line).any(|at| self.may_match_behind(line, at + end))
    }

    /// Whether the value behind the end of a key may fit. A text has no colon behind it.
    fn may_match_behind(&self, line: &[u8], key_end: usize) -> bool {
        let colon = skip_spaces(line, key_end);
        if line.get(colon) != Some(&b':') {
            return false;
        }
        let Some(number) = &self.number else { return true };
        let start = skip_spaces(line, colon + 1);
        match number_at(line, start) {
            Some(found) => number.is_met_by(found),
            None => true,
        }
    }
}

impl NumberCheck {
    fn is_met_by(&self, found: ExactNumber) -> bool {
        match self {
            Self::Compared(comparison, number) => comparison.accepts(found.partial_cmp(number)),
            Self::Among(numbers) => numbers.contains(&found),
            Self::NotAmong(numbers) => !numbers.contains(&found),
        }
    }
}

fn number_at(line: &[u8], start: usize) -> Option<ExactNumber> {
    if !matches!(line.get(start), Some(b'-' | b'0'..=b'9')) {
        return None;
    }
    let digits = line.get(start..number_end(line, start)?)?;
    ExactNumber::parse(std::str::from_utf8(digits).ok()?)
}

fn skip_spaces(line: &[u8], start: usize) -> usize {
    let tail = line.get(start..).unwrap_or_default();
    start + tail.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::parse;

    fn may_match(expression: &str, line: &str) -> bool {
        LineCheck::of(&parse(expression).unwrap()).may_match(line.as_bytes())
    }

    #[test]
    fn a_line_whose_numbers_do_not_fit_is_passed_over() {
        let line = r#"{"level":"INFO","message":"status","context":{"status" : 404,"ms":20.25},"metrics":{"n":-0}}"#;
        for expression in [
            "status >= 500",
            "ms > 20.25",
            "status in (500, 503)",
            "status not in (404)",
            "status != 404",
            "absent",
            "absent = 1 or status < 404",
            "ms < 100 and status > 404",
            "n != 0",
            "n < 0",
        ] {
            assert!(!may_match(expression, line), "{expression}");
        }
        for expression in [
            "status >= 404",
            "status in (404, '404')",
            "not status = 1",
            "not status = 1 or absent",
            "ms ~ x",
            "absent or ms = 2025e-2",
            "n = 0",
        ] {
            assert!(may_match(expression, line), "{expression}");
        }
    }

    #[test]
    fn a_value_of_another_kind_and_a_line_with_escapes_may_match() {
        for line in [r#"{"status":"503"}"#, r#"{"status":null}"#, r#"{"status":{}}"#, r#"{"a":"\"","b":1}"#] {
            assert!(may_match("status >= 500", line), "{line}");
        }
    }

    #[test]
    fn each_key_of_a_line_counts() {
        assert!(may_match("status >= 500", r#"{"http":{"status":200},"up.status":503}"#));
        assert!(may_match("status >= 500", r#"{"exit_status":503,"status":200}"#));
    }
}
