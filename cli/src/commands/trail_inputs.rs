//! Inputs about audit trails that several commands have: keys, and notes with checkpoints.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use fapilog_audit_trail::{
    format::{Checkpoint, split_notes},
    keys::{ChainKey, KeyError, VerifyingKey, read_chain_key, read_verifying_key},
    verify::Verifier,
};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    error::{CommandError, in_one_line},
    output::{escaped, time_text},
};

/// The verifying key in a directory that `fapilog keys audit` made.
const VERIFYING_KEY: &str = "verifying.key";
/// The first chain key in such a directory, if the setting `first_key` names it.
pub(super) const FIRST_CHAIN_KEY: &str = "first-chain.key";

/// The key that checkpoints are verified by.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct VerifyingKeyArguments {
    /// The verifying key of the trail: a file. It is public.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A directory with the verifying key, `verifying.key`, and, if it is there, the first chain key, `first-chain.key`.
    #[arg(long, value_name = "DIRECTORY")]
    keys: Option<PathBuf>,
}

/// The keys that a trail is verified by.
#[derive(Debug, Args)]
pub(crate) struct TrailKeyArguments {
    #[command(flatten)]
    verifying: VerifyingKeyArguments,
    /// The first chain key, which the auditor keeps: a file. With it, a change is found at its own entry, and also behind the last
    /// checkpoint.
    #[arg(long, value_name = "FILE")]
    chain_key: Option<PathBuf>,
}

impl VerifyingKeyArguments {
    pub(super) fn read(&self) -> Result<VerifyingKey, CommandError> {
        let (option, path) = match (&self.key, &self.keys) {
            (Some(file), _) => ("--key", file.clone()),
            // clap demands either of them.
            (None, directory) => ("--keys", directory.clone().unwrap_or_default().join(VERIFYING_KEY)),
        };
        read_verifying_key(&path).map_err(|error| invalid_key(option, &path, &error))
    }
}

impl TrailKeyArguments {
    /// A verifier, with the chain key if there is one.
    pub(super) fn verifier(&self) -> Result<Verifier, CommandError> {
        let verifier = Verifier::new(self.verifying.read()?);
        Ok(match self.chain_key()? {
            Some(key) => verifier.chain_key(key),
            None => verifier,
        })
    }

    pub(super) fn verifying_key(&self) -> Result<VerifyingKey, CommandError> {
        self.verifying.read()
    }

    fn chain_key(&self) -> Result<Option<ChainKey>, CommandError> {
        let beside = self.verifying.keys.as_ref().map(|directory| directory.join(FIRST_CHAIN_KEY));
        let (option, path) = match (&self.chain_key, beside) {
            (Some(file), _) => ("--chain-key", file.clone()),
            (None, Some(file)) if file.exists() => ("--keys", file),
            (None, _) => return Ok(None),
        };
        let key = read_chain_key(&path).map_err(|error| invalid_key(option, &path, &error))?;
        if key.epoch() > 0 {
            let text = escaped(&path.to_string_lossy());
            let message = format!("{text}: it is the chain key behind checkpoint {}, not the first one", key.epoch());
            return Err(invalid(option, &path, message));
        }
        Ok(Some(key))
    }
}

fn invalid_key(option: &'static str, path: &Path, error: &KeyError) -> CommandError {
    let message = match error {
        KeyError::Io { .. } => escaped(&in_one_line(error)),
        _ => format!("{}: {}", escaped(&path.to_string_lossy()), in_one_line(error)),
    };
    invalid(option, path, message)
}

/// A file that an option names, and that is not the one it must be.
pub(super) fn invalid(option: &'static str, path: &Path, message: String) -> CommandError {
    CommandError::Option { option, value: path.to_string_lossy().into_owned(), message, suggestion: None }
}

/// Reads a small file of text as a whole; `-` is standard input.
pub(super) fn read_text(path: &Path) -> Result<String, CommandError> {
    let text = if path == Path::new("-") { io::read_to_string(io::stdin()) } else { fs::read_to_string(path) };
    text.map_err(|source| CommandError::Read { file: escaped(&path.to_string_lossy()), source })
}

/// The checkpoints of an anchor. A file without any would prove nothing.
pub(super) fn read_anchor(path: &Path) -> Result<String, CommandError> {
    let notes = read_text(path)?;
    if notes.trim().is_empty() {
        let message = format!("{}: there is no checkpoint in it", escaped(&path.to_string_lossy()));
        return Err(invalid("--anchor", path, message));
    }
    Ok(notes)
}

/// The last of the signed notes in a text.
fn last_note(notes: &str) -> &str {
    split_notes(notes).last().copied().unwrap_or_default()
}

/// Reads the older checkpoint of a proof: the last of the signed notes in the file that `option` names.
pub(super) fn read_old_checkpoint(
    option: &'static str,
    path: &Path,
    key: &VerifyingKey,
) -> Result<Checkpoint, CommandError> {
    let notes = read_text(path)?;
    Checkpoint::verify(last_note(&notes), key).map_err(|error| {
        let file = escaped(&path.to_string_lossy());
        CommandError::OldCheckpoint { option, file, error }
    })
}

/// A time since 1970 in UTC, as RFC 3339 has it.
pub(super) fn utc_text(unix_nanos: u64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(unix_nanos));
    time.map_or_else(|_| format!("{unix_nanos} ns after 1970"), |time| time_text(time, &TimeZone::UTC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_note_of_an_anchor_is_found() {
        let one = "origin\n1\nroot\n\n\u{2014} a x\n";
        let two = "origin\n2\nroot\n\n\u{2014} a x\n\u{2014} b y\n";
        assert_eq!(last_note(&format!("{one}{two}")), two);
        assert_eq!([last_note(one), last_note("")], [one, ""]);
    }

    #[test]
    fn every_number_of_nanoseconds_has_a_text() {
        assert_eq!(utc_text(1_764_496_800_000_000_000), "2025-11-30T10:00:00.000000Z");
        assert!(utc_text(u64::MAX).starts_with("2554-"));
    }
}
