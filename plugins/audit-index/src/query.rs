//! The terms of a query.

mod pattern;

pub use self::pattern::{TextPattern, TextPatternError};

use rusqlite::types::Value;

use crate::record::RecordFields;

/// The terms of a query. A record meets it if it meets all of them; several patterns for one part are alternatives.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct AuditQuery {
    users: Vec<TextPattern>,
    actions: Vec<TextPattern>,
    objects: Vec<TextPattern>,
    outcomes: Vec<TextPattern>,
    origins: Vec<TextPattern>,
    since: Option<i64>,
    until: Option<i64>,
    before: Option<u64>,
    limit: Option<u64>,
}

/// A condition in SQL, with a value for each question mark in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SqlCondition {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
}

impl AuditQuery {
    /// A query that every record meets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an alternative for the user.
    pub fn user(mut self, pattern: TextPattern) -> Self {
        self.users.push(pattern);
        self
    }

    /// Adds an alternative for the action.
    pub fn action(mut self, pattern: TextPattern) -> Self {
        self.actions.push(pattern);
        self
    }

    /// Adds an alternative for the object.
    pub fn object(mut self, pattern: TextPattern) -> Self {
        self.objects.push(pattern);
        self
    }

    /// Adds an alternative for the outcome.
    pub fn outcome(mut self, pattern: TextPattern) -> Self {
        self.outcomes.push(pattern);
        self
    }

    /// Adds an alternative for the origin.
    pub fn origin(mut self, pattern: TextPattern) -> Self {
        self.origins.push(pattern);
        self
    }

    /// Sets the first time, in nanoseconds since 1970-01-01T00:00:00Z. A record without a time does not meet it.
    pub fn since(mut self, unix_nanos: i64) -> Self {
        self.since = Some(unix_nanos);
        self
    }

    /// Sets the last time, in nanoseconds since 1970-01-01T00:00:00Z. A record without a time does not meet it.
    pub fn until(mut self, unix_nanos: i64) -> Self {
        self.until = Some(unix_nanos);
        self
    }

    /// Sets the number of the record that all found ones stand before: that of the first record of the page behind.
    pub fn before(mut self, number: u64) -> Self {
        self.before = Some(number);
        self
    }

    /// Sets the most records that are found: the last ones of the trail.
    pub fn limit(mut self, records: u64) -> Self {
        self.limit = Some(records);
        self
    }

    pub(crate) fn most_records(&self) -> Option<u64> {
        self.limit
    }

    fn patterns(&self) -> [(&'static str, &[TextPattern]); 5] {
        [
            ("user", &self.users),
            ("action", &self.actions),
            ("object", &self.objects),
            ("outcome", &self.outcomes),
            ("origin", &self.origins),
        ]
    }

    /// The bounds of time, if there is one.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        let (since, until) = (self.since, self.until);
        (since.is_some() || until.is_some()).then(|| (since.unwrap_or(i64::MIN), until.unwrap_or(i64::MAX)))
    }

    /// The column whose index finds the fewest rows, by its nature: SQLite would take any of them. Only whole values are found by one.
    fn column_with_index(&self) -> Option<&'static str> {
        let columns =
            [("object", &self.objects), ("user", &self.users), ("action", &self.actions), ("outcome", &self.outcomes)];
        let is_exact = |patterns: &[TextPattern]| !patterns.is_empty() && patterns.iter().all(TextPattern::is_exact);
        columns.into_iter().find(|(_, patterns)| is_exact(patterns)).map(|(column, _)| column)
    }

    /// Whether a record meets the terms about its fields. SQLite has found it by an index, and an index may have been changed.
    pub(crate) fn is_met_by(&self, fields: &RecordFields) -> bool {
        let values = [&fields.user, &fields.action, &fields.object, &fields.outcome, &fields.origin];
        let texts_match = self.patterns().into_iter().zip(values).all(|((_, patterns), value)| {
            let matches = |value: &String| patterns.iter().any(|pattern| pattern.matches(value));
            patterns.is_empty() || value.as_ref().is_some_and(matches)
        });
        let is_since = self.since.is_none_or(|since| fields.unix_nanos.is_some_and(|time| time >= since));
        let is_until = self.until.is_none_or(|until| fields.unix_nanos.is_some_and(|time| time <= until));
        texts_match && is_since && is_until
    }

    /// The condition on rows. Values are bound, and are no part of the text.
    pub(crate) fn condition(&self) -> SqlCondition {
        let mut condition = SqlCondition { text: "1".to_owned(), values: Vec::new() };
        let column_with_index = self.column_with_index();
        for (column, patterns) in self.patterns() {
            if patterns.is_empty() {
                continue;
            }
            // A plus sign before a column keeps SQLite from the use of its index.
            let column = if column_with_index == Some(column) { column.to_owned() } else { format!("+{column}") };
            let terms: Vec<String> = patterns
                .iter()
                .map(|pattern| format!("{column} {} ?", if pattern.is_exact() { "=" } else { "GLOB" }))
                .collect();
            condition.text.push_str(&format!(" AND ({})", terms.join(" OR ")));
            condition.values.extend(patterns.iter().map(|pattern| Value::Text(pattern.to_sql())));
        }
        let before = self.before.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        for (term, value) in [("time >= ?", self.since), ("time <= ?", self.until), ("id < ?", before)] {
            if let Some(value) = value {
                condition.and(term, value);
            }
        }
        condition
    }
}

impl SqlCondition {
    /// Adds a term with a number.
    pub(crate) fn and(&mut self, term: &str, value: i64) {
        self.text.push_str(" AND ");
        self.text.push_str(term);
        self.values.push(Value::Integer(value));
    }
}
