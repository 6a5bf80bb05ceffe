//! Errors of the command, and its exit codes.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

/// Exit codes. `docs/command.md` has them as a table.
pub(crate) mod exit_code {
    /// All input was read, also if no event matches.
    pub(crate) const SUCCESS: u8 = 0;
    /// A file could not be read, or not all of it; the others were.
    pub(crate) const FAILURE: u8 = 1;
    /// An argument is invalid; nothing was read.
    pub(crate) const USAGE: u8 = 2;
    /// Ctrl-C: 128 and the number of SIGINT.
    pub(crate) const INTERRUPTED: u8 = 130;
    /// The reader of the output is gone: 128 and the number of SIGPIPE, as a shell has it for other programs.
    pub(crate) const BROKEN_PIPE: u8 = 141;
}

/// How a command ended that did its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// Everything was read.
    Complete,
    /// A part of the input could not be read; errors name it.
    Incomplete,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Complete => exit_code::SUCCESS,
            ExitStatus::Incomplete => exit_code::FAILURE,
        })
    }
}

/// The error that ends a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CommandError {
    /// The value of an option is invalid.
    #[error("{option}: {message}")]
    Option {
        /// The option, such as `--since`.
        option: &'static str,
        /// The value, the reason, and the allowed values.
        message: String,
    },
    /// There is no file to read, and standard input is a terminal.
    #[error("no file is named, and standard input is a terminal; name a file, or `-` for standard input")]
    NoInput,
    /// The output could not be written.
    #[error("the output could not be written: {0}")]
    Write(io::Error),
    /// A process does not answer by its control socket, or refuses the command.
    #[error("{}", in_one_line(.0))]
    Control(#[from] fapilog_control::client::ClientError),
    /// The events of a request need more memory than is allowed.
    #[error("the events of {id:?} are longer than {limit_bytes} bytes; narrow them by --since, --until or --where")]
    TooManyEvents {
        /// The correlation id.
        id: String,
        /// The limit.
        limit_bytes: usize,
    },
}

/// An error and its sources, `outer: inner`.
fn in_one_line(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

impl CommandError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Option { .. } | Self::NoInput => exit_code::USAGE,
            Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => exit_code::BROKEN_PIPE,
            _ => exit_code::FAILURE,
        })
    }

    /// Writes the error to standard error, but a broken pipe, which is no error of anybody.
    pub(crate) fn report(&self, as_json: bool) {
        if matches!(self, Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            return;
        }
        report(&self.to_string(), as_json);
    }
}

/// Writes a message to standard error: as text, or as an object with the key `error`.
pub(crate) fn report(message: &str, as_json: bool) {
    let line = if as_json { json_line(message) } else { format!("fapilog: {message}\n") };
    // An error of standard error has no place to go to.
    let _ = io::stderr().write_all(line.as_bytes());
}

fn json_line(message: &str) -> String {
    format!("{}\n", serde_json::json!({ "error": message }))
}
