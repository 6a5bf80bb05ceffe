//! The filters on the command line.

use clap::Args;
use jiff::{Timestamp, ZonedDateTime};

use crate::{
    error::CommandError,
    expression,
    filter::{FilterConditions, LineFilter, parse_time},
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
        Ok(FilterConditions {
            levels: self.level.as_ref().map(|text| text.parse()).transpose().map_err(|e| invalid("--level", e))?,
            since: time("--since", self.since.as_deref(), now)?,
            until: time("--until", self.until.as_deref(), now)?,
            sources: self.source.clone(),
            targets: self.target.clone(),
            correlation_id: self.correlation.clone(),
            patterns: self.patterns()?,
            expressions: self.expressions()?,
        })
    }

    fn patterns(&self) -> Result<Vec<regex::bytes::Regex>, CommandError> {
        let pattern = |text: &String| regex::bytes::Regex::new(text).map_err(|error| invalid("--grep", error));
        self.grep.iter().map(pattern).collect()
    }

    fn expressions(&self) -> Result<Vec<expression::WhereCondition>, CommandError> {
        self.condition.iter().map(|text| expression::parse(text).map_err(|error| invalid("--where", error))).collect()
    }
}

fn time(option: &'static str, text: Option<&str>, now: &ZonedDateTime) -> Result<Option<Timestamp>, CommandError> {
    text.map(|text| parse_time(text, now)).transpose().map_err(|error| invalid(option, error))
}

fn invalid(option: &'static str, error: impl ToString) -> CommandError {
    CommandError::Option { option, message: error.to_string() }
}
