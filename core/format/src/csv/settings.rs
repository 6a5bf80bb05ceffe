//! The settings of the formatter.

use fapilog_plugin::{problem::Problem, registry::PluginSettings};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::csv::{
    Csv, CsvColumn, CsvColumnsError, CsvDelimiter,
    column::{self, allowed},
};

/// The settings, checked.
#[derive(Debug, Clone)]
pub(crate) struct CsvSettings {
    columns: Option<Box<[CsvColumn]>>,
    delimiter: CsvDelimiter,
    escape_formulas: bool,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CsvValues {
    columns: Option<Vec<CsvColumn>>,
    delimiter: CsvDelimiter,
    escape_formulas: bool,
}

impl Default for CsvValues {
    fn default() -> Self {
        Self { columns: None, delimiter: CsvDelimiter::default(), escape_formulas: true }
    }
}

impl CsvSettings {
    /// # Errors
    /// All invalid values, with their places.
    pub(crate) fn read(settings: &PluginSettings<'_>) -> Result<Self, Vec<Problem>> {
        let (values, mut problems) = settings.read_with_problems::<CsvValues>();
        let Some(CsvValues { columns, delimiter, escape_formulas }) = values else { return Err(problems) };
        let columns = columns.map(column::checked).transpose();
        let columns = columns.map_err(|error| problems.push(problem_of(&error))).ok().flatten();
        if problems.is_empty() { Ok(Self { columns, delimiter, escape_formulas }) } else { Err(problems) }
    }

    pub(crate) fn make(&self) -> Csv {
        let csv = self.columns.clone().map_or_else(Csv::new, Csv::of_columns);
        csv.delimiter(self.delimiter).escape_formulas(self.escape_formulas)
    }
}

fn problem_of(error: &CsvColumnsError) -> Problem {
    match error {
        CsvColumnsError::Twice { place, name } | CsvColumnsError::Unknown { place, name, .. } => {
            Problem::new(format!("columns[{place}]"), format!("{name:?}"), "each column comes once")
        }
        CsvColumnsError::None => Problem::new("columns", "[]", "allowed is a list of at least one column"),
    }
}

/// Reads the name of a column.
impl<'de> Deserialize<'de> for CsvColumn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|error| match error {
            CsvColumnsError::Unknown { suggestion, .. } => D::Error::custom(allowed(suggestion.as_deref())),
            other => D::Error::custom(other),
        })
    }
}
