//! The file of the current chain key.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use fapilog_plugin::sink::SinkError;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::{
    files::{io_error, sync_directory, with_suffix},
    keys::{ChainKey, KeyError, read_chain_key, read_own_secret, write_new},
    writer::TrailError,
};

/// The key in the file; `None` if there is no file.
pub(super) fn read(path: &Path) -> Result<Option<ChainKey>, KeyError> {
    match read_own_secret(path) {
        Ok(text) => ChainKey::from_text(&text).map(Some),
        Err(KeyError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts the key in the place of the one before, whose bytes are overwritten. After a crash, the file has one of the two, and the other
/// one is overwritten by the next call, or by the next start.
pub(super) fn replace(path: &Path, key: &ChainKey) -> Result<(), TrailError> {
    let new = other_key_path(path);
    erase_other(path)?;
    write_new(&new, key.to_text().as_bytes(), 0o600)?;
    exchange(&new, path).map_err(io_error("rename", &new))?;
    sync_directory(path)?;
    erase_other(path)
}

/// The file with the next key before the exchange, and with the old one behind it.
fn other_key_path(path: &Path) -> PathBuf {
    with_suffix(path, ".new")
}

/// Gives the two files each other's name, or the first one the name of a second that is not there.
fn exchange(new: &Path, path: &Path) -> io::Result<()> {
    match renameat_with(CWD, new, CWD, path, RenameFlags::EXCHANGE).map_err(io::Error::from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(new, path),
        // The file system cannot do that. The old key has no name behind the rename, and is overwritten by its open file.
        Err(error) if [Some(libc::EINVAL), Some(libc::ENOSYS)].contains(&error.raw_os_error()) => {
            let old = open_to_erase(path);
            fs::rename(new, path)?;
            old.map_or(Ok(()), |old| erase(&old))
        }
        exchanged => exchanged,
    }
}

/// Overwrites and removes the key that an exchange or a crash has left, so that its bytes do not stay in free blocks of a file system
/// that writes in place.
pub(super) fn erase_other(path: &Path) -> Result<(), TrailError> {
    let other = other_key_path(path);
    let erased = match open_to_erase(&other) {
        Ok(file) => erase(&file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
    };
    erased.map_err(io_error("overwrite the old key in", &other))?;
    fs::remove_file(&other).map_err(io_error("remove", &other))?;
    Ok(())
}

fn open_to_erase(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
    OpenOptions::new().write(true).custom_flags(flags).open(path)
}

fn erase(old: &File) -> io::Result<()> {
    let length = usize::try_from(old.metadata()?.len()).unwrap_or(0).min(4096);
    old.write_all_at(&vec![0; length], 0)?;
    old.sync_data()
}

/// Makes the first key of a new trail.
pub(super) fn make_first(path: &Path) -> Result<ChainKey, TrailError> {
    let key = ChainKey::generate()?;
    replace(path, &key)?;
    Ok(key)
}

/// Writes the first key for the auditor, if an interrupted start has not. Returns the path of the file.
///
/// The program's own key is durable before: a crash between the two has the next start write the auditor's.
pub(super) fn write_for_auditor(key: &ChainKey, configured: Option<&Path>, live: &Path) -> Result<PathBuf, TrailError> {
    let id = u64::from_be_bytes(key.id());
    let beside = with_suffix(live, format!(".first-chain-key-{id:016x}"));
    let has_key = |path: &Path| read_chain_key(path).is_ok_and(|found| found.epoch() == 0 && found.id() == key.id());
    // The file of the settings may have the first key of an older trail.
    let free = configured.filter(|path| has_key(path) || fs::symlink_metadata(path).is_err());
    let path = free.unwrap_or(&beside);
    if !has_key(path) {
        write_new(path, key.to_text().as_bytes(), 0o600)?;
    }
    Ok(path.to_owned())
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
    fn a_key_that_a_crash_has_left_is_overwritten_before_it_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.chain-key");
        let first = ChainKey::from_bytes(&[7; 32]);
        replace(&path, &first).unwrap();
        fs::write(other_key_path(&path), &*first.next().to_text()).unwrap();
        let left = File::open(other_key_path(&path)).unwrap();
        replace(&path, &first.next()).unwrap();
        let mut bytes = vec![1; left.metadata().unwrap().len() as usize];
        left.read_exact_at(&mut bytes, 0).unwrap();
        assert!(!bytes.is_empty() && bytes.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn the_auditors_key_is_written_once_and_never_over_another() {
        let directory = tempfile::tempdir().unwrap();
        let (live, configured) = (directory.path().join("audit.jsonl"), directory.path().join("auditor.key"));
        let (one, two) = (ChainKey::from_bytes(&[1; 32]), ChainKey::from_bytes(&[2; 32]));
        for _ in 0..2 {
            assert_eq!(write_for_auditor(&one, Some(&configured), &live).unwrap(), configured);
        }
        let beside = write_for_auditor(&two, Some(&configured), &live).unwrap();
        assert_eq!(write_for_auditor(&two, None, &live).unwrap(), beside);
        assert_eq!([&configured, &beside].map(|path| read_chain_key(path).unwrap().id()), [one.id(), two.id()]);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
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
