//! Errors of the command, and its exit codes.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use fapilog::error::SettingsError;
use fapilog_audit_trail::{
    format::CheckpointError,
    proof::ProofError,
    verify::{DamageKind, VerifyError},
};
use fapilog_encryption::{EncryptError, KeyStoreError};
use serde_json::{Map, Value};

/// Exit codes. `docs/command.md` has them as a table.
pub(crate) mod exit_code {
    /// All input was read, also if no event matches.
    pub(crate) const SUCCESS: u8 = 0;
    /// A file could not be read, or not all of it; the others were.
    pub(crate) const FAILURE: u8 = 1;
    /// An argument is invalid; nothing was read.
    pub(crate) const USAGE: u8 = 2;
    /// The record that a proof is asked for is not in the trail.
    pub(crate) const NO_SUCH_RECORD: u8 = 20;
    /// No checkpoint includes the record yet.
    pub(crate) const NOT_SIGNED_YET: u8 = 21;
    /// A proof needs files of the trail that are gone.
    pub(crate) const FILES_MISSING: u8 = 22;
    /// The trail is smaller than the older checkpoint.
    pub(crate) const NO_SUCH_SIZE: u8 = 23;
    /// A text is no proof.
    pub(crate) const NO_PROOF: u8 = 24;
    /// The block in a proof is another than its entry stands for.
    pub(crate) const BLOCK_DIFFERS: u8 = 25;
    /// The hashes of a proof do not lead to its checkpoint.
    pub(crate) const ROOT_DIFFERS: u8 = 26;
    /// A proof begins with another checkpoint than the older one.
    pub(crate) const OTHER_CHECKPOINT: u8 = 27;
    /// An index has other rows than the trail has records, or is no index.
    #[cfg(feature = "audit-query")]
    pub(crate) const INDEX_CHANGED: u8 = 28;
    /// The access could not be recorded, so nothing is shown.
    pub(crate) const NOT_RECORDED: u8 = 29;
    /// A key store has no key that was to be erased.
    pub(crate) const NOTHING_ERASED: u8 = 30;
    /// Settings do not meet a rule of a standard, or two rules conflict.
    pub(crate) const NOT_MET: u8 = 40;
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
    /// Everything was read, and the finding has a code of its own.
    Found(u8),
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Complete => exit_code::SUCCESS,
            ExitStatus::Incomplete => exit_code::FAILURE,
            ExitStatus::Found(code) => code,
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
        /// Its value.
        value: String,
        /// The value, the reason, and the allowed values.
        message: String,
        /// A value that it most likely stands for.
        suggestion: Option<String>,
    },
    /// There is no file to read, and standard input is a terminal.
    #[error("no file is named, and standard input is a terminal; name a file, or `-` for standard input")]
    NoInput,
    /// A file that the command needs as a whole cannot be read.
    #[error("{file}: {source}")]
    Read {
        /// The file.
        file: String,
        /// The reason.
        source: io::Error,
    },
    /// A proof was not made, or does not verify.
    #[error("{}", in_one_line(.0))]
    Proof(#[from] ProofError),
    /// The older checkpoint of a proof is invalid. The text of [`ProofError`] is about the checkpoint in the proof.
    #[error("{option}: {file}: the last checkpoint of the file is invalid: {error}")]
    OldCheckpoint {
        /// The option that names the file.
        option: &'static str,
        /// The file.
        file: String,
        /// The reason.
        error: CheckpointError,
    },
    /// An index of a trail cannot be used, or the trail is damaged.
    #[cfg(feature = "audit-query")]
    #[error("{}", crate::output::escaped(&in_one_line(.0)))]
    Index(#[from] fapilog_audit_index::error::IndexError),
    /// The access could not be recorded.
    #[error("{}: the access cannot be recorded, so nothing is shown: {reason}", crate::output::escaped(file))]
    NotRecorded {
        /// The access trail.
        file: String,
        /// The reason.
        reason: String,
    },
    /// Settings are invalid, so that nothing can be checked.
    #[error("{0}\n`fapilog check` shows each with its place")]
    Settings(#[from] SettingsError),
    /// A key store cannot be used.
    #[error("{}", in_one_line(.0))]
    KeyStore(#[from] KeyStoreError),
    /// A key cannot be made.
    #[error("{}", in_one_line(.0))]
    MakeKey(#[from] EncryptError),
    /// A new file could not be written.
    #[error("{message}")]
    WriteFile {
        /// The directory, or the file.
        file: String,
        /// The reason, with the file.
        message: String,
    },
    /// The output could not be written.
    #[error("the output could not be written: {0}")]
    Write(io::Error),
    /// The man pages could not be written.
    #[error("the pages could not be written to {directory:?}: {source}")]
    WritePages {
        /// The directory.
        directory: String,
        /// The reason.
        source: io::Error,
    },
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
pub(crate) fn in_one_line(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

impl CommandError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Option { .. } | Self::NoInput => exit_code::USAGE,
            Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => exit_code::BROKEN_PIPE,
            Self::Proof(error) => code_of_proof(error),
            Self::OldCheckpoint { error, .. } => code_of_checkpoint(error),
            #[cfg(feature = "audit-query")]
            Self::Index(error) => code_of_index(error),
            Self::NotRecorded { .. } => exit_code::NOT_RECORDED,
            _ => exit_code::FAILURE,
        })
    }

    /// Writes the error to standard error, but a broken pipe, which is no error of anybody.
    pub(crate) fn report(&self, as_json: bool) {
        if matches!(self, Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            return;
        }
        let report = ErrorReport::new(self.kind(), self.to_string());
        let report = match self {
            Self::Option { option, value, suggestion, .. } => {
                let report = report.with("argument", *option).with("value", value.as_str());
                match suggestion {
                    Some(suggestion) => report.with("suggestion", suggestion.as_str()),
                    None => report,
                }
            }
            Self::WritePages { directory: file, .. }
            | Self::Read { file, .. }
            | Self::WriteFile { file, .. }
            | Self::OldCheckpoint { file, .. }
            | Self::NotRecorded { file, .. } => report.with("file", file.as_str()),
            _ => report,
        };
        report.write(as_json);
    }

    fn kind(&self) -> ReportKind {
        match self {
            Self::Option { .. } | Self::NoInput => ReportKind::Argument,
            Self::Write(_) | Self::WritePages { .. } | Self::WriteFile { .. } => ReportKind::Output,
            Self::Read { .. } | Self::Settings(_) => ReportKind::Input,
            Self::Proof(_) | Self::OldCheckpoint { .. } => ReportKind::Proof,
            #[cfg(feature = "audit-query")]
            Self::Index(_) => ReportKind::Input,
            Self::NotRecorded { .. } => ReportKind::Access,
            Self::KeyStore(_) | Self::MakeKey(_) => ReportKind::Keys,
            Self::Control(_) => ReportKind::Process,
            Self::TooManyEvents { .. } => ReportKind::Limit,
        }
    }
}

/// The exit code of a proof that was not made, or does not verify. Damage of the trail has that of `fapilog verify`.
fn code_of_checkpoint(error: &CheckpointError) -> u8 {
    match error {
        CheckpointError::UnknownKey { .. } => DamageKind::WrongKey.exit_code(),
        _ => DamageKind::CheckpointInvalid.exit_code(),
    }
}

fn code_of_proof(error: &ProofError) -> u8 {
    match error {
        ProofError::Verify(error) => code_of_trail(error),
        ProofError::NoSuchRecord { .. } => exit_code::NO_SUCH_RECORD,
        ProofError::NotSignedYet { .. } => exit_code::NOT_SIGNED_YET,
        ProofError::FilesMissing { .. } => exit_code::FILES_MISSING,
        ProofError::NoSuchSize { .. } => exit_code::NO_SUCH_SIZE,
        ProofError::Malformed { .. } => exit_code::NO_PROOF,
        ProofError::Checkpoint(error) => code_of_checkpoint(error),
        ProofError::BlockDiffers => exit_code::BLOCK_DIFFERS,
        ProofError::RootDiffers => exit_code::ROOT_DIFFERS,
        ProofError::OtherCheckpoint { .. } => exit_code::OTHER_CHECKPOINT,
        _ => exit_code::FAILURE,
    }
}

/// The exit code of a trail that does not verify: 2, the library's proposal for a file that cannot be read, is that of arguments.
pub(crate) fn code_of_trail(error: &VerifyError) -> u8 {
    match error {
        VerifyError::Damage(damage) => damage.kind.exit_code(),
        _ => exit_code::FAILURE,
    }
}

#[cfg(feature = "audit-query")]
fn code_of_index(error: &fapilog_audit_index::error::IndexError) -> u8 {
    match error.damage() {
        Some(damage) => damage.exit_code(),
        None if error.is_about_index() => exit_code::INDEX_CHANGED,
        None => exit_code::FAILURE,
    }
}

/// The thing that an error is about. `docs/command.md` has them as a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReportKind {
    Argument,
    Input,
    Output,
    Process,
    Limit,
    Proof,
    Keys,
    Access,
    /// No error: a change that the user is to know.
    Change,
    /// No error: a fact about the answer.
    #[cfg(feature = "audit-query")]
    Note,
}

impl ReportKind {
    fn name(self) -> &'static str {
        match self {
            Self::Argument => "argument",
            Self::Input => "input",
            Self::Output => "output",
            Self::Process => "process",
            Self::Limit => "limit",
            Self::Proof => "proof",
            Self::Keys => "keys",
            Self::Access => "access",
            Self::Change => "change",
            #[cfg(feature = "audit-query")]
            Self::Note => "note",
        }
    }
}

/// A message on standard error: text, or an object with the keys `error` and `kind`, and others that the kind has.
#[derive(Debug)]
pub(crate) struct ErrorReport {
    message: String,
    fields: Map<String, Value>,
}

impl ErrorReport {
    pub(crate) fn new(kind: ReportKind, message: impl Into<String>) -> Self {
        let message = message.into();
        let of_kind = [("error", message.as_str()), ("kind", kind.name())];
        let fields = of_kind.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        Self { message, fields }
    }

    /// With a key of its object.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(key.to_owned(), value.into());
        self
    }

    pub(crate) fn write(self, as_json: bool) {
        let line =
            if as_json { format!("{}\n", Value::Object(self.fields)) } else { format!("fapilog: {}\n", self.message) };
        // An error of standard error has no place to go to.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}
