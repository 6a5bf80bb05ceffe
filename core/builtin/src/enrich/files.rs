//! Small files that another process keeps up to date.

use std::{
    fs::OpenOptions,
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Duration,
};

use fapilog_plugin::cache::Cache;

/// The most that is read of a file; what lies behind it is not looked at.
const FILE_MAX_BYTES: u64 = 64 * 1024;

/// How many files are kept; a Kubernetes enricher reads up to six.
const FILES_MAX: usize = 128;

/// Lifetime of a text that was read.
const GOOD_FOR: Duration = Duration::from_secs(30);

/// The text of files, read once in half a minute for all shards.
#[derive(Debug)]
pub(super) struct SharedFiles {
    /// `None`: the file could not be read.
    texts: Cache<PathBuf, Option<Arc<str>>>,
}

impl SharedFiles {
    /// The files of the whole process.
    pub(super) fn of_process() -> Arc<Self> {
        static FILES: LazyLock<Arc<SharedFiles>> = LazyLock::new(|| Arc::new(SharedFiles::good_for(GOOD_FOR)));
        Arc::clone(&FILES)
    }

    pub(super) fn good_for(time: Duration) -> Self {
        Self { texts: Cache::new(FILES_MAX).time_to_live(time) }
    }

    /// The file's text, if it can be read: bytes that are not UTF-8 are replaced by U+FFFD.
    pub(super) fn text(&self, path: &Path) -> Option<Arc<str>> {
        self.texts.get_or_insert_with(path, || read(path))
    }
}

fn read(path: &Path) -> Option<Arc<str>> {
    // Neither open nor read may block: a pipe in the file's place would stop the drain.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(FILE_MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into())
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    #[test]
    fn a_file_is_read_once_for_all_shards() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("labels");
        fs::write(&path, "first").unwrap();
        let files = SharedFiles::good_for(GOOD_FOR);
        assert_eq!(files.text(&path).as_deref(), Some("first"));
        fs::write(&path, "second").unwrap();
        assert_eq!(files.text(&path).as_deref(), Some("first"));
        assert_eq!(SharedFiles::good_for(GOOD_FOR).text(&path).as_deref(), Some("second"));
    }

    #[test]
    fn no_more_than_64_kib_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("labels");
        fs::write(&path, vec![b'a'; 100_000]).unwrap();
        assert_eq!(SharedFiles::good_for(GOOD_FOR).text(&path).unwrap().len(), 65_536);
    }

    #[test]
    fn a_path_that_is_no_file_has_no_text_and_blocks_no_reader() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [directory.path(), &pipe, &directory.path().join("missing")] {
            assert_eq!(SharedFiles::good_for(GOOD_FOR).text(path), None);
        }
    }
}
