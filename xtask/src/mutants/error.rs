//! Runs of cargo-mutants that have no results.

use std::{error, fmt, io, path::PathBuf};

/// The reason why there are no results.
#[derive(Debug)]
pub(super) enum MutantsError {
    /// `cargo` cannot be started.
    NotStarted { source: io::Error },
    /// The list is not what cargo-mutants is known to print.
    List { status: String },
    /// The tests fail without a mutant, and so they prove nothing about one.
    TestsFail { package: &'static str },
    /// cargo-mutants itself failed.
    Failed { package: &'static str, status: String },
    /// The file with the results cannot be read.
    Unreadable { path: PathBuf, source: io::Error },
    /// The file with the results is not what cargo-mutants is known to write.
    Results { path: PathBuf },
    /// This mutant was to be run, and has no result.
    NotRun { mutant: String },
    /// No mutant is in this place.
    NoMutants { below: String },
}

impl fmt::Display for MutantsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted { source } => write!(f, "`cargo` cannot be started: {source}"),
            Self::List { status } => write!(f, "`cargo mutants --list --json` printed no list ({status})"),
            Self::TestsFail { package } => write!(f, "the tests of {package} fail without a mutant"),
            Self::Failed { package, status } => write!(f, "cargo-mutants failed on {package}: {status}"),
            Self::Unreadable { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Results { path } => write!(f, "{}: not the results of cargo-mutants", path.display()),
            Self::NotRun { mutant } => write!(f, "there is no result for {mutant}"),
            Self::NoMutants { below } => {
                write!(f, "there are no mutants in `{below}`; `.cargo/mutants.toml` has the files")
            }
        }
    }
}

impl error::Error for MutantsError {}
