//! Expressions over fields: `status >= 500 and path ~ "^/api"`.
//!
//! ```text
//! expression = term *("or" term)
//! term       = factor *("and" factor)
//! factor     = "not" factor / "(" expression ")" / condition
//! condition  = path                                        the field is there, and not null
//!            / path ("=" / "!=" / "<" / "<=" / ">" / ">=") value
//!            / path ("~" / "!~") text                      a regular expression matches, or does not
//!            / path ["not"] "in" "(" value *("," value) ")"
//! path       = name *("." name)
//! value      = number / duration / text / "true" / "false" / "null" / word
//! ```
//!
//! `==`, `&&`, `||` and `!` are other forms of `=`, `and`, `or` and `not`. A comparison with a field that is not there is not met, also
//! with `!=`, `!~` and `not in`.

mod compare;
mod error;
mod lex;
mod line_check;
mod literal;
mod parse;
mod path;

pub(crate) use compare::number_of;
pub(crate) use line_check::LineCheck;
pub(crate) use parse::parse;
pub(crate) use path::EventPath;

use regex::Regex;

use crate::{
    expression::{compare::FieldComparison, literal::ComparedValue},
    filter::{Needle, required_literal},
    json::{JsonKind, JsonValue},
    line::LogEvent,
};

/// An expression.
#[derive(Debug)]
pub(crate) enum WhereCondition {
    All(Vec<WhereCondition>),
    Any(Vec<WhereCondition>),
    Not(Box<WhereCondition>),
    Present(EventPath),
    Compare(EventPath, FieldComparison, ComparedValue),
    Match(EventPath, Regex),
    MatchNot(EventPath, Regex),
    In(EventPath, Vec<ComparedValue>),
    NotIn(EventPath, Vec<ComparedValue>),
}

impl WhereCondition {
    pub(crate) fn is_met_by(&self, event: LogEvent<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.is_met_by(event)),
            Self::Any(parts) => parts.iter().any(|part| part.is_met_by(event)),
            Self::Not(part) => !part.is_met_by(event),
            Self::Present(path) => path.find(event).is_some_and(|value| value.kind() != JsonKind::Null),
            Self::Compare(path, comparison, operand) => {
                path.find(event).is_some_and(|value| comparison.holds(value, path, operand))
            }
            Self::Match(path, regex) => path.find(event).is_some_and(|value| is_match(value, regex)),
            Self::MatchNot(path, regex) => path.find(event).is_some_and(|value| !is_match(value, regex)),
            Self::In(path, operands) => path.find(event).is_some_and(|value| is_in(value, path, operands)),
            Self::NotIn(path, operands) => path.find(event).is_some_and(|value| !is_in(value, path, operands)),
        }
    }

    /// Texts that stand in every line that meets the condition.
    pub(crate) fn needles(&self) -> Vec<Needle> {
        match self {
            Self::All(parts) => parts.iter().flat_map(Self::needles).collect(),
            Self::Any(_) | Self::Not(_) => Vec::new(),
            // A level and a time may be written in several ways.
            Self::Compare(path, FieldComparison::Equal, operand @ ComparedValue::Text(text))
                if !path.is_level() && operand.time().is_none() =>
            {
                path.needle().into_iter().chain(Needle::of_part(text)).collect()
            }
            Self::Match(path, regex) => {
                let literal = required_literal(regex.as_str()).and_then(|bytes| String::from_utf8(bytes).ok());
                path.needle().into_iter().chain(literal.and_then(|text| Needle::of_part(&text))).collect()
            }
            Self::Present(path)
            | Self::Compare(path, ..)
            | Self::MatchNot(path, _)
            | Self::In(path, _)
            | Self::NotIn(path, _) => path.needle().into_iter().collect(),
        }
    }
}

/// A text, a number or a Boolean matches by its text; lists and objects never do.
fn is_match(value: JsonValue<'_>, regex: &Regex) -> bool {
    !matches!(value.kind(), JsonKind::Array | JsonKind::Object | JsonKind::Null) && regex.is_match(&value.text())
}

fn is_in(value: JsonValue<'_>, path: &EventPath, operands: &[ComparedValue]) -> bool {
    operands.iter().any(|operand| FieldComparison::Equal.holds(value, path, operand))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Tape;

    const EVENT: &str = r#"{"timestamp":"2026-11-30T10:00:00.000000000Z","level":"WARNING","severity":5,"source":"api","target":"api::orders",
        "message":"slow \"order\"","correlation_id":"7f3a","context":{"status":503,"path":"/api/v1/orders","took":0.25,"ok":false,"none":null,
        "big":340282366920938463463374607431768211455,"http.method":"GET","user":{"id":7,"roles":["a"]},"text_number":"42"},
        "tags":{"region":"eu"},"metrics":{"latency_ms":3.5}}"#;

    fn is_met(expression: &str) -> bool {
        let mut tape = Tape::default();
        let line = EVENT.replace('\n', "");
        let object = crate::line::LogLine::read(line.as_bytes(), &mut tape);
        parse(expression).unwrap_or_else(|error| panic!("{error}")).is_met_by(object.event().unwrap())
    }

    #[test]
    fn fields_are_compared_by_their_kind() {
        for expression in [
            "status>=500",
            "status = 503",
            "status == 503.0",
            "status != 200",
            "context.status < 1e3",
            "took >= 250ms",
            "took < 0.3s",
            "took = 250000us",
            "metrics.latency_ms > 3.4 and metrics.latency_ms<3.6",
            "latency_ms=3.5",
            "big = 340282366920938463463374607431768211455",
            "big > 340282366920938463463374607431768211454",
            "text_number = 42",
            "text_number = '42'",
            "status = '503'",
            "ok = false",
            "none = null",
            "region = eu",
            "tags.region = \"eu\"",
            "http.method = GET",
            "context.http.method = GET",
            "user.id = 7",
            "context.user.id in (6, 7)",
            "level >= info and level < error",
            "level = warn",
            "timestamp >= '2026-11-30T11:00:00+01:00'",
            "timestamp < '2026-11-30T10:00:01Z'",
            "message = 'slow \"order\"'",
            "correlation_id = 7f3a",
        ] {
            assert!(is_met(expression), "{expression}");
        }
        for expression in
            ["status < 500", "took > 1s", "text_number = '42.0'", "ok = true", "level > warning", "user = 7"]
        {
            assert!(!is_met(expression), "{expression}");
        }
    }

    #[test]
    fn patterns_match_texts_and_numbers() {
        assert!(is_met(r#"path ~ "^/api/v\d/""#));
        assert!(is_met("status ~ '^5'"));
        assert!(is_met("path !~ admin"));
        assert!(!is_met("user ~ '7'"));
        assert!(is_met(r#"message ~ "\"order\"$""#));
    }

    #[test]
    fn conditions_are_joined_by_and_or_and_not() {
        assert!(is_met("status = 1 or region = eu and ok = false"));
        assert!(!is_met("(status = 1 or region = eu) and ok = true"));
        assert!(is_met("not status = 1 && !(region = us || ok = true)"));
        assert!(is_met("status in [500, 503] and region not in (us, ap)"));
    }

    #[test]
    fn a_bare_path_asks_whether_the_field_is_there() {
        assert!(is_met("status and ok and user.id and context.user"));
        assert!(!is_met("none"));
        assert!(!is_met("absent or tags.status or user.name"));
        assert!(is_met("not absent"));
    }

    #[test]
    fn no_comparison_with_an_absent_field_is_met() {
        for expression in
            ["absent = 1", "absent != 1", "absent !~ x", "absent not in (1)", "absent = null", "absent < 1"]
        {
            assert!(!is_met(expression), "{expression}");
        }
    }

    #[test]
    fn needles_are_texts_of_every_line_that_meets_the_condition() {
        let needles = |text| {
            let needles = parse(text).unwrap().needles().into_iter();
            needles.map(|needle| String::from_utf8(needle.bytes).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(needles("context.status >= 500 and path ~ '^/api'"), ["status\"", "path\"", "api"]);
        assert_eq!(needles("region = eu"), ["region\"", "eu"]);
        assert_eq!(needles("region = eu or status = 1"), [""; 0]);
        assert_eq!(needles("not region = eu"), [""; 0]);
    }
}
