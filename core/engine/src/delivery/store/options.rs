//! The settings of a store.

use std::path::{Path, PathBuf};

use fapilog_plugin::problem::Problem;

/// The least and the most bytes of a segment.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = (64 << 10)..=(1 << 30);

/// The least bytes of a file for dead letters.
const LETTER_BYTES_MIN: u64 = 4 << 10;

/// Where payloads wait on disk that the destination does not take now, and how many bytes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct SpillOptions {
    /// The directory. Each shard has a directory of its own in it, `sink-shard`. Sinks and containers may share it; programs
    /// that have sinks of the same name may not.
    pub directory: PathBuf,
    /// The most bytes on disk of a shard. A payload beyond it is refused.
    pub bytes_max: u64,
    /// The bytes at which a file is complete, and another one begins. Room on the disk is freed file by file.
    pub segment_bytes: u64,
}

impl SpillOptions {
    /// At most 1 GiB in this directory, in files of 16 MiB.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), bytes_max: 1 << 30, segment_bytes: 16 << 20 }
    }

    /// Sets the most bytes on disk of a shard.
    pub fn bytes_max(mut self, bytes: u64) -> Self {
        self.bytes_max = bytes;
        self
    }

    /// Sets the bytes at which a file is complete.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// Invalid values: the value, the error, and the allowed values.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.directory.as_os_str().is_empty() {
            problems.push(Problem::new("directory", "empty", "the path of a directory"));
        }
        if !SEGMENT_BYTES.contains(&self.segment_bytes) {
            problems.push(Problem::new("segment_bytes", self.segment_bytes, "64 KiB to 1 GiB"));
        }
        if self.bytes_max / 2 < self.segment_bytes {
            problems.push(Problem::new(
                "bytes_max",
                self.bytes_max,
                format!("at least twice segment_bytes, which is {}", self.segment_bytes),
            ));
        }
        problems
    }
}

/// The file for payloads that are given up, and the most bytes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct DeadLetterOptions {
    /// The file. All shards of a container, and other sinks, may share it.
    pub path: PathBuf,
    /// The most bytes of the file. A payload beyond it is lost, and counted.
    pub bytes_max: u64,
}

impl DeadLetterOptions {
    /// At most 100 MiB in this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), bytes_max: 100 << 20 }
    }

    /// Sets the most bytes of the file.
    pub fn bytes_max(mut self, bytes: u64) -> Self {
        self.bytes_max = bytes;
        self
    }

    /// Invalid values: the value, the error, and the allowed values.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !names_a_file(&self.path) {
            let is_empty = self.path.as_os_str().is_empty();
            let value = if is_empty { "empty".to_owned() } else { self.path.display().to_string() };
            problems.push(Problem::new("path", value, "the path of a file"));
        }
        if self.bytes_max < LETTER_BYTES_MIN {
            problems.push(Problem::new("bytes_max", self.bytes_max, "at least 4 KiB"));
        }
        problems
    }
}

fn names_a_file(path: &Path) -> bool {
    path.file_name().is_some() && !path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(problems: &[Problem]) -> Vec<&str> {
        problems.iter().map(|problem| problem.path.as_str()).collect()
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(SpillOptions::new("spill").check(), []);
        assert_eq!(DeadLetterOptions::new("dead.jsonl").check(), []);
    }

    #[test]
    fn each_invalid_value_is_a_problem() {
        let spill = SpillOptions::new("").segment_bytes(1);
        assert_eq!(paths(&spill.check()), ["directory", "segment_bytes"]);
        let spill = SpillOptions::new("spill").segment_bytes(2 << 30).bytes_max(3 << 30);
        assert_eq!(paths(&spill.check()), ["segment_bytes", "bytes_max"]);
        let letters = DeadLetterOptions::new("letters/").bytes_max(4095);
        assert_eq!(paths(&letters.check()), ["path", "bytes_max"]);
    }

    #[test]
    fn the_least_values_are_valid() {
        assert_eq!(SpillOptions::new("spill").segment_bytes(64 << 10).bytes_max(128 << 10).check(), []);
        assert_eq!(DeadLetterOptions::new("dead.jsonl").bytes_max(4096).check(), []);
    }
}
