//! Names of a trail's files, and how they are opened.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use fapilog_plugin::sink::SinkError;
use rustix::fs::{FlockOperation, OFlags, fcntl_getfl, fcntl_setfl, flock};

/// A data file, and its trail file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentPaths {
    /// The trail file.
    pub trail: PathBuf,
    /// The data file.
    pub data: PathBuf,
}

impl SegmentPaths {
    /// The files of the data file at this path.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self { trail: with_suffix(data, ".trail"), data: data.to_owned() }
    }
}

/// The file of the current chain key.
pub(crate) fn state_path(live: &Path) -> PathBuf {
    with_suffix(live, ".chain-key")
}

/// Takes the lock of a trail. It is a file of its own, which is never removed: the files of a trail get other names, and a lock on one of
/// them is none on its name.
pub(crate) fn lock_trail(live: &Path) -> Result<File, SinkError> {
    let path = with_suffix(live, ".lock");
    let opened = match open(&path, FileOpening::New { mode: 0o600 }) {
        Err(SinkError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
            open(&path, FileOpening::Existing)
        }
        opened => opened,
    };
    let file = opened?;
    refuse_other_than_plain(&file, &path)?;
    lock(&file, live)?;
    Ok(file)
}

/// Whether the path still leads to this file.
pub(crate) fn is_file_at(file: &File, path: &Path) -> io::Result<bool> {
    let (file, at_path) = (file.metadata()?, fs::symlink_metadata(path));
    match at_path {
        Ok(at_path) => Ok((file.dev(), file.ino()) == (at_path.dev(), at_path.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub(crate) fn with_suffix(path: &Path, suffix: impl AsRef<OsStr>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The directory of a file: `.` for a bare name.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The name of a file without its directory, as an entry has it.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// All files of the trail whose live data file has this path, the oldest first. A trail file that is missing has no part in it.
///
/// # Errors
/// When the directory cannot be read.
pub(crate) fn segments_of(live: &Path) -> io::Result<Vec<SegmentPaths>> {
    let mut segments = rotated_segments(live)?;
    let live = SegmentPaths::of(live);
    if fs::symlink_metadata(&live.trail).is_ok() {
        segments.push(live);
    }
    Ok(segments)
}

/// The rotated files, the oldest first.
pub(crate) fn rotated_segments(live: &Path) -> io::Result<Vec<SegmentPaths>> {
    let mut found: Vec<(SegmentMark, SegmentPaths)> = Vec::new();
    for entry in fs::read_dir(directory_of(live))? {
        let name = entry?.file_name();
        let Some(data) = name.as_bytes().strip_suffix(b".trail") else { continue };
        if let Some(mark) = SegmentMark::parse(live, data) {
            found.push((mark, SegmentPaths::of(&live.with_file_name(OsStr::from_bytes(data)))));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found.into_iter().map(|(_, paths)| paths).collect())
}

/// The path of the data file that is rotated next: behind those that are there, and behind the one before it, which may have been
/// removed. So no name is used twice.
pub(crate) fn next_rotated(live: &Path, second: i64, known: &[SegmentPaths], previous_name: &str) -> PathBuf {
    let first = SegmentMark::of_second(second);
    let names = known.iter().filter_map(|paths| Some(paths.data.file_name()?.as_bytes()));
    let marks = names.chain([previous_name.as_bytes()]).filter_map(|name| SegmentMark::parse(live, name));
    let newest = marks.max();
    let mut mark = match newest.filter(|newest| newest.time >= first.time) {
        Some(newest) => SegmentMark { counter: newest.counter.saturating_add(1), ..newest },
        None => first,
    };
    loop {
        let path = live.with_file_name(mark.name(live));
        let paths = SegmentPaths::of(&path);
        let is_taken = |path: &Path| fs::symlink_metadata(path).is_ok();
        if !(is_taken(&paths.data) || is_taken(&paths.trail)) || mark.counter == u32::MAX {
            return path;
        }
        mark.counter += 1;
    }
}

/// Time and counter in the name of a rotated file, as the file sink writes them: `audit.2026-11-30T02-13-06Z.0001.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SegmentMark {
    time: String,
    counter: u32,
}

impl SegmentMark {
    const FORM: &'static [u8; 20] = b"0000-00-00T00-00-00Z";

    fn of_second(second: i64) -> Self {
        let time = jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Self { time: time.strftime("%Y-%m-%dT%H-%M-%SZ").to_string(), counter: 1 }
    }

    fn name(&self, live: &Path) -> OsString {
        let (stem, extension) = split_name(live);
        let mut name = stem;
        name.extend_from_slice(format!(".{}.{:04}", self.time, self.counter).as_bytes());
        name.extend_from_slice(&extension);
        OsString::from_vec(name)
    }

    /// The mark in the name of a rotated data file of this live file.
    fn parse(live: &Path, name: &[u8]) -> Option<Self> {
        let (stem, extension) = split_name(live);
        let mark = name.strip_prefix(&*stem)?.strip_suffix(&*extension)?.strip_prefix(b".")?;
        let (time, counter) = mark.split_at_checked(Self::FORM.len())?;
        let is_time = time.iter().zip(Self::FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == form,
        });
        let counter = std::str::from_utf8(counter.strip_prefix(b".")?).ok()?;
        let number: u32 = counter.parse().ok()?;
        let time = String::from_utf8(time.to_vec()).ok()?;
        (is_time && counter == format!("{number:04}")).then_some(Self { time, counter: number })
    }
}

/// The stem and the extension of a file's name, with its point.
fn split_name(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let bytes = |part: Option<&OsStr>| part.map(|part| part.as_bytes().to_vec()).unwrap_or_default();
    let mut extension = bytes(path.extension());
    if path.extension().is_some() {
        extension.insert(0, b'.');
    }
    (bytes(path.file_stem()), extension)
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileOpening {
    /// It must exist.
    Existing,
    /// It must not exist.
    New {
        /// Its permissions.
        mode: u32,
    },
}

/// Opens a regular file with one name, which no link leads to, and locks it.
pub(crate) fn open_locked(path: &Path, opening: FileOpening) -> Result<File, SinkError> {
    let file = open(path, opening)?;
    refuse_other_than_plain(&file, path)?;
    lock(&file, path)?;
    Ok(file)
}

fn open(path: &Path, opening: FileOpening) -> Result<File, SinkError> {
    let careful = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(careful);
    let open = |options: &OpenOptions| -> io::Result<File> {
        let file = options.open(path)?;
        let flags = fcntl_getfl(&file)?;
        fcntl_setfl(&file, flags.difference(OFlags::NONBLOCK))?;
        Ok(file)
    };
    match opening {
        FileOpening::Existing => open(&options).map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP) => SinkError::NotAPlainFile { path: path.to_owned(), found: "a symbolic link" },
            Some(libc::EISDIR) => SinkError::NotAPlainFile { path: path.to_owned(), found: "a directory" },
            _ => io_error("open", path)(error),
        }),
        FileOpening::New { mode } => {
            let file = open(options.create_new(true).mode(mode)).map_err(io_error("create", path))?;
            // The umask has changed the mode.
            file.set_permissions(PermissionsExt::from_mode(mode)).map_err(io_error("set the mode of", path))?;
            Ok(file)
        }
    }
}

fn refuse_other_than_plain(file: &File, path: &Path) -> Result<(), SinkError> {
    let metadata = file.metadata().map_err(io_error("look at", path))?;
    let kind = metadata.file_type();
    let found = if kind.is_fifo() {
        "a pipe"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else if !kind.is_file() {
        "no regular file"
    } else if metadata.nlink() != 1 {
        "a file with several names"
    } else {
        return Ok(());
    };
    Err(SinkError::NotAPlainFile { path: path.to_owned(), found })
}

/// How long a lock of another process is waited for. A process that was killed keeps its locks for a moment.
const LOCK_WAIT: Duration = Duration::from_millis(250);
const LOCK_POLL: Duration = Duration::from_millis(5);

fn lock(file: &File, path: &Path) -> Result<(), SinkError> {
    let start = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Two writers would break the trail: a file system without locks has no place for one.
            Err(error) => return Err(io_error("lock", path)(error)),
        }
        if start.elapsed() >= LOCK_WAIT {
            return Err(SinkError::Locked { path: path.to_owned() });
        }
        thread::sleep(LOCK_POLL);
    }
}

pub(crate) fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SinkError {
    move |source| SinkError::Io { operation, path: path.to_owned(), source }
}

/// Makes the names in a file's directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), SinkError> {
    let directory = directory_of(path);
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(io_error("sync", directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names_are_those_of_the_file_sink_and_sort_by_age() {
        let directory = tempfile::tempdir().unwrap();
        let live = directory.path().join("audit.jsonl");
        let mut known = Vec::new();
        for second in [1_796_005_986, 1_796_005_986, 1_796_005_000] {
            let path = next_rotated(&live, second, &known, "");
            File::create(with_suffix(&path, ".trail")).unwrap();
            known = rotated_segments(&live).unwrap();
        }
        let names: Vec<String> = known.iter().map(|paths| name_of(&paths.data)).collect();
        let time = "2026-11-30T02-33-06Z";
        assert_eq!(names, [1, 2, 3].map(|number| format!("audit.{time}.000{number}.jsonl")));
    }

    #[test]
    fn a_name_is_not_used_again_when_its_file_was_removed() {
        let live = Path::new("audit.jsonl");
        let next = |previous: &str| name_of(&next_rotated(live, 1_796_005_986, &[], previous));
        assert_eq!(next("audit.2026-11-30T02-33-06Z.0007.jsonl"), "audit.2026-11-30T02-33-06Z.0008.jsonl");
        assert_eq!(next("audit.2026-11-30T02-33-05Z.0007.jsonl"), "audit.2026-11-30T02-33-06Z.0001.jsonl");
        assert_eq!(next("audit.jsonl.broken-1"), "audit.2026-11-30T02-33-06Z.0001.jsonl");
    }

    #[test]
    fn a_link_and_a_file_with_two_names_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link, hard) = (directory.path().join("f"), directory.path().join("l"), directory.path().join("h"));
        open_locked(&file, FileOpening::New { mode: 0o640 }).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(matches!(open_locked(&link, FileOpening::Existing), Err(SinkError::NotAPlainFile { .. })));
        fs::hard_link(&file, &hard).unwrap();
        assert!(matches!(open_locked(&file, FileOpening::Existing), Err(SinkError::NotAPlainFile { .. })));
    }
}
