//! The first run: directories and keys that the settings of the standards expect in the working directory.
//!
//! It makes the example start at once. An organisation makes keys with care, keeps those for reading elsewhere, and encrypts for
//! `recipients`.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use fapilog_audit_trail::keys::{KeyError, generate_keys};
use fapilog_encryption::{EncryptError, KeyEncryptionKey};

/// A directory or a key cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FirstRunError {
    /// The keys of the audit trail.
    #[error("the keys of the audit trail cannot be made")]
    Trail(#[from] KeyError),
    /// The key of encrypted files.
    #[error("the key of encrypted files cannot be made")]
    Encryption(#[from] EncryptError),
    /// The system.
    #[error("the shop's directory cannot be prepared")]
    Io(#[from] io::Error),
}

/// Makes what is absent: `log`, `keys/signing.key` with `keys/verifying.key`, and `keys/log.key`.
///
/// # Errors
/// When one of them cannot be made.
pub fn prepare(directory: &Path) -> Result<(), FirstRunError> {
    let keys = directory.join("keys");
    DirBuilder::new().recursive(true).mode(0o750).create(directory.join("log"))?;
    DirBuilder::new().recursive(true).mode(0o700).create(&keys)?;
    if !keys.join("signing.key").exists() {
        generate_keys(&keys, "example.com/shop/audit")?;
    }
    let log_key = keys.join("log.key");
    if !log_key.exists() {
        let secret = KeyEncryptionKey::generate()?.to_secret_text();
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(log_key)?.write_all(secret.as_bytes())?;
    }
    Ok(())
}
