//! Keys of encrypted logs, as arguments.

use std::path::{Path, PathBuf};

use clap::Args;
use fapilog::settings::{SecretBytes, SecretError, SecretRef};
use fapilog_encryption::{DecryptionKeys, Identity, KeyEncryptionKey, KeyStore};

use crate::{
    commands::trail_inputs::invalid,
    error::{CommandError, in_one_line},
    output::escaped,
};

/// The keys that a reader has.
#[derive(Debug, Args)]
pub(crate) struct DecryptionKeyArguments {
    #[command(flatten)]
    keys: FrameKeyArguments,
    /// The key store of a log that is shredded by day.
    #[arg(long = "key-store", value_name = "DIRECTORY")]
    stores: Vec<PathBuf>,
}

/// The keys that open frames: at least one is given.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct FrameKeyArguments {
    /// A private key, `fapilog-identity-1...`: a file that its owner alone can read. Several are alternatives.
    #[arg(long = "identity", value_name = "FILE")]
    identities: Vec<PathBuf>,
    /// A key-encryption key, `fapilog-key-1...`, 64 hexadecimal digits or 32 bytes: a file that its owner alone can read. Several
    /// are alternatives.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
}

impl DecryptionKeyArguments {
    pub(super) fn read(&self) -> Result<DecryptionKeys, CommandError> {
        read_keys(&self.keys.identities, &self.keys.keys, &self.stores)
    }
}

/// The keys of a reader, in the files and directories that `--identity`, `--key` and `--key-store` name.
pub(super) fn read_keys(
    identities: &[PathBuf],
    key_files: &[PathBuf],
    stores: &[PathBuf],
) -> Result<DecryptionKeys, CommandError> {
    let mut keys = DecryptionKeys::new();
    for path in identities {
        keys = keys.identity(read_identity(path)?);
    }
    for path in key_files {
        keys = keys.key(read_key(path)?);
    }
    for path in stores {
        keys = keys.key_store(open_store("--key-store", path)?);
    }
    Ok(keys)
}

/// The private key in the file that `--identity` names.
pub(super) fn read_identity(path: &Path) -> Result<Identity, CommandError> {
    let secret = read_secret("--identity", path)?;
    let text = secret.expose_text().map_err(|_| invalid("--identity", path, of_file(path, "it is no text")))?;
    text.parse().map_err(|error| invalid("--identity", path, of_file(path, &in_one_line(&error))))
}

/// The key-encryption key in the file that `--key` names.
pub(super) fn read_key(path: &Path) -> Result<KeyEncryptionKey, CommandError> {
    let secret = read_secret("--key", path)?;
    KeyEncryptionKey::from_secret(&secret).map_err(|error| invalid("--key", path, of_file(path, &in_one_line(&error))))
}

/// Opens a key store that is there: the library would make one.
pub(super) fn open_store(option: &'static str, path: &Path) -> Result<KeyStore, CommandError> {
    if !path.is_dir() {
        return Err(invalid(option, path, of_file(path, "there is no such directory")));
    }
    KeyStore::open(path).map_err(|error| invalid(option, path, escaped(&in_one_line(&error))))
}

fn read_secret(option: &'static str, path: &Path) -> Result<SecretBytes, CommandError> {
    SecretRef::file(path).read().map_err(|error| {
        let reason = match error {
            // The library's text names a setting, which the command has not.
            SecretError::ReadableByOthers { mode, wanted, .. } => {
                format!("it has mode {mode:03o}: other users can read or change it; `chmod {wanted:03o}` it")
            }
            SecretError::Unreadable { error, .. } => error.to_string(),
            other => other.to_string(),
        };
        invalid(option, path, of_file(path, &escaped(&reason)))
    })
}

fn of_file(path: &Path, reason: &str) -> String {
    format!("{}: {reason}", escaped(&path.to_string_lossy()))
}
