//! Arguments of a sub-command that it does not allow.

use std::{error, fmt};

/// The reason why a sub-command refuses its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArgumentError {
    /// No argument has this name. `allowed` lists the names; it is empty for a sub-command without arguments.
    Unknown { given: String, allowed: &'static str },
    /// The last argument is a name whose value does not follow.
    MissingValue { name: &'static str, allowed: &'static str },
    /// The value is outside of what is allowed.
    InvalidValue { name: &'static str, value: String, allowed: &'static str },
    /// The argument is there twice.
    Repeated { name: &'static str },
    /// The other argument excludes this one.
    Conflict { name: &'static str, other: &'static str },
    /// The argument needs the other one.
    Alone { name: &'static str, needed: &'static str },
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { given, allowed: "" } => write!(f, "`{given}` is not allowed; there are no arguments"),
            Self::Unknown { given, allowed } => write!(f, "`{given}` is not allowed; allowed are {allowed}"),
            Self::MissingValue { name, allowed } => write!(f, "`{name}` has no value; allowed is {allowed}"),
            Self::InvalidValue { name, value, allowed } => {
                write!(f, "`{name} {value}` is not allowed; allowed is {allowed}")
            }
            Self::Repeated { name } => write!(f, "`{name}` is given twice; allowed is once"),
            Self::Conflict { name, other } => write!(f, "`{name}` and `{other}` are not allowed together"),
            Self::Alone { name, needed } => write!(f, "`{name}` is not allowed without `{needed}`"),
        }
    }
}

impl error::Error for ArgumentError {}
