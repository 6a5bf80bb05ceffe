//! The names of a sink's files.
//!
//! The live file `server.log` becomes `server.2026-11-30T02-13-06Z.0001.log`: the time of its first record in UTC, and a
//! counter. Compressed files have `.zst` or `.gz` behind that. In the order of text, the names are in the order of the
//! rotations:
//!
//! 1. A file that is not younger than the newest one, by its first record, takes the time of the newest one and its counter plus
//!    one.
//! 2. Behind the counter 9999 comes the counter 1 of the next second: five digits would sort before four. The time in such a
//!    name is later than the file's first record. Names with more digits are read, and never made.

mod template;

use std::{
    ffi::{OsStr, OsString},
    fmt, fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use fapilog_plugin::{factory::ShardInfo, problem::Problem, timestamp::Timestamp};
use jiff::{Timestamp as JiffTimestamp, civil::DateTime, tz::Offset};

use self::template::{FileNameTemplate, NamePattern};
use crate::compress::Codec;

/// The most bytes of a file's name.
const NAME_BYTES_MAX: usize = 255;
/// Length of `.2026-11-30T02-13-06Z.0001` with a longer counter, and with the dot and the extensions of a part file.
const ADDED_BYTES_MAX: usize = 48;
/// The most shards of a container.
const SHARDS_MAX: usize = 64;
/// The last counter whose text has four digits.
const COUNTER_MAX: u32 = 9999;

/// The files of a shard's sink: the live file, and those that it was before.
///
/// With `{pid}` in the name, the rotated files of all processes are one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileFamily {
    directory: PathBuf,
    live: PathBuf,
    /// The live file's name in front of the extension.
    stem: OsString,
    /// With its dot; may be empty.
    extension: OsString,
    pattern: NamePattern,
}

/// A file that was the live file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RotatedFile {
    pub(crate) path: PathBuf,
    /// The time in its name, in seconds since 1970.
    pub(crate) first_second: u64,
    /// The counter in its name.
    pub(crate) counter: u32,
    /// Its compression; `None` for a plain file.
    pub(crate) codec: Option<Codec>,
    pub(crate) bytes: u64,
    pub(crate) modified: SystemTime,
}

impl RotatedFile {
    /// Its path without the extension of the compression: a plain file and its compressed twin have the same one.
    pub(crate) fn plain_path(&self) -> PathBuf {
        if self.codec.is_some() { self.path.with_extension("") } else { self.path.clone() }
    }

    fn mark(&self) -> RotationMark {
        RotationMark { second: self.first_second, counter: self.counter }
    }
}

impl FileFamily {
    /// The family of the file at `path`, for a shard.
    ///
    /// # Errors
    /// When the path names no file, or has a brace that is no placeholder's.
    pub(crate) fn new(path: &Path, shard: ShardInfo) -> Result<Self, Problem> {
        let template = template(path)?;
        let names = template.names(shard.index, std::process::id());
        let mut live = names.stem.clone();
        live.push(&names.extension);
        Ok(Self {
            directory: directory_of(path),
            live: path.with_file_name(live),
            stem: names.stem,
            extension: names.extension,
            pattern: names.pattern,
        })
    }

    /// The problems of a path, whose files may be rotated or not, and of the name of a link beside them.
    pub(crate) fn problems(path: &Path, is_rotated: bool, link: Option<&Path>) -> Vec<Problem> {
        let template = match template(path) {
            Ok(template) => template,
            Err(problem) => return vec![problem],
        };
        let name_bytes_max = NAME_BYTES_MAX - ADDED_BYTES_MAX;
        let bytes = template.name_bytes_max();
        let mut problems = Vec::new();
        if is_rotated && bytes > name_bytes_max {
            let allowed =
                format!("a file that is rotated has a name of {name_bytes_max} bytes at most; this has {bytes}");
            problems.push(Problem::new("path", format!("{path:?}"), allowed));
        }
        problems.extend(link.and_then(|link| link_problem(link, &template)));
        problems
    }

    /// Whether the name of the file has a place for the number of the shard.
    pub(crate) fn names_shard(path: &Path) -> bool {
        template(path).is_ok_and(|template| template.has_shard())
    }

    /// The directory of all files of the family.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The path of the file that is written to.
    pub(crate) fn live(&self) -> &Path {
        &self.live
    }

    /// The rotated files, from the oldest to the newest. A plain file is in front of its compressed twin. Links, directories
    /// and other names are no files of the family.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(crate) fn rotated(&self) -> io::Result<Vec<RotatedFile>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some((mark, codec)) = self.parse(&name) else { continue };
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if metadata.is_file() {
                files.push(RotatedFile {
                    path: self.live.with_file_name(name),
                    first_second: mark.second,
                    counter: mark.counter,
                    codec,
                    bytes: metadata.len(),
                    modified: metadata.modified()?,
                });
            }
        }
        files.sort_by_cached_key(|file| (file.mark(), file.plain_path(), file.codec));
        Ok(files)
    }

    /// The name of the file that is rotated next, with the time of its first record. `known` are the rotated files.
    pub(crate) fn next_name(&self, first_record: Timestamp, known: &[RotatedFile]) -> PathBuf {
        let first = RotationMark { second: first_record.unix_nanos() / 1_000_000_000, counter: 1 };
        let newest = known.iter().map(RotatedFile::mark).max();
        let mark = newest.filter(|newest| newest.second >= first.second).map_or(first, RotationMark::next);
        self.path_of(mark)
    }

    /// The name behind `name`, which [`next_name`](Self::next_name) has given, but which another program's file, a link or a
    /// directory has. `None` for another name.
    pub(crate) fn name_after(&self, name: &Path) -> Option<PathBuf> {
        let (mark, _) = self.parse(name.file_name()?)?;
        Some(self.path_of(mark.next()))
    }

    /// The part file that becomes the compressed file `name`.
    pub(crate) fn is_part(&self, name: &OsStr) -> bool {
        let whole = name.as_bytes().strip_prefix(b".").and_then(|name| name.strip_suffix(b".part"));
        let whole = whole.and_then(|whole| self.parse(OsStr::from_bytes(whole)));
        whole.is_some_and(|(_, codec)| codec.is_some())
    }

    fn path_of(&self, mark: RotationMark) -> PathBuf {
        let mut name = self.stem.clone();
        name.push(format!(".{mark}"));
        name.push(&self.extension);
        self.live.with_file_name(name)
    }

    /// The mark and the compression in the name of a rotated file.
    fn parse(&self, name: &OsStr) -> Option<(RotationMark, Option<Codec>)> {
        let (plain, codec) = Codec::split(name.as_bytes());
        Some((self.pattern.mark_in(plain)?, codec))
    }
}

/// The path of the link that names the live file: beside it, with the number of the shard in its name as [`path_of_shard`] has it.
pub(crate) fn link_path(path: &Path, link: &Path, shard: usize) -> PathBuf {
    path_of_shard(&path.with_file_name(link), shard)
}

/// `name.log` for shard 0, `name.1.log` for shard 1.
pub(crate) fn path_of_shard(path: &Path, shard: usize) -> PathBuf {
    let (Some(name), 1..) = (path.file_name(), shard) else { return path.to_owned() };
    let (stem, extension) = template::split(name.as_bytes());
    let mut name = OsStr::from_bytes(stem).to_owned();
    name.push(format!(".{shard}"));
    name.push(OsStr::from_bytes(extension));
    path.with_file_name(name)
}

fn template(path: &Path) -> Result<FileNameTemplate, Problem> {
    let problem = |allowed: String| Problem::new("path", format!("{path:?}"), allowed);
    let name = path.file_name().ok_or_else(|| problem("it must name a file".to_owned()))?;
    let template = FileNameTemplate::parse(name.as_bytes()).map_err(|error| problem(error.to_string()))?;
    if let (_, Some(codec)) = Codec::split(name.as_bytes()) {
        let suffix = String::from_utf8_lossy(codec.suffix());
        return Err(problem(format!("a name that ends in {suffix} is that of a compressed file")));
    }
    Ok(template)
}

/// The directory of a file: `.` for a bare name.
fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The problem of the link's name beside files of this template.
fn link_problem(link: &Path, template: &FileNameTemplate) -> Option<Problem> {
    let problem = |allowed: &str| Some(Problem::new("current_link", format!("{link:?}"), allowed));
    let is_plain_name = link.file_name().is_some_and(|name| name == link.as_os_str());
    if !is_plain_name {
        return problem("it must be a file name without a directory");
    }
    let shards = 0..SHARDS_MAX;
    let live: Vec<NamePattern> = shards.clone().map(|shard| template.live(shard)).collect();
    let rotated: Vec<NamePattern> = shards.clone().map(|shard| template.rotated(shard)).collect();
    for link in shards.map(|shard| path_of_shard(link, shard)) {
        let name = link.as_os_str().as_bytes();
        let (plain, _) = Codec::split(name);
        if live.iter().any(|pattern| pattern.matches(name)) {
            return problem("it must differ from the names of the files that are written to");
        }
        if rotated.iter().any(|pattern| pattern.matches(plain)) {
            return problem("it must differ from the names of rotated files");
        }
    }
    None
}

/// The time and the counter in the name of a rotated file. Orders as the rotations do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RotationMark {
    /// Seconds since 1970.
    second: u64,
    counter: u32,
}

impl RotationMark {
    /// Length of `2026-11-30T02-13-06Z`.
    const TIME_BYTES: usize = 20;

    /// The mark of a file that is not younger.
    fn next(self) -> Self {
        let next_second = Self { second: self.second.saturating_add(1), counter: 1 };
        if self.counter < COUNTER_MAX || next_second.civil().is_none() {
            return Self { second: self.second, counter: self.counter.saturating_add(1) };
        }
        next_second
    }

    /// Up to the year 9999.
    fn civil(self) -> Option<DateTime> {
        let time = JiffTimestamp::from_second(i64::try_from(self.second).ok()?).ok()?;
        Some(Offset::UTC.to_datetime(time))
    }

    /// The mark with which `text` begins, and the text behind it.
    fn parse_front(text: &[u8]) -> Option<(Self, &[u8])> {
        let (time, behind) = text.split_at_checked(Self::TIME_BYTES)?;
        let behind = behind.strip_prefix(b".")?;
        let digits = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (counter, behind) = behind.split_at_checked(digits)?;
        let mark = Self { second: second_of(time)?, counter: number(counter)? };
        // Another spelling, such as a counter of three digits, is another file's.
        let is_canonical = counter == format!("{:04}", mark.counter).as_bytes();
        is_canonical.then_some((mark, behind))
    }
}

/// `2026-11-30T02-13-06Z.0001`.
impl fmt::Display for RotationMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.civil().unwrap_or(DateTime::MAX);
        let (year, month, day) = (time.year(), time.month(), time.day());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}Z.{:04}", self.counter)
    }
}

/// The second that `2026-11-30T02-13-06Z` means.
fn second_of(text: &[u8]) -> Option<u64> {
    let form = b"0000-00-00T00-00-00Z";
    let is_of_form = form.iter().zip(text).all(|(form, byte)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    });
    let two = |at: usize| number(text.get(at..at + 2)?).and_then(|number| i8::try_from(number).ok());
    let year = i16::try_from(number(text.get(..4)?)?).ok()?;
    let time = DateTime::new(year, two(5)?, two(8)?, two(11)?, two(14)?, two(17)?, 0).ok()?;
    let second = Offset::UTC.to_timestamp(time).ok()?.as_second();
    u64::try_from(second).ok().filter(|_| is_of_form)
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
