//! Rotation: the times at which a new file starts, and the names of the files before it.

pub(crate) mod due;
pub(crate) mod file_tasks;
pub(crate) mod file_thread;
pub(crate) mod left_file;
pub(crate) mod link;
pub(crate) mod name;
pub(crate) mod schedule;

use std::{
    ffi::OsStr,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, linkat, open, renameat_with, unlinkat};
pub use schedule::{RotateEvery, RotateZone};

use schedule::Schedule;

/// The reasons to start a new file. Without any, files are rotated on request alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RotateOptions {
    /// The length that a file does not exceed, unless its only record does.
    pub(crate) bytes: Option<u64>,
    pub(crate) every: Option<RotateEvery>,
    /// UTC if it is absent.
    pub(crate) zone: Option<RotateZone>,
}

impl RotateOptions {
    /// Whether files are rotated without a request.
    pub(crate) fn is_automatic(&self) -> bool {
        self.bytes.is_some() || self.every.is_some()
    }

    /// The times of rotation, if there are any.
    pub(crate) fn schedule(&self) -> Option<Schedule> {
        self.every.map(|every| Schedule::new(every, self.zone.unwrap_or_default()))
    }
}

/// Opens a directory, for calls that name its files.
pub(crate) fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    Ok(open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Renames a file within a directory, where no file has the new name yet.
///
/// # Errors
/// `AlreadyExists` if a file has the new name.
pub(crate) fn rename_to_unused(directory: impl AsFd, from: &OsStr, to: &OsStr) -> io::Result<()> {
    let directory = directory.as_fd();
    match renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE) {
        // The file system has no such rename: a link is refused where the new name exists, too.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            linkat(directory, from, directory, to, AtFlags::empty())?;
            Ok(unlinkat(directory, from, AtFlags::empty())?)
        }
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_rename_never_replaces_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("a"), "a").unwrap();
        fs::write(path("b"), "b").unwrap();
        let opened = open_directory(directory.path()).unwrap();
        let error = rename_to_unused(&opened, "a".as_ref(), "b".as_ref()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(path("b")).unwrap(), b"b");
        rename_to_unused(&opened, "a".as_ref(), "c".as_ref()).unwrap();
        assert_eq!(fs::read(path("c")).unwrap(), b"a");
        assert!(!path("a").exists());
    }

    #[test]
    fn options_without_an_interval_have_no_schedule() {
        assert!(RotateOptions::default().schedule().is_none() && !RotateOptions::default().is_automatic());
        let options = RotateOptions { every: Some(RotateEvery::Day), ..RotateOptions::default() };
        assert!(options.schedule().is_some() && options.is_automatic());
    }
}
