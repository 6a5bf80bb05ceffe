//! Files of keys.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{
    files::directory_of,
    keys::{ChainKey, KeyError, SigningKey, VerifyingKey},
    reading::open_without_links,
};

/// The most bytes of a key file.
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// The files that [`generate_keys`] has made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyFiles {
    /// `signing.key`, mode 0600: for the setting `signing_key`.
    pub signing: PathBuf,
    /// `verifying.key`, mode 0644: for everybody who verifies the trail.
    pub verifying: PathBuf,
}

/// Makes a signing key and its verifying key, in new files of this directory. The chain's first key is made with the trail.
///
/// # Errors
/// When the name is none of a key, or a file exists already or cannot be written.
pub fn generate_keys(directory: &Path, name: &str) -> Result<KeyFiles, KeyError> {
    let key = SigningKey::generate(name)?;
    let files = KeyFiles { signing: directory.join("signing.key"), verifying: directory.join("verifying.key") };
    write_new(&files.signing, key.to_text().as_bytes(), 0o600)?;
    let verifying = format!("{}\n", key.verifying_key().to_text());
    write_new(&files.verifying, verifying.as_bytes(), 0o644).inspect_err(|_| {
        // A signing key without its verifying key would be in the way of the next attempt.
        let _ = fs::remove_file(&files.signing);
    })?;
    Ok(files)
}

/// Reads a signing key from its file.
///
/// # Errors
/// When the file cannot be read, or has no such key.
pub fn read_signing_key(path: &Path) -> Result<SigningKey, KeyError> {
    SigningKey::from_text(&read_secret(path)?)
}

/// Reads a verifying key from its file.
///
/// # Errors
/// When the file cannot be read, or has no such key.
pub fn read_verifying_key(path: &Path) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_text(&read_secret(path)?)
}

/// Reads a chain key from its file.
///
/// # Errors
/// When the file cannot be read, or has no such key.
pub fn read_chain_key(path: &Path) -> Result<ChainKey, KeyError> {
    ChainKey::from_text(&read_secret(path)?)
}

/// Writes a new file, and makes it and its name durable. A file that exists is an error: a key is never overwritten. A file that cannot
/// be written as a whole is removed.
pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let write = || -> io::Result<()> {
        let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC;
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).custom_flags(flags).open(path)?;
        let written = fill(file, bytes, mode).and_then(|()| File::open(directory_of(path))?.sync_all());
        if written.is_err() {
            let _ = fs::remove_file(path);
        }
        written
    };
    write().map_err(|source| KeyError::Io { operation: "write", path: path.to_owned(), source })
}

fn fill(mut file: File, bytes: &[u8], mode: u32) -> io::Result<()> {
    file.set_permissions(PermissionsExt::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reads a small file of text.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let text = File::open(path).and_then(read_text);
    text.map_err(|source| KeyError::Io { operation: "read", path: path.to_owned(), source })
}

/// Reads a small file of text that its owner alone can read or write, and that no link leads to.
pub(crate) fn read_own_secret(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let text = open_without_links(path).and_then(|file| {
        let mode = file.metadata()?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let text = format!("its permissions are {mode:03o}, and allowed are 600: its owner alone may read it");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        read_text(file)
    });
    text.map_err(|source| KeyError::Io { operation: "read", path: path.to_owned(), source })
}

fn read_text(file: File) -> io::Result<Zeroizing<String>> {
    // With room for the whole text: a buffer that grows leaves copies in memory.
    let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_BYTES_MAX as usize));
    file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_keys_are_in_files_that_others_cannot_read_and_that_stay() {
        let directory = tempfile::tempdir().unwrap();
        let files = generate_keys(directory.path(), "example.com/audit").unwrap();
        let mode = std::fs::metadata(&files.signing).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let signing = read_signing_key(&files.signing).unwrap();
        assert_eq!(read_verifying_key(&files.verifying).unwrap(), *signing.verifying_key());
        assert!(matches!(generate_keys(directory.path(), "example.com/audit"), Err(KeyError::Io { .. })));
        assert_eq!(read_signing_key(&files.signing).unwrap().to_text(), signing.to_text());

        // No half of a pair stays.
        fs::remove_file(&files.signing).unwrap();
        assert!(generate_keys(directory.path(), "example.com/audit").is_err());
        assert!(!files.signing.exists() && files.verifying.exists());
    }
}
