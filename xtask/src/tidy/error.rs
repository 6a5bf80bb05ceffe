//! Errors that stop `tidy` before any rule runs.

use std::{error, fmt, io, path::PathBuf};

/// The reason why the tree cannot be read.
#[derive(Debug)]
pub(crate) enum TreeError {
    /// A program could not be started.
    NotStarted { program: &'static str, source: io::Error },
    /// A program failed; its own error output is above.
    Failed { program: &'static str },
    /// A program's output has another form than expected.
    Output { program: &'static str, source: serde_json::Error },
    /// A file of the tree cannot be read.
    File { path: PathBuf, source: io::Error },
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted { program, source } => write!(f, "`{program}` cannot be started: {source}"),
            Self::Failed { program } => write!(f, "`{program}` failed"),
            Self::Output { program, source } => write!(f, "`{program}` printed an unexpected output: {source}"),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl error::Error for TreeError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::NotStarted { source, .. } | Self::File { source, .. } => Some(source),
            Self::Output { source, .. } => Some(source),
            Self::Failed { .. } => None,
        }
    }
}
