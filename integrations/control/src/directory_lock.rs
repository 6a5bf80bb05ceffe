//! The lock of a directory, while a socket is made in it.
//!
//! A socket that is bound and does not listen yet looks like that of an ended process, and a process that has found such a file would
//! remove the one that another process has put in its place meanwhile. So processes that start a control socket in a directory do
//! it one after the other. Their threads do, too: each start opens the directory anew.

use std::{
    fs::File,
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use crate::error::ControlError;

/// How long a start waits for those of other processes, which take less than a millisecond.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

const RETRY_INTERVAL: Duration = Duration::from_millis(2);

/// A lock that lasts until it is dropped. It leaves no file.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    /// `None` where the directory cannot be locked.
    directory: Option<File>,
}

impl DirectoryLock {
    /// Locks a directory.
    pub(crate) fn of(directory: &Path) -> Result<Self, ControlError> {
        let opened = match File::open(directory) {
            Ok(opened) => opened,
            // It may be entered, and not read.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(Self { directory: None }),
            Err(error) => return Err(ControlError::io("open the directory", directory)(error)),
        };
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            match flock(&opened, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { directory: Some(opened) }),
                Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < deadline => thread::sleep(RETRY_INTERVAL),
                Err(Errno::WOULDBLOCK) => {
                    return Err(ControlError::Locked { directory: directory.to_owned(), timeout: LOCK_TIMEOUT });
                }
                // A file system without locks.
                Err(_) => return Ok(Self { directory: None }),
            }
        }
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            // A child that was forked meanwhile has a copy of the descriptor, which would hold the lock.
            let _ = flock(directory, FlockOperation::Unlock);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_locked_for_one_socket_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let lock = DirectoryLock::of(directory.path()).unwrap();
        let copy = lock.directory.as_ref().unwrap().try_clone().unwrap();
        let error = DirectoryLock::of(directory.path()).unwrap_err();
        assert!(
            matches!(&error, ControlError::Locked { directory: locked, .. } if locked == directory.path()),
            "{error}"
        );
        drop(lock);
        // Also where a forked child has a copy of the descriptor.
        drop(DirectoryLock::of(directory.path()).unwrap());
        drop(copy);
    }

    #[test]
    fn a_directory_that_does_not_exist_is_an_error_that_names_it() {
        let error = DirectoryLock::of(Path::new("/no/such")).unwrap_err();
        assert_eq!(error.to_string(), "cannot open the directory \"/no/such\"");
    }
}
