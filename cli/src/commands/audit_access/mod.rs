//! Access records: an event about each look at a trail, in an audit trail of its own.
//!
//! The record is synced before anything is shown. Without the record, the command ends with an error, and shows nothing.

mod identity;

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use fapilog::{Container, Level, audit, container::Executor, format, settings::SecretRef};
use fapilog_audit_trail::sink::AuditTrail;
use serde_json::Value;

use self::identity::ProcessUser;
use crate::{
    error::{CommandError, in_one_line},
    input::InputName,
    output::escaped,
};

/// How long the access trail is waited for, which one command after the other writes.
const LOCK_WAIT: Duration = Duration::from_secs(30);
const LOCK_POLL: Duration = Duration::from_millis(10);
/// How long the record may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The trail that gets access records.
#[derive(Debug, Args)]
#[command(next_help_heading = "Access record")]
pub(crate) struct AccessTrailArguments {
    /// The access trail: the data file of an audit trail. The access is recorded in it before anything is shown. It is made if it is not
    /// there.
    #[arg(long, value_name = "FILE", requires = "access_key")]
    access_trail: Option<PathBuf>,
    /// The signing key of the access trail: a file, '${VARIABLE}', or a reference as JSON, such as '{"command": ["vault", "read"]}'.
    #[arg(long, value_name = "REFERENCE", requires = "access_trail")]
    access_key: Option<String>,
}

#[cfg(feature = "audit-query")]
/// As [`AccessTrailArguments`], for a command that is refused without a record.
#[derive(Debug, Args)]
#[command(next_help_heading = "Access record")]
pub(crate) struct DemandedAccessArguments {
    #[command(flatten)]
    trail: AccessTrailArguments,
    /// Record no access: for a reader of a copy, who has no access trail.
    #[arg(long, conflicts_with = "access_trail")]
    no_access_record: bool,
}

/// A look at a trail, or at a log.
#[derive(Debug)]
pub(super) struct AccessEvent {
    /// The action: the message of the event.
    pub(super) action: &'static str,
    /// The files.
    pub(super) object: String,
    /// Whether the command shows what it was asked for.
    pub(super) is_success: bool,
    /// The number of records that are shown, if it is known.
    pub(super) records: Option<u64>,
    /// The terms of the command.
    pub(super) terms: Value,
}

impl AccessEvent {
    /// For a command that shows what is in files, before it shows any of it.
    pub(super) fn of_files(action: &'static str, inputs: &[InputName], output: Option<&Path>) -> Self {
        let name = |input: &InputName| match input {
            InputName::StandardInput => "-".to_owned(),
            InputName::File(path) => whole_path(path),
        };
        let files: Vec<String> = inputs.iter().map(name).collect();
        let object = files.join(", ");
        let terms = serde_json::json!({ "files": files, "output": output.map(whole_path) });
        Self { action, object, is_success: true, records: None, terms }
    }
}

/// Writes access records.
#[derive(Debug)]
pub(super) struct AccessRecorder {
    path: PathBuf,
    key: SecretRef,
}

impl AccessTrailArguments {
    /// The recorder, if there is an access trail.
    pub(super) fn recorder(&self) -> Result<Option<AccessRecorder>, CommandError> {
        let (Some(path), Some(key)) = (&self.access_trail, &self.access_key) else { return Ok(None) };
        Ok(Some(AccessRecorder { path: path.clone(), key: key_reference(key)? }))
    }

    /// Records the access, if there is an access trail.
    pub(super) fn record(&self, event: &AccessEvent) -> Result<(), CommandError> {
        self.recorder()?.map_or(Ok(()), |recorder| recorder.record(event))
    }
}

#[cfg(feature = "audit-query")]
impl DemandedAccessArguments {
    /// The recorder; `None` with the flag alone.
    pub(super) fn recorder(&self) -> Result<Option<AccessRecorder>, CommandError> {
        let recorder = self.trail.recorder()?;
        if recorder.is_none() && !self.no_access_record {
            return Err(CommandError::Option {
                option: "--access-trail",
                value: String::new(),
                message: "it is missing: the access is recorded before anything is shown. Name the access trail by --access-trail, and its \
                          signing key by --access-key; a reader of a copy, who has none, gives --no-access-record"
                    .to_owned(),
                suggestion: None,
            });
        }
        Ok(recorder)
    }
}

/// The reference to a key: a path, or one of the notations of settings.
fn key_reference(text: &str) -> Result<SecretRef, CommandError> {
    let invalid = |reason: &dyn std::fmt::Display| CommandError::Option {
        option: "--access-key",
        value: String::new(),
        message: format!(
            "it is no reference to a key: {reason}; allowed are a path, '${{VARIABLE}}', and JSON such as '{{\"file\": \"PATH\"}}', \
             '{{\"env\": \"VARIABLE\"}}' and '{{\"command\": [\"PROGRAM\", \"ARGUMENT\"]}}'"
        ),
        suggestion: None,
    };
    // A key itself is not repeated, and is in the history of the shell by now.
    if text.starts_with("PRIVATE+KEY+") {
        return Err(invalid(&"it is a key itself, which is a secret no more: make another one"));
    }
    match text.as_bytes().first() {
        Some(b'{') => serde_json::from_str(text).map_err(|error| invalid(&error)),
        Some(b'$') => serde_json::from_value(text.into()).map_err(|error| invalid(&error)),
        Some(_) => Ok(SecretRef::file(text)),
        None => Err(invalid(&"it is empty")),
    }
}

impl AccessRecorder {
    /// Writes a record, and returns when it is on the disk.
    pub(super) fn record(&self, event: &AccessEvent) -> Result<(), CommandError> {
        let lock = self.lock()?;
        let trail = AuditTrail::new(&self.path, format::Json::new, self.key.clone());
        let logs = Container::builder().executor(Executor::Thread).level(Level::Audit).sink("access", trail).start();
        let logs = logs.map_err(|error| self.not_recorded(in_one_line(&error)))?;
        log(&logs, event);
        let accounts = logs.shutdown(WRITE_TIMEOUT).map_err(|error| self.not_recorded(in_one_line(&error)))?;
        drop(lock);
        match accounts.delivered_total() > 0 && accounts.lost_total() == 0 && accounts.filtered_total() == 0 {
            true => Ok(()),
            false => Err(self.not_recorded(format!("the record was not written: {accounts}"))),
        }
    }

    /// Commands have the trail one after the other: the sink itself would refuse the second one.
    fn lock(&self) -> Result<File, CommandError> {
        let mut path = self.path.clone().into_os_string();
        path.push(".access-lock");
        let failed = |error: &io::Error| {
            self.not_recorded(format!("{}: it cannot be locked: {error}", escaped(&Path::new(&path).to_string_lossy())))
        };
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(|error| failed(&error))?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if start.elapsed() < LOCK_WAIT => thread::sleep(LOCK_POLL),
                Err(TryLockError::WouldBlock) => {
                    return Err(failed(&io::Error::other(format!(
                        "another command has it for more than {} s",
                        LOCK_WAIT.as_secs()
                    ))));
                }
                Err(TryLockError::Error(error)) => return Err(failed(&error)),
            }
        }
    }

    fn not_recorded(&self, reason: String) -> CommandError {
        CommandError::NotRecorded { file: self.path.to_string_lossy().into_owned(), reason: escaped(&reason) }
    }
}

fn log(logs: &Container, event: &AccessEvent) {
    let AccessEvent { action, object, is_success, records, terms } = event;
    let ProcessUser { who, host, uid, user, login_uid, login_user } = ProcessUser::of_process();
    let outcome = if *is_success { "success" } else { "failure" };
    audit!(
        logs.logger("fapilog-command"),
        *action,
        who = who.as_str(),
        origin = host.as_str(),
        object = object.as_str(),
        outcome,
        uid,
        user = user.as_deref(),
        login_uid,
        login_user = login_user.as_deref(),
        records = *records,
        terms = terms.to_string().as_str()
    );
}

/// The path of a file as it stands in access records: without links, if it can be found.
pub(super) fn whole_path(path: &Path) -> String {
    let whole = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    whole.unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_given_by_a_path_a_variable_or_a_reference_as_json() {
        for (text, shown) in [
            ("keys/signing.key", "keys/signing.key"),
            ("${ACCESS_KEY}", "${ACCESS_KEY}"),
            (r#"{"env": "ACCESS_KEY"}"#, "${ACCESS_KEY}"),
            (r#"{"command": ["vault", "read"]}"#, "vault"),
        ] {
            let reference = key_reference(text).unwrap().to_string();
            assert!(reference.contains(shown), "{text}: {reference}");
        }
    }

    #[test]
    fn a_key_itself_is_refused_and_not_repeated() {
        for text in ["PRIVATE+KEY+a+b+sesame", "{\"sesame\": 1}", "$sesame", ""] {
            let error = key_reference(text).unwrap_err().to_string();
            assert!(error.contains("allowed are a path") && !error.contains("sesame"), "{error}");
        }
    }
}
