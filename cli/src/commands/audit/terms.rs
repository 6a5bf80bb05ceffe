//! The terms of a query on the command line.

use clap::Args;
use fapilog_audit_index::query::{AuditQuery, TextPattern};
use jiff::{Timestamp, ZonedDateTime};
use serde_json::{Map, Value};

use crate::{error::CommandError, filter::time_bounds};

/// Filters. A record must meet all of them. `*` in a pattern stands for any characters, and `\*` for the character itself; several patterns
/// of an option are alternatives.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
pub(super) struct QueryTerms {
    /// Records of this user: the field who, or user.
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    user: Vec<TextPattern>,
    /// Records of this action: the message, or the field what, or action.
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    action: Vec<TextPattern>,
    /// Records about this object.
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    object: Vec<TextPattern>,
    /// Records with this outcome: success, failure, denied, unknown.
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    outcome: Vec<TextPattern>,
    /// Records of this origin: an address, a host, a service.
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    origin: Vec<TextPattern>,
    /// Records from this time on: -1h, today, 14:30, 2026-11-30, "2026-11-30 14:30:05", RFC 3339.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Records up to this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// The last records that meet the filters, at most so many. By default all of them.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Records before the one of this number: the page before that of --limit.
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
}

/// Bounds of time.
type TimeBounds = (Option<Timestamp>, Option<Timestamp>);

impl QueryTerms {
    pub(super) fn bounds(&self) -> Result<TimeBounds, CommandError> {
        time_bounds(self.since.as_deref(), self.until.as_deref(), &ZonedDateTime::now())
    }

    pub(super) fn query(&self, (since, until): TimeBounds) -> AuditQuery {
        let with = |query, patterns: &[TextPattern], add: fn(AuditQuery, TextPattern) -> AuditQuery| {
            patterns.iter().cloned().fold(query, add)
        };
        let query = with(AuditQuery::new(), &self.user, AuditQuery::user);
        let query = with(query, &self.action, AuditQuery::action);
        let query = with(query, &self.object, AuditQuery::object);
        let query = with(query, &self.outcome, AuditQuery::outcome);
        let query = with(query, &self.origin, AuditQuery::origin);
        let query = since.map(nanos).into_iter().fold(query, AuditQuery::since);
        let query = until.map(nanos).into_iter().fold(query, AuditQuery::until);
        let query = self.limit.into_iter().fold(query, AuditQuery::limit);
        self.before.into_iter().fold(query, AuditQuery::before)
    }

    /// The terms that are given, for the access record. Times are those that they stand for.
    pub(super) fn as_json(&self, (since, until): TimeBounds) -> Value {
        let mut terms = Map::new();
        let patterns = [
            ("user", &self.user),
            ("action", &self.action),
            ("object", &self.object),
            ("outcome", &self.outcome),
            ("origin", &self.origin),
        ];
        for (name, patterns) in patterns.into_iter().filter(|(_, patterns)| !patterns.is_empty()) {
            let texts: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            terms.insert(name.to_owned(), texts.into());
        }
        let times = [("since", since), ("until", until)].map(|(name, time)| (name, time.map(|time| time.to_string())));
        let times = times.into_iter().filter_map(|(name, time)| Some((name, Value::from(time?))));
        let numbers = [("limit", self.limit), ("before", self.before)];
        let numbers = numbers.into_iter().filter_map(|(name, number)| Some((name, Value::from(number?))));
        terms.extend(times.chain(numbers).map(|(name, value)| (name.to_owned(), value)));
        terms.into()
    }
}

/// Times beyond the range of 64 bits are at its end.
fn nanos(time: Timestamp) -> i64 {
    let nanos = time.as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}
