//! The files that are replayed, in memory.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::error::BenchError;

/// The bytes that a line takes in the output beside itself and the file's name, at most.
const LINE_OVERHEAD_BYTES: u64 = 384;

#[derive(Debug)]
pub(super) struct Corpus {
    files: Vec<InputFile>,
}

#[derive(Debug)]
pub(super) struct InputFile {
    path: PathBuf,
    name: String,
    bytes: Vec<u8>,
}

/// The longest line, and where it is.
#[derive(Debug)]
pub(super) struct LongestLine {
    pub(super) path: PathBuf,
    pub(super) number: u64,
    pub(super) bytes: usize,
}

impl Corpus {
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, BenchError> {
        let files = paths.iter().map(|path| InputFile::read(path)).collect::<Result<_, _>>()?;
        Ok(Self { files })
    }

    pub(super) fn files(&self) -> &[InputFile] {
        &self.files
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes.len() as u64).sum()
    }

    pub(super) fn lines_count(&self) -> u64 {
        self.files.iter().map(|file| file.lines().count() as u64).sum()
    }

    pub(super) fn not_utf8_count(&self) -> u64 {
        let is_bad = |(_, line): &(u64, &[u8])| std::str::from_utf8(line).is_err();
        self.files.iter().map(|file| file.lines().filter(is_bad).count() as u64).sum()
    }

    pub(super) fn longest_line(&self) -> Option<LongestLine> {
        let lines = self.files.iter().flat_map(|file| file.lines().map(move |(number, line)| (file, number, line)));
        let (file, number, line) = lines.max_by_key(|(_, _, line)| line.len())?;
        Some(LongestLine { path: file.path.clone(), number, bytes: line.len() })
    }

    pub(super) fn longest_name_bytes(&self) -> usize {
        self.files.iter().map(|file| file.name.len()).max().unwrap_or(0)
    }

    /// The bytes that a round of it takes in the output: an estimate on the safe side, unless it is full of characters
    /// that JSON escapes.
    pub(super) fn output_bytes(&self) -> u64 {
        let of_file = |file: &InputFile| {
            let beside = LINE_OVERHEAD_BYTES + file.name.len() as u64;
            file.bytes.len() as u64 * 3 / 2 + file.lines().count() as u64 * beside
        };
        self.files.iter().map(of_file).sum()
    }
}

impl InputFile {
    fn read(path: &Path) -> Result<Self, BenchError> {
        let bytes = fs::read(path).map_err(|source| BenchError::Input { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), name: path.to_string_lossy().into_owned(), bytes })
    }

    /// The path, as far as it is text.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Number and bytes of each line, by the [rule](super).
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        (1..).zip(lines_of(&self.bytes))
    }
}

fn lines_of(mut ahead: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if ahead.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', ahead).unwrap_or(ahead.len());
        let (line, behind) = ahead.split_at_checked(end)?;
        ahead = behind.get(1..).unwrap_or_default();
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<&[u8]> {
        lines_of(text).collect()
    }

    #[test]
    fn a_file_is_cut_at_line_feeds_and_nowhere_else() {
        assert_eq!(lines(b"a\r\nb\0\x0bc\n"), [&b"a\r"[..], b"b\0\x0bc"]);
    }

    #[test]
    fn empty_lines_count() {
        assert_eq!(lines(b"\n\na\n\n"), [&b""[..], b"", b"a", b""]);
    }

    #[test]
    fn a_last_line_needs_no_end() {
        assert_eq!(lines(b"a\nb"), [b"a", b"b"]);
        assert_eq!(lines(b"a\nb\n"), [b"a", b"b"]);
    }

    #[test]
    fn an_empty_file_has_no_line() {
        assert!(lines(b"").is_empty());
    }
}
