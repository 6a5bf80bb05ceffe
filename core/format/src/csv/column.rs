//! The columns of a row, and their names.

use std::{fmt, str::FromStr};

use fapilog_plugin::settings::suggestion::suggestion;
use fapilog_record::field_group::FieldGroup;
use thiserror::Error;

/// A column of [`Csv`](super::Csv). Its name is its text: `timestamp`, `context.order_id`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CsvColumn {
    /// `timestamp`: RFC 3339 in UTC, nine decimals.
    Timestamp,
    /// `level`: `INFO`.
    Level,
    /// `severity`: 1 to 10.
    Severity,
    /// `category`: `SYSTEM`.
    Category,
    /// `target`: the module that logged it.
    Target,
    /// `call_site`: the file and the line of the log call, `src/orders.rs:42`.
    CallSite,
    /// `source`: the logger's name.
    Source,
    /// `event_id`.
    EventId,
    /// `message`.
    Message,
    /// `correlation_id`.
    CorrelationId,
    /// A field: its group, and behind a dot its key, as in `context.order_id`. Further dots are a part of the key.
    Field(FieldGroup, Box<str>),
    /// `fields`: a JSON object of all fields that have no column of their own, under the names that such columns would have.
    Fields,
    /// `truncated`: `true` for an event of which something was cut.
    Truncated,
    /// `truncated_fields`: a JSON array of the names of fields that were cut.
    TruncatedFields,
    /// `not_utf8`: a JSON array of the names of fields that were not UTF-8.
    NotUtf8,
}

/// The columns whose names are fixed.
const FIXED: [(&str, CsvColumn); 14] = [
    ("timestamp", CsvColumn::Timestamp),
    ("level", CsvColumn::Level),
    ("severity", CsvColumn::Severity),
    ("category", CsvColumn::Category),
    ("target", CsvColumn::Target),
    ("call_site", CsvColumn::CallSite),
    ("source", CsvColumn::Source),
    ("event_id", CsvColumn::EventId),
    ("message", CsvColumn::Message),
    ("correlation_id", CsvColumn::CorrelationId),
    ("fields", CsvColumn::Fields),
    ("truncated", CsvColumn::Truncated),
    ("truncated_fields", CsvColumn::TruncatedFields),
    ("not_utf8", CsvColumn::NotUtf8),
];

const GROUPS: [FieldGroup; 3] = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];

/// The columns, if none are chosen.
pub(super) const DEFAULT: [CsvColumn; 10] = [
    CsvColumn::Timestamp,
    CsvColumn::Level,
    CsvColumn::Source,
    CsvColumn::Target,
    CsvColumn::EventId,
    CsvColumn::CorrelationId,
    CsvColumn::Message,
    CsvColumn::Fields,
    CsvColumn::Truncated,
    CsvColumn::NotUtf8,
];

/// Why columns cannot be those of rows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CsvColumnsError {
    /// The list is empty.
    #[error("a row has at least one column")]
    None,
    /// A name is that of no column.
    #[error("{name:?} is no column; {}", allowed(suggestion.as_deref()))]
    Unknown {
        /// The place in the list, from 0.
        place: usize,
        /// The name.
        name: String,
        /// A name that it may stand for.
        suggestion: Option<Box<str>>,
    },
    /// A column comes twice.
    #[error("the column {name:?} comes twice")]
    Twice {
        /// The place in the list of the second, from 0.
        place: usize,
        /// The name.
        name: String,
    },
}

/// Whether a text may be the key of a field. An address with a password is none, and is not repeated.
fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c))
}

/// The names of columns, for errors, and the name that is suggested.
pub(super) fn allowed(suggestion: Option<&str>) -> String {
    let fixed: Vec<&str> = FIXED.iter().map(|(name, _)| *name).collect();
    let asked = suggestion.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
    format!("allowed are {}, and context.KEY, tags.KEY, metrics.KEY for a field{asked}", fixed.join(", "))
}

impl fmt::Display for CsvColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(group, key) => write!(f, "{}.{key}", group.name()),
            fixed => f.pad(FIXED.iter().find(|(_, column)| column == fixed).map_or("", |(name, _)| name)),
        }
    }
}

/// The error is [`CsvColumnsError::Unknown`], with place 0.
impl FromStr for CsvColumn {
    type Err = CsvColumnsError;

    fn from_str(name: &str) -> Result<Self, CsvColumnsError> {
        if let Some((_, column)) = FIXED.iter().find(|(fixed, _)| *fixed == name) {
            return Ok(column.clone());
        }
        let group_and_key = name.split_once('.');
        let field = group_and_key.and_then(|(group, key)| {
            let group = GROUPS.into_iter().find(|it| it.name() == group)?;
            Some(Self::Field(group, key.into()))
        });
        field.ok_or_else(|| {
            // A key without its group is the most likely cause.
            let similar = suggestion(name, FIXED.iter().map(|(fixed, _)| *fixed));
            let suggestion = similar.or_else(|| is_key(name).then(|| format!("context.{name}").into()));
            CsvColumnsError::Unknown { place: 0, name: name.to_owned(), suggestion }
        })
    }
}

/// Reads the names of columns.
pub(super) fn read<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Box<[CsvColumn]>, CsvColumnsError> {
    let columns = names.into_iter().enumerate().map(|(place, name)| name.parse().map_err(|error| at(place, error)));
    checked(columns.collect::<Result<Vec<_>, _>>()?)
}

/// The columns of rows: at least one, and each once.
pub(super) fn checked(columns: Vec<CsvColumn>) -> Result<Box<[CsvColumn]>, CsvColumnsError> {
    for (place, column) in columns.iter().enumerate() {
        if columns.iter().take(place).any(|other| other == column) {
            return Err(CsvColumnsError::Twice { place, name: column.to_string() });
        }
    }
    if columns.is_empty() { Err(CsvColumnsError::None) } else { Ok(columns.into()) }
}

fn at(place: usize, error: CsvColumnsError) -> CsvColumnsError {
    match error {
        CsvColumnsError::Unknown { name, suggestion, .. } => CsvColumnsError::Unknown { place, name, suggestion },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_reads_back_from_its_name() {
        for (name, column) in FIXED {
            assert_eq!((name.parse(), column.to_string()), (Ok(column), name.to_owned()));
        }
        for name in ["context.order_id", "tags.a.b", "metrics.", "context. =\"x\""] {
            assert_eq!(name.parse::<CsvColumn>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn an_error_names_the_column_and_another_that_may_be_meant() {
        let error = read(["level", "timestmp"]).unwrap_err();
        assert!(matches!(error, CsvColumnsError::Unknown { place: 1, .. }));
        let text = error.to_string();
        assert!(text.starts_with("\"timestmp\" is no column; allowed are timestamp, level, severity, "), "{text}");
        assert!(
            text.ends_with(", and context.KEY, tags.KEY, metrics.KEY for a field; did you mean timestamp?"),
            "{text}"
        );
        assert!(read(["order_id"]).unwrap_err().to_string().ends_with("; did you mean context.order_id?"));
        assert_eq!(read([]), Err(CsvColumnsError::None));
        let twice = CsvColumnsError::Twice { place: 2, name: "level".to_owned() };
        assert_eq!(read(["level", "message", "level"]), Err(twice));
    }
}
