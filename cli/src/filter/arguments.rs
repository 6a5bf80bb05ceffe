//! The filters on the command line.

use clap::Args;
use jiff::{Timestamp, ZonedDateTime};

use crate::{
    error::CommandError,
    expression,
    filter::{FilterConditions, LevelRange, LineFilter, parse_time},
};

/// Filters. A line must meet all of them.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct FilterArguments {
    /// Levels: warn (this level), warn.. (and above), ..info (and below), debug..error.
    #[arg(short, long, value_name = "LEVELS")]
    pub(crate) level: Option<String>,
    /// Events from this time on: -1h, today, 14:30, 2026-11-30, "2026-11-30 14:30:05", RFC 3339.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) since: Option<String>,
    /// Events up to this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) until: Option<String>,
    /// Events of this source; several are alternatives.
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Vec<String>,
    /// Events of this module and of the modules in it; several are alternatives.
    #[arg(long, value_name = "MODULE")]
    pub(crate) target: Vec<String>,
    /// Events with this correlation id.
    #[arg(long, value_name = "ID")]
    pub(crate) correlation: Option<String>,
    /// Lines that match this regular expression, as they stand in the file; several must all match.
    #[arg(short, long, value_name = "REGEX")]
    pub(crate) grep: Vec<String>,
    /// Events that meet this expression, such as 'status >= 500 and path ~ "^/api"'; several must all be met.
    #[arg(short, long = "where", value_name = "EXPRESSION")]
    pub(crate) condition: Vec<String>,
}

impl FilterArguments {
    pub(crate) fn filter(&self) -> Result<LineFilter, CommandError> {
        Ok(LineFilter::new(self.conditions(&ZonedDateTime::now())?))
    }

    pub(crate) fn conditions(&self, now: &ZonedDateTime) -> Result<FilterConditions, CommandError> {
        let (since, until) = time_bounds(self.since.as_deref(), self.until.as_deref(), now)?;
        Ok(FilterConditions {
            levels: self.levels()?,
            since,
            until,
            sources: self.source.clone(),
            targets: self.target.clone(),
            correlation_id: self.correlation.clone(),
            patterns: self.patterns()?,
            expressions: self.expressions()?,
        })
    }

    fn levels(&self) -> Result<Option<LevelRange>, CommandError> {
        let range = |text: &String| text.parse().map_err(|error| invalid("--level", text, error));
        self.level.as_ref().map(range).transpose()
    }

    fn patterns(&self) -> Result<Vec<regex::bytes::Regex>, CommandError> {
        let pattern = |text: &String| regex::bytes::Regex::new(text).map_err(|error| invalid("--grep", text, error));
        self.grep.iter().map(pattern).collect()
    }

    fn expressions(&self) -> Result<Vec<expression::WhereCondition>, CommandError> {
        let expression = |text: &String| expression::parse(text).map_err(|error| invalid("--where", text, error));
        self.condition.iter().map(expression).collect()
    }
}

/// The times of `--since` and `--until`.
pub(crate) fn time_bounds(
    since: Option<&str>,
    until: Option<&str>,
    now: &ZonedDateTime,
) -> Result<(Option<Timestamp>, Option<Timestamp>), CommandError> {
    let bounds = (time("--since", since, now)?, time("--until", until, now)?);
    if let (Some(first), Some(last)) = bounds
        && first > last
    {
        let message = format!("no event is from {first} to {last}: --since must not be later than --until");
        return Err(invalid("--since", since.unwrap_or_default(), message));
    }
    Ok(bounds)
}

fn time(option: &'static str, text: Option<&str>, now: &ZonedDateTime) -> Result<Option<Timestamp>, CommandError> {
    let read = |text: &str| {
        parse_time(text, now).map_err(|error| CommandError::Option {
            option,
            value: text.to_owned(),
            message: error.to_string(),
            suggestion: error.suggestion,
        })
    };
    text.map(read).transpose()
}

fn invalid(option: &'static str, value: &str, error: impl ToString) -> CommandError {
    CommandError::Option { option, value: value.to_owned(), message: error.to_string(), suggestion: None }
}
