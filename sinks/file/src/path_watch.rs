//! The path of the open file: whether it still names the file.

use std::{
    fs::{File, Metadata, symlink_metadata},
    io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    time::{Duration, Instant},
};

/// How often the path is checked.
const INTERVAL: Duration = Duration::from_secs(1);

/// Device and inode of a file.
pub(super) type InodeId = (u64, u64);

/// The place that the path has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathState {
    Same,
    /// The file has another name, and its path has none.
    Moved,
    /// The file has another name, and its path names another file.
    Replaced,
    /// The file has no name.
    Removed,
}

/// Checks once a second whether the path names the open file.
#[derive(Debug)]
pub(super) struct PathWatch {
    path: PathBuf,
    state: PathState,
    checked: Instant,
}

impl PathWatch {
    pub(super) fn new(path: PathBuf, now: Instant) -> Self {
        Self { path, state: PathState::Same, checked: now }
    }

    /// The time of the next check.
    pub(super) fn due(&self) -> Option<Instant> {
        self.checked.checked_add(INTERVAL)
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.checked) >= INTERVAL
    }

    /// Checks the path. Returns its state.
    pub(super) fn check(&mut self, file: &File, now: Instant) -> PathState {
        self.checked = now;
        // An error, such as a directory that may not be read any more, shows nothing about the file.
        if let Ok(state) = self.state_of(file) {
            self.state = state;
        }
        self.state
    }

    /// Another file is open now.
    pub(super) fn reset(&mut self) {
        self.state = PathState::Same;
    }

    fn state_of(&self, file: &File) -> io::Result<PathState> {
        let open = file.metadata()?;
        let named = match symlink_metadata(&self.path) {
            Ok(named) => Some(inode_of(&named)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(match named {
            Some(named) if named == inode_of(&open) => PathState::Same,
            _ if open.nlink() == 0 => PathState::Removed,
            Some(_) => PathState::Replaced,
            None => PathState::Moved,
        })
    }
}

pub(super) fn inode_of(metadata: &Metadata) -> InodeId {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_path_of_a_file_shows_what_other_programs_have_done_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let (path, moved) = (directory.path().join("watched.log"), directory.path().join("moved.log"));
        let file = File::create(&path).unwrap();
        let mut now = Instant::now();
        let mut watch = PathWatch::new(path.clone(), now);
        let mut check = || {
            now += INTERVAL;
            watch.check(&file, now)
        };
        assert_eq!(check(), PathState::Same);
        fs::rename(&path, &moved).unwrap();
        assert_eq!(check(), PathState::Moved);
        fs::write(&path, "another").unwrap();
        assert_eq!(check(), PathState::Replaced);
        fs::remove_file(&moved).unwrap();
        assert_eq!(check(), PathState::Removed);
    }

    #[test]
    fn a_check_is_due_a_second_after_the_one_before_it() {
        let now = Instant::now();
        let mut watch = PathWatch::new(PathBuf::from("/no/such/file"), now);
        assert!(!watch.is_due(now + INTERVAL - Duration::from_nanos(1)) && watch.is_due(now + INTERVAL));
        watch.check(&tempfile::tempfile().unwrap(), now + INTERVAL);
        assert_eq!(watch.due(), Some(now + 2 * INTERVAL));
        assert!(!watch.is_due(now + INTERVAL));
    }
}
