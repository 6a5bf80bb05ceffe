//! SQLSTATE codes, and which of them lead to another attempt.
//!
//! Classes are those of the server's manual, appendix A.

use tokio_postgres::Error;

use crate::error::PostgresError;

/// The consequence of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatementOutcome {
    /// A row is refused, and would be refused again.
    Row,
    /// User, database, table or privilege: somebody has to change the server.
    Setup,
    /// The server takes no writes.
    ReadOnly,
    /// Another attempt may succeed.
    Retry,
    /// There is no answer.
    Broken,
}

/// By the code of the server.
pub(crate) fn outcome_of_code(code: &str) -> StatementOutcome {
    if code == "25006" {
        return StatementOutcome::ReadOnly;
    }
    match code.get(..2).unwrap_or_default() {
        // Data exceptions, constraints, limits such as the depth of an object, views with a check, and errors that a trigger raises.
        "22" | "23" | "44" | "54" | "P0" => StatementOutcome::Row,
        "28" | "3D" | "3F" | "42" => StatementOutcome::Setup,
        // Among them 08 (connection), 40 (rollback), 53 (resources), 55 (locks), 57 (an operator, a time limit).
        _ => StatementOutcome::Retry,
    }
}

pub(crate) fn outcome(error: &Error) -> StatementOutcome {
    error.as_db_error().map_or(StatementOutcome::Broken, |error| outcome_of_code(error.code().code()))
}

/// The code with the constraint or column that it concerns. The server's text may repeat an event, and is left out.
pub(crate) fn describe(error: &Error) -> String {
    let Some(db) = error.as_db_error() else { return "no answer".to_owned() };
    let name = db.constraint().or(db.column()).map(|name| format!(" of {}", shown(name)));
    format!("{}{}", db.code().code(), name.unwrap_or_default())
}

/// The error of a connection or of statements that concern no event: the server's text is part of it.
pub(crate) fn describe_setup(destination: &str, error: &Error) -> PostgresError {
    let destination = destination.to_owned();
    match error.as_db_error() {
        None => PostgresError::Connection { destination, reason: shown(&text_of(error)) },
        Some(db) if outcome(error) == StatementOutcome::Setup => {
            PostgresError::Setup { destination, reason: shown(db.message()), code: db.code().code().to_owned() }
        }
        Some(db) if outcome(error) == StatementOutcome::ReadOnly => {
            let _ = db;
            PostgresError::ReadOnly { destination }
        }
        Some(db) => {
            PostgresError::Statement { destination, code: format!("{} {}", db.code().code(), shown(db.message())) }
        }
    }
}

fn text_of(error: &Error) -> String {
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        text.push_str(": ");
        text.push_str(&source.to_string());
    }
    text
}

/// A text of the server, without control characters, and cut.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_decide_on_the_next_attempt() {
        for (codes, expected) in [
            (&["22021", "22P02", "23514", "23502", "54001", "P0001", "44000"][..], StatementOutcome::Row),
            (&["28P01", "3D000", "42P01", "42703", "42501", "3F000"], StatementOutcome::Setup),
            (&["25006"], StatementOutcome::ReadOnly),
            (&["08006", "53300", "57P01", "57014", "40001", "40P01", "55P03", "XX000", ""], StatementOutcome::Retry),
        ] {
            for code in codes {
                assert_eq!(outcome_of_code(code), expected, "{code}");
            }
        }
    }
}
