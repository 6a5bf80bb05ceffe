//! The file of the current chain key.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use fapilog_plugin::sink::SinkError;
use zeroize::Zeroizing;

use crate::{
    files::{io_error, sync_directory, with_suffix},
    keys::{ChainKey, KeyError, read_secret, write_new},
    writer::TrailError,
};

/// The key in the file; `None` if there is no file.
pub(super) fn read(path: &Path) -> Result<Option<ChainKey>, KeyError> {
    match read_secret(path) {
        Ok(text) => ChainKey::from_text(&text).map(Some),
        Err(KeyError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts the key in the place of the one before, whose bytes are overwritten. After a crash, the file has one of the two.
pub(super) fn replace(path: &Path, key: &ChainKey) -> Result<(), TrailError> {
    let new = with_suffix(path, ".new");
    // The file that a crash has left.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error("remove", &new)(error).into()),
        _ => {}
    }
    write_new(&new, key.to_text().as_bytes(), 0o600)?;
    let old = OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC).open(path);
    fs::rename(&new, path).map_err(io_error("rename", &new))?;
    sync_directory(path)?;
    if let Ok(old) = old {
        erase(&old).map_err(io_error("overwrite the old key of", path))?;
    }
    Ok(())
}

/// Overwrites a file whose name is gone, so that its bytes do not stay in free blocks of a file system that writes in place.
fn erase(old: &File) -> io::Result<()> {
    let length = usize::try_from(old.metadata()?.len()).unwrap_or(0).min(4096);
    old.write_all_at(&Zeroizing::new(vec![0; length]), 0)?;
    old.sync_data()
}

/// Makes the first key of a new trail: in the state file, and in a file for the auditor.
pub(super) fn make_first(state: &Path, for_auditor: &Path) -> Result<ChainKey, TrailError> {
    let key = ChainKey::generate()?;
    write_new(for_auditor, key.to_text().as_bytes(), 0o600)?;
    replace(state, &key)?;
    Ok(key)
}

/// Whether the file can be read as one of the trail. Its error is that of a sink.
pub(super) fn exists(path: &Path) -> Result<bool, SinkError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io_error("look at", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_key_is_overwritten_on_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.chain-key");
        let first = ChainKey::from_bytes(&[7; 32]);
        replace(&path, &first).unwrap();
        let old = File::open(&path).unwrap();
        replace(&path, &first.next()).unwrap();
        let mut bytes = vec![1; old.metadata().unwrap().len() as usize];
        old.read_exact_at(&mut bytes, 0).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0));
        assert_eq!(read(&path).unwrap().unwrap().epoch(), 1);
        assert!(!directory.path().join("a.chain-key.new").exists());
    }

    #[test]
    fn what_a_crash_has_left_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.chain-key");
        fs::write(with_suffix(&path, ".new"), "half a k").unwrap();
        replace(&path, &ChainKey::from_bytes(&[7; 32])).unwrap();
        assert!(read(&path).unwrap().is_some());
    }
}
