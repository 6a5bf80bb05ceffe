//! The file that is written, and the directory it is in.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{cli::PlaceArgs, error::BenchError, machine, written::WrittenFiles};

/// How often, and how long, files are looked at that a log's threads may still change.
const SETTLE_INTERVAL: Duration = Duration::from_millis(20);
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Space that a run without a number of events leaves free.
pub(crate) const RESERVE_BYTES: u64 = 2 << 30;

/// Space that a run with a number of events leaves free: it is known ahead how much it takes.
pub(crate) const SMALL_RESERVE_BYTES: u64 = 64 << 20;

/// The directory to write to.
#[derive(Debug)]
pub(crate) struct OutputDirectory {
    path: PathBuf,
    /// Ours to remove, if it is empty in the end.
    is_default: bool,
}

impl OutputDirectory {
    /// Makes it if it is not there.
    pub(crate) fn open(place: &PlaceArgs) -> Result<Self, BenchError> {
        let (path, is_default) = match &place.out {
            Some(path) => (path.clone(), false),
            None => (std::env::temp_dir().join("fapilog-bench"), true),
        };
        let mode = if is_default { 0o700 } else { 0o755 };
        let made = fs::DirBuilder::new().recursive(true).mode(mode).create(&path);
        made.map_err(|source| BenchError::Io { operation: "make the directory", path: path.clone(), source })?;
        Ok(Self { path, is_default })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes that a run with a time may write.
    pub(crate) fn writable_bytes(&self) -> Result<u64, BenchError> {
        Ok(machine::free_bytes(&self.path)?.saturating_sub(RESERVE_BYTES))
    }

    /// Makes sure that so many bytes can be written.
    pub(crate) fn check_space(&self, needed_bytes: u64) -> Result<(), BenchError> {
        let free_bytes = machine::free_bytes(&self.path)?;
        if free_bytes < needed_bytes {
            return Err(BenchError::NoSpace { path: self.path.clone(), free_bytes, needed_bytes });
        }
        Ok(())
    }

    /// A file that is not there yet. It is removed when the result is dropped, unless it is to be kept.
    pub(crate) fn file(&self, name: &str, keep: bool) -> OutputFile {
        let process = std::process::id();
        let mut path = self.path.join(format!("{name}-{process}.log"));
        let mut number = 1;
        // A file that an earlier process of our number has left is not ours, nor are its rotated files.
        while path.symlink_metadata().is_ok() || WrittenFiles::list(&path).is_ok_and(|files| !files.is_empty()) {
            path = self.path.join(format!("{name}-{process}-{number}.log"));
            number += 1;
        }
        OutputFile { path, keep }
    }
}

impl Drop for OutputDirectory {
    fn drop(&mut self) {
        if self.is_default {
            // Fails where there is anything in it, as it should.
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// A file of ours.
#[derive(Debug)]
pub(crate) struct OutputFile {
    path: PathBuf,
    keep: bool,
}

impl OutputFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it, to read it back.
    pub(crate) fn open(&self) -> Result<fs::File, BenchError> {
        fs::File::open(&self.path).map_err(self.error("read"))
    }

    pub(crate) fn len(&self) -> Result<u64, BenchError> {
        Ok(self.path.metadata().map_err(self.error("look at"))?.len())
    }

    /// All files that the log has written.
    pub(crate) fn written(&self) -> Result<WrittenFiles, BenchError> {
        WrittenFiles::list(&self.path).map_err(self.error("list the files of"))
    }

    /// Waits until the log's threads, which work on for a moment after its shutdown, leave the files alone.
    pub(crate) fn settle(&self) -> Result<(), BenchError> {
        let deadline = Instant::now() + SETTLE_TIMEOUT;
        let mut before = self.written()?;
        loop {
            thread::sleep(SETTLE_INTERVAL);
            let now = self.written()?;
            if (now == before && now.leftover().is_none()) || Instant::now() > deadline {
                return Ok(());
            }
            before = now;
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.keep
    }

    pub(crate) fn error(&self, operation: &'static str) -> impl FnOnce(io::Error) -> BenchError {
        let path = self.path.clone();
        move |source| BenchError::Io { operation, path, source }
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if !self.keep {
            // They may not have come into being.
            let _ = self.written().map(|files| files.remove(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, OutputDirectory) {
        let temporary = tempfile::tempdir().unwrap();
        let out = OutputDirectory::open(&PlaceArgs { out: Some(temporary.path().join("a/b")) }).unwrap();
        (temporary, out)
    }

    #[test]
    fn a_file_that_is_there_is_never_taken() {
        let (_temporary, out) = directory();
        let first = out.file("run", true);
        fs::write(first.path(), "mine").unwrap();
        assert_ne!(out.file("run", false).path(), first.path());
    }

    #[test]
    fn a_file_is_removed_unless_it_is_to_be_kept() {
        let (_temporary, out) = directory();
        for keep in [false, true] {
            let file = out.file("run", keep);
            fs::write(file.path(), "").unwrap();
            let path = file.path().to_owned();
            drop(file);
            assert_eq!(path.exists(), keep);
        }
    }

    #[test]
    fn too_little_space_is_an_error_that_names_the_directory() {
        let (_temporary, out) = directory();
        out.check_space(0).unwrap();
        let error = out.check_space(u64::MAX).unwrap_err().to_string();
        assert!(error.contains(&*out.path().to_string_lossy()), "{error}");
    }
}
