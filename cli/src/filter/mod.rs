//! Filters: which lines match.
//!
//! [`LineFilter::matches`] is the whole truth about a line. [`LineFilter::next_candidate`] skips lines that cannot match
//! without a look at their JSON; it never skips one that matches.

mod arguments;
mod candidates;
mod head;
mod levels;
mod needles;
mod times;

pub(crate) use arguments::FilterArguments;
#[cfg(feature = "audit-query")]
pub(crate) use arguments::time_bounds;
pub(crate) use candidates::CandidateScan;
pub(crate) use levels::LevelRange;
pub(crate) use needles::{Needle, required_literal};
pub(crate) use times::parse_time;

use std::ops::Range;

use jiff::Timestamp;
use regex::bytes::Regex;

use crate::{
    expression::{LineCheck, WhereCondition},
    filter::{candidates::Candidates, head::HeadFilter},
    line::{LogEvent, LogLine, key},
};

/// All conditions that a line must meet.
#[derive(Debug, Default)]
pub(crate) struct LineFilter {
    conditions: FilterConditions,
    candidates: Candidates,
}

/// The conditions of a filter. An empty one is met by every line.
#[derive(Debug, Default)]
pub(crate) struct FilterConditions {
    pub(crate) levels: Option<LevelRange>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    /// Any of these.
    pub(crate) sources: Vec<String>,
    /// Any of these modules, and the modules in them.
    pub(crate) targets: Vec<String>,
    pub(crate) correlation_id: Option<String>,
    /// Each of these, in the line as it stands.
    pub(crate) patterns: Vec<Regex>,
    /// Each of these.
    pub(crate) expressions: Vec<WhereCondition>,
}

impl LineFilter {
    pub(crate) fn new(conditions: FilterConditions) -> Self {
        let head = HeadFilter::new(conditions.levels, conditions.since, conditions.until);
        let check = LineCheck::all(&conditions.expressions);
        Self { candidates: Candidates::new(conditions.needles(), head, check), conditions }
    }

    /// Whether every line matches.
    pub(crate) fn is_empty(&self) -> bool {
        !self.conditions.asks_for_events() && self.conditions.patterns.is_empty()
    }

    /// The next line of the block that may match, from the start of a line on.
    pub(crate) fn next_candidate(&self, scan: &mut CandidateScan, block: &[u8], from: usize) -> Option<Range<usize>> {
        self.candidates.next(scan, block, from)
    }

    /// Whether a line matches. Plain text meets no condition on an event.
    pub(crate) fn matches(&self, line: &LogLine<'_>) -> bool {
        let conditions = &self.conditions;
        conditions.patterns.iter().all(|pattern| pattern.is_match(line.bytes()))
            && match line.event() {
                Some(event) => conditions.are_met_by(event),
                None => !conditions.asks_for_events(),
            }
    }
}

impl FilterConditions {
    fn asks_for_events(&self) -> bool {
        self.levels.is_some()
            || self.since.is_some()
            || self.until.is_some()
            || self.correlation_id.is_some()
            || !(self.sources.is_empty() && self.targets.is_empty() && self.expressions.is_empty())
    }

    fn are_met_by(&self, event: LogEvent<'_>) -> bool {
        self.levels.is_none_or(|levels| event.level().is_some_and(|level| levels.has(level)))
            && self.has_time_of(event)
            && self.correlation_id.as_ref().is_none_or(|id| event.text(key::CORRELATION_ID).is_some_and(|it| it == *id))
            && self.has_source_of(event)
            && self.has_target_of(event)
            && self.expressions.iter().all(|condition| condition.is_met_by(event))
    }

    fn has_time_of(&self, event: LogEvent<'_>) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        event.time().is_some_and(|time| {
            self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time <= until)
        })
    }

    fn has_source_of(&self, event: LogEvent<'_>) -> bool {
        let is_source = |source| self.sources.iter().any(|it| *it == source);
        self.sources.is_empty() || event.text(key::SOURCE).is_some_and(is_source)
    }

    fn has_target_of(&self, event: LogEvent<'_>) -> bool {
        let is_in = |target: &str, module: &str| {
            target.strip_prefix(module).is_some_and(|tail| tail.is_empty() || tail.starts_with("::"))
        };
        self.targets.is_empty()
            || event.text(key::TARGET).is_some_and(|target| self.targets.iter().any(|it| is_in(&target, it)))
    }

    /// Texts that stand in every line that matches.
    fn needles(&self) -> Vec<Needle> {
        let id = self.correlation_id.iter().filter_map(|id| Needle::of_value(id));
        let only = |texts: &[String]| if let [text] = texts { Some(text.clone()) } else { None };
        let source = only(&self.sources).and_then(|text| Needle::of_value(&text));
        let target = only(&self.targets).and_then(|text| Needle::of_value_start(&text));
        let patterns = self.patterns.iter().filter_map(|pattern| Needle::of_line_pattern(pattern.as_str()));
        let expressions = self.expressions.iter().flat_map(WhereCondition::needles);
        id.chain(source).chain(target).chain(patterns).chain(expressions).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{expression, json::Tape};

    /// Writes a string of JSON, with any character escaped in any way that JSON has.
    fn written(text: &str, choices: &mut impl Iterator<Item = u8>) -> String {
        let escaped = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect();
        let inside = text.chars().map(|c| -> String {
            match (c, choices.next().unwrap_or_default() % 8) {
                ('"' | '\\' | '/', 0..4) => format!("\\{c}"),
                ('"' | '\\' | '\0'..='\x1f', _) | (_, 0) => escaped(c),
                _ => c.to_string(),
            }
        });
        format!("\"{}\"", inside.collect::<String>())
    }

    /// Lines of fapilog and of other writers: other orders, spaces, escapes, plain text, broken lines.
    fn any_line() -> impl Strategy<Value = String> {
        let value = prop_oneof![
            "503|404|-0|1e3|5.03e2|0.5|1e400|503 ",
            Just("true".to_owned()),
            "req-[12]|/api/[ab]|a\"b|é𝄞|GET|503|eu",
        ];
        let member = (
            prop::sample::select(vec![
                "correlation_id",
                "source",
                "target",
                "message",
                "status",
                "path",
                "a/b",
                "context",
                "tags",
                "fields",
            ]),
            value,
            any::<bool>(),
        );
        let head = (
            prop::sample::select(vec!["INFO", "WARNING", "ERROR", "error", "LOUD"]),
            prop::sample::select(vec![
                "2026-11-30T10:00:00.000000000Z",
                "2026-11-30T10:00:01.000000000Z",
                "2026-11-30T10:00:00.0000-05:00",
                "no time, but of thirty letters",
                "2026-11-30T10:00:01Z",
            ]),
            any::<bool>(),
        );
        (head, prop::collection::vec(member, 0..6), prop::collection::vec(any::<u8>(), 64), 0_u8..8).prop_map(
            |((level, time, is_ours), members, choices, form)| {
                let mut choices = choices.into_iter();
                let mut parts: Vec<String> = members
                    .into_iter()
                    .map(|(key, value, is_raw)| {
                        let is_literal = is_raw && serde_json::from_str::<serde_json::Value>(&value).is_ok();
                        let value = if is_literal { value } else { written(&value, &mut choices) };
                        let value = match key {
                            "context" | "tags" => format!("{{\"path\" :{value}}}"),
                            "fields" => format!("{{\"message\":{value},\"status\": 503}}"),
                            _ => value,
                        };
                        format!("{}:{value}", if is_ours { format!("\"{key}\"") } else { written(key, &mut choices) })
                    })
                    .collect();
                if is_ours {
                    return format!("{{\"timestamp\":\"{time}\",\"level\":\"{level}\",{}}}", parts.join(","));
                }
                parts.push(format!("\"level\" : {}", written(level, &mut choices)));
                parts.push(format!("\"timestamp\": {}", written(time, &mut choices)));
                let line = format!(" {{ {} }}", parts.join(" , "));
                match form {
                    0 => line.replace(['{', '}'], ""),
                    1 => line[..line.len() - 3].to_owned(),
                    _ => line,
                }
            },
        )
    }

    /// A condition, or two: few lines would meet more.
    fn any_filter() -> impl Strategy<Value = FilterConditions> {
        let options = vec![
            ("level", "info"),
            ("level", "warn.."),
            ("level", "..warn"),
            ("since", "2026-11-30T10:00:00.5Z"),
            ("until", "2026-11-30T10:00:00Z"),
            ("until", "2026-11-30T12:00:00Z"),
            ("source", "eu"),
            ("source", "a\"b"),
            ("target", "eu"),
            ("id", "req-1"),
            ("id", "é𝄞"),
            ("grep", "req-1|eu"),
            ("grep", "api"),
            ("grep", "\"source\":\""),
            ("grep", "u00E9"),
            ("where", "status >= 500"),
            ("where", "status = '503'"),
            ("where", "status < 503"),
            ("where", "status != 503"),
            ("where", "status = 0"),
            ("where", "status in (404, 1000)"),
            ("where", "status not in (503, 404)"),
            ("where", "status in (404, '503')"),
            ("where", "context.path > 404 or status > 404"),
            ("where", "path <= 404 and (status or message < 0.7)"),
            ("where", "path ~ '^/api/a'"),
            ("where", "path = '/api/b' and status"),
            ("where", "message ~ 'a\"b' or correlation_id = req-1"),
            ("where", "source or target"),
            ("where", "status = '503' or path"),
            ("where", "not path"),
            ("where", "not (path and status)"),
            ("where", "'a/b' = 'é𝄞'"),
            ("where", "'a/b'"),
            ("where", "context.path != GET"),
            ("where", "tags.path in (eu, GET)"),
            ("where", "level >= warn and timestamp >= '2026-11-30T10:00:01+00:00'"),
            ("where", "level = error"),
            ("where", "timestamp = '2026-11-30T10:00:01+00:00'"),
        ];
        prop::collection::vec(prop::sample::select(options), 1..3).prop_map(|options| {
            let mut filter = FilterConditions::default();
            for (option, value) in options {
                match option {
                    "level" => filter.levels = Some(value.parse().unwrap()),
                    "since" => filter.since = Some(value.parse().unwrap()),
                    "until" => filter.until = Some(value.parse().unwrap()),
                    "source" => filter.sources = vec![value.to_owned()],
                    "target" => filter.targets = vec![value.to_owned()],
                    "id" => filter.correlation_id = Some(value.to_owned()),
                    "grep" => filter.patterns.push(Regex::new(value).unwrap()),
                    _ => filter.expressions.push(expression::parse(value).unwrap()),
                }
            }
            filter
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn no_line_that_matches_is_skipped(
            lines in prop::collection::vec(any_line(), 0..24), filter in any_filter(), has_end: bool,
        ) {
            let filter = LineFilter::new(filter);
            let block = lines.join("\n") + if has_end { "\n" } else { "" };
            let mut tape = Tape::default();
            let mut matches = |line: &str| filter.matches(&LogLine::read(line.as_bytes(), &mut tape));
            let expected: Vec<&str> = block.lines().filter(|line| matches(line)).collect();

            let (mut scan, mut from, mut found) = (CandidateScan::default(), 0, Vec::new());
            while let Some(line) = filter.next_candidate(&mut scan, block.as_bytes(), from) {
                from = line.end + 1;
                found.extend(Some(&block[line]).filter(|line| matches(line)));
            }
            prop_assert_eq!(found, expected);
        }
    }
}
