//! The removal of rotated files.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, flock, openat, statat, unlinkat};

use crate::rotate::{name::RotatedFile, open_directory};

/// The result of a removal.
#[derive(Debug, Default)]
pub(crate) struct Removal {
    /// The files that were removed.
    pub(crate) removed: Vec<RemovedFile>,
    /// Files that a sink still writes to: they stay until the next removal.
    pub(crate) in_use: Vec<PathBuf>,
    /// Files that could not be removed.
    pub(crate) errors: Vec<(PathBuf, io::Error)>,
}

/// A file that was removed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RemovedFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

impl Removal {
    /// Removes files of a directory, in this order. An error ends the removal of a single file.
    pub(crate) fn of(surplus: &[RotatedFile], directory: &Path) -> Self {
        let mut removal = Self::default();
        if surplus.is_empty() {
            return removal;
        }
        match open_directory(directory) {
            Ok(opened) => surplus.iter().for_each(|file| removal.remove(&file.path, &opened)),
            Err(error) => removal.errors.push((directory.to_owned(), error)),
        }
        removal
    }

    fn remove(&mut self, path: &Path, directory: &OwnedFd) {
        match remove(path, directory) {
            Ok(bytes) => self.removed.push(RemovedFile { path: path.to_owned(), bytes }),
            // Another process of the family, or its user, has removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.in_use.push(path.to_owned()),
            Err(error) => self.errors.push((path.to_owned(), error)),
        }
    }
}

/// Returns the length of the file.
fn remove(path: &Path, directory: &OwnedFd) -> io::Result<u64> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let status = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no longer a regular file"));
    }
    refuse_written(name, directory)?;
    unlinkat(directory, name, AtFlags::empty())?;
    Ok(u64::try_from(status.st_size).unwrap_or(0))
}

/// `WouldBlock` if a sink writes to the file: it holds a lock on it until all of its bytes are written. A file that cannot be
/// opened, or locked, is not known to be in use.
fn refuse_written(name: &std::ffi::OsStr, directory: &OwnedFd) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(directory, name, flags, Mode::empty()) {
        Ok(file) => refuse_locked(File::from(file)),
        Err(_) => Ok(()),
    }
}

/// Takes a shared lock, as long as the file is open: all but its writer may hold one.
///
/// # Errors
/// `WouldBlock` if a sink writes to the file.
pub(crate) fn refuse_locked(file: impl AsFd) -> io::Result<()> {
    match flock(file, FlockOperation::NonBlockingLockShared).map_err(io::Error::from) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
        // Any other error means a file system without locks.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
        time::SystemTime,
    };

    use super::*;

    fn file(path: PathBuf) -> RotatedFile {
        RotatedFile { path, first_second: 0, counter: 1, codec: None, bytes: 0, modified: SystemTime::UNIX_EPOCH }
    }

    fn directory_with(names: &[&str]) -> (tempfile::TempDir, Vec<RotatedFile>) {
        let directory = tempfile::tempdir().unwrap();
        let files: Vec<RotatedFile> = names.iter().map(|name| file(directory.path().join(name))).collect();
        files.iter().for_each(|file| fs::write(&file.path, "four").unwrap());
        (directory, files)
    }

    #[test]
    fn removed_files_are_reported_with_their_lengths() {
        let (directory, files) = directory_with(&["a", "b", "c"]);
        let removal = Removal::of(&files[..2], directory.path());
        let removed: Vec<_> = files[..2].iter().map(|file| RemovedFile { path: file.path.clone(), bytes: 4 }).collect();
        assert_eq!(removal.removed, removed);
        assert!(removal.errors.is_empty() && removal.in_use.is_empty());
        assert!(!files[0].path.exists() && !files[1].path.exists() && files[2].path.exists());
    }

    #[test]
    fn other_than_a_regular_file_stays_and_the_next_file_is_removed() {
        let (directory, files) = directory_with(&["a", "b", "c"]);
        fs::remove_file(&files[0].path).unwrap();
        symlink(&files[2].path, &files[0].path).unwrap();
        fs::remove_file(&files[1].path).unwrap();
        fs::create_dir(&files[1].path).unwrap();
        let removal = Removal::of(&files, directory.path());
        let errors: Vec<_> = removal.errors.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(errors, [files[0].path.clone(), files[1].path.clone()]);
        assert_eq!(removal.removed, [RemovedFile { path: files[2].path.clone(), bytes: 4 }]);
        assert!(files[0].path.is_symlink() && files[1].path.is_dir());
    }

    #[test]
    fn a_file_that_is_gone_is_neither_removed_nor_an_error() {
        let (directory, files) = directory_with(&["a"]);
        fs::remove_file(&files[0].path).unwrap();
        let removal = Removal::of(&files, directory.path());
        assert!(removal.removed.is_empty() && removal.errors.is_empty() && removal.in_use.is_empty());
    }

    #[test]
    fn a_file_that_is_written_to_stays_and_a_file_that_is_read_goes() {
        let (directory, files) = directory_with(&["written", "read"]);
        let [written, read] = [0, 1].map(|at: usize| fs::File::open(&files[at].path).unwrap());
        flock(&written, FlockOperation::NonBlockingLockExclusive).unwrap();
        flock(&read, FlockOperation::NonBlockingLockShared).unwrap();
        let removal = Removal::of(&files, directory.path());
        assert_eq!(removal.in_use, [files[0].path.clone()]);
        assert_eq!(removal.removed, [RemovedFile { path: files[1].path.clone(), bytes: 4 }]);
        drop(written);
        assert_eq!(Removal::of(&files[..1], directory.path()).removed.len(), 1);
    }

    #[test]
    fn a_file_without_permissions_is_removed() {
        let (directory, files) = directory_with(&["a"]);
        fs::set_permissions(&files[0].path, PermissionsExt::from_mode(0o0)).unwrap();
        assert_eq!(Removal::of(&files, directory.path()).removed.len(), 1);
    }

    #[test]
    fn a_directory_that_is_gone_is_an_error() {
        let (directory, files) = directory_with(&["a"]);
        let removal = Removal::of(&files, &directory.path().join("none"));
        assert_eq!(removal.errors.len(), 1);
    }
}
