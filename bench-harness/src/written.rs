//! The files that a log has written: the live file of each shard, and those that it was before.
//!
//! With `run-7.log` as the path, shard 0 writes `run-7.log`, and shard 1 `run-7.1.log`. A rotated file has the time of its first
//! record and a counter in front of the extension, as in `run-7.1.2026-11-30T02-13-06Z.0001.log`, and a compressed file `.zst` or
//! `.gz` behind it. The harness reads these names by code of its own.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use crate::verify::Finding;

/// The format of a compressed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum WrittenFormat {
    Plain,
    Gzip,
    Zstd,
}

/// A file of a log. Files order by shard and name, with the live file behind the rotated ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WrittenFile {
    shard: usize,
    is_live: bool,
    /// Its name without the end of a compressed file's.
    plain_name: String,
    format: WrittenFormat,
    path: PathBuf,
}

/// The files of a log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrittenFiles {
    /// In the order of their events, shard by shard.
    files: Vec<WrittenFile>,
    /// Names that no file of a log has.
    unknown: Vec<String>,
}

/// The counts of a file sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FileCounts {
    pub(crate) rotated: u64,
    pub(crate) compressed: u64,
    pub(crate) removed: u64,
    pub(crate) removed_bytes: u64,
}

impl WrittenFiles {
    /// The files beside `live`, which is the path that the log was started with.
    pub(crate) fn list(live: &Path) -> io::Result<Self> {
        let mut written = Self { files: Vec::new(), unknown: Vec::new() };
        let directory = live.parent().unwrap_or(Path::new("."));
        let Some(stem) = live.file_stem().and_then(|stem| stem.to_str()) else { return Ok(written) };
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(behind) = name.trim_start_matches('.').strip_prefix(stem).and_then(|name| name.strip_prefix('.'))
            else {
                continue;
            };
            match WrittenFile::parse(behind, &name, entry.path()).filter(|_| !name.starts_with('.')) {
                Some(file) => written.files.push(file),
                None => written.unknown.push(name),
            }
        }
        written.files.sort_unstable();
        written.unknown.sort_unstable();
        Ok(written)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.unknown.is_empty()
    }

    /// The first thing that should not be there.
    pub(crate) fn leftover(&self) -> Option<Finding> {
        if let Some(name) = self.unknown.first() {
            return Some(Finding::UnknownFile { name: name.clone() });
        }
        let twins = self.files.windows(2).find_map(|pair| match pair {
            [one, other] if (one.shard, &one.plain_name) == (other.shard, &other.plain_name) => Some(one),
            _ => None,
        });
        twins.map(|file| Finding::TwinFile { name: file.plain_name.clone() })
    }

    /// Makes sure that there are as many files as the log has counted.
    pub(crate) fn check_counts(&self, live_files: usize, counts: &FileCounts) -> Result<(), Finding> {
        let is_compressed = |file: &&WrittenFile| file.format != WrittenFormat::Plain;
        let count = |wanted: fn(&&WrittenFile) -> bool| self.files.iter().filter(wanted).count() as u64;
        let (live, rotated) = (count(|file| file.is_live), count(|file| !file.is_live));
        let compressed = self.files.iter().filter(is_compressed).count() as u64;
        if live != live_files as u64 {
            return Err(Finding::Count { what: "live files", counted: live_files as u64, found: live });
        }
        // A plain file that is removed in the moment in which its compressed twin gets its name counts twice.
        let most = counts.rotated + counts.compressed;
        if !(counts.rotated..=most).contains(&(rotated + counts.removed)) {
            let counted = counts.rotated.saturating_sub(counts.removed);
            return Err(Finding::Count { what: "rotated files that stayed", counted, found: rotated });
        }
        let allowed = counts.compressed.saturating_sub(counts.removed)..=counts.compressed;
        if !allowed.contains(&compressed) {
            return Err(Finding::Count { what: "compressed files", counted: counts.compressed, found: compressed });
        }
        Ok(())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &WrittenFile> {
        self.files.iter()
    }

    /// Removes what can be removed.
    pub(crate) fn remove(&self, live: &Path) {
        let unknown = self.unknown.iter().map(|name| live.with_file_name(name));
        for path in self.files.iter().map(|file| file.path.clone()).chain(unknown) {
            let _ = fs::remove_file(path);
        }
    }
}

impl WrittenFile {
    /// `behind`: the name behind the log's stem and a dot.
    fn parse(behind: &str, name: &str, path: PathBuf) -> Option<Self> {
        let formats = [(".gz", WrittenFormat::Gzip), (".zst", WrittenFormat::Zstd)];
        let compressed = formats.iter().find_map(|(end, format)| Some((behind.strip_suffix(end)?, *format)));
        let (plain, format) = compressed.unwrap_or((behind, WrittenFormat::Plain));
        let plain_name = name.get(..name.len() - (behind.len() - plain.len()))?.to_owned();
        let marks = plain.strip_suffix("log")?;
        let (shard, mark) = match marks.split_once('.') {
            Some((digits, mark)) if is_number(digits) => (digits.parse().ok()?, mark),
            _ => (0, marks),
        };
        let is_live = mark.is_empty();
        let is_right = if is_live { format == WrittenFormat::Plain } else { is_mark(mark.strip_suffix('.')?) };
        is_right.then_some(Self { shard, is_live, plain_name, format, path })
    }

    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Its events, decompressed.
    pub(crate) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let file = File::open(&self.path)?;
        Ok(match self.format {
            WrittenFormat::Plain => Box::new(file),
            WrittenFormat::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file))),
            WrittenFormat::Zstd => Box::new(zstd::Decoder::new(file)?),
        })
    }
}

/// Whether it is a time and a counter: `2026-11-30T02-13-06Z.0001`.
fn is_mark(text: &str) -> bool {
    let form = "dddd-dd-ddTdd-dd-ddZ.";
    let Some((time, counter)) = text.split_at_checked(form.len()) else { return false };
    let fits = |(byte, form): (u8, u8)| if form == b'd' { byte.is_ascii_digit() } else { byte == form };
    time.bytes().zip(form.bytes()).all(fits) && counter.len() >= 4 && is_number(counter)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROTATED: &str = "run-7.2026-11-30T02-13-06Z.0001.log";

    fn list(names: &[&str]) -> (tempfile::TempDir, WrittenFiles) {
        let directory = tempfile::tempdir().unwrap();
        names.iter().for_each(|name| fs::write(directory.path().join(name), "").unwrap());
        let written = WrittenFiles::list(&directory.path().join("run-7.log")).unwrap();
        (directory, written)
    }

    #[test]
    fn files_are_in_the_order_of_their_events_shard_by_shard() {
        let order = [
            "run-7.2026-11-30T02-13-06Z.0001.log.zst",
            "run-7.2026-11-30T02-13-06Z.0002.log",
            "run-7.2026-11-30T02-13-07Z.0001.log.gz",
            "run-7.log",
            "run-7.1.2026-11-30T02-13-06Z.0001.log",
            "run-7.1.log",
            "run-7.2.log",
            "run-7.10.log",
        ];
        let mut names = order;
        names.reverse();
        let (_directory, written) = list(&[&names[..], &["run-70.log", "other", "run-7-1.log"]].concat());
        assert_eq!(written.iter().map(WrittenFile::name).collect::<Vec<_>>(), order);
        assert_eq!(written.unknown, [""; 0]);
    }

    #[test]
    fn other_files_of_the_log_are_leftovers() {
        for name in [
            ".run-7.2026-11-30T02-13-06Z.0001.log.zst.part",
            "run-7.2026-11-30T02-13-06Z.001.log",
            "run-7.log.zst",
            "run-7.old.log",
            "run-7.txt",
        ] {
            let (_directory, written) = list(&["run-7.log", name]);
            let leftover = written.leftover().unwrap().to_string();
            assert!(leftover.contains(name), "{leftover}");
        }
    }

    #[test]
    fn a_plain_file_beside_its_compressed_twin_is_a_leftover() {
        let (_directory, written) = list(&["run-7.log", ROTATED]);
        assert!(written.leftover().is_none());
        let (_directory, written) = list(&["run-7.log", ROTATED, &format!("{ROTATED}.zst")]);
        assert!(matches!(written.leftover(), Some(Finding::TwinFile { name }) if name == ROTATED));
    }

    #[test]
    fn files_that_no_count_explains_are_found() {
        let (_directory, written) = list(&["run-7.log", &format!("{ROTATED}.zst")]);
        let counts = FileCounts { rotated: 3, compressed: 2, removed: 2, removed_bytes: 9 };
        written.check_counts(1, &counts).unwrap();
        for counts in [
            FileCounts { removed: 1, ..counts },
            FileCounts { rotated: 4, ..counts },
            FileCounts { compressed: 0, ..counts },
            FileCounts { compressed: 4, ..counts },
            FileCounts { rotated: 0, removed: 0, compressed: 0, ..counts },
        ] {
            assert!(written.check_counts(1, &counts).is_err(), "{counts:?}");
        }
        assert!(written.check_counts(2, &counts).is_err());
    }

    #[test]
    fn removal_leaves_the_files_of_others() {
        let (directory, written) = list(&["run-7.log", ROTATED, ".run-7.x.part", "other", "run-70.log"]);
        written.remove(&directory.path().join("run-7.log"));
        let mut left: Vec<_> =
            fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["other", "run-70.log"]);
    }
}
