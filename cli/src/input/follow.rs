//! A file that is followed: over renames and truncations.
//!
//! * **A rename** (the file sink, logrotate): the path names another file. The old one is read on, until it has not grown for
//!   [`SETTLE_TIME`]: its writer may have lines in flight. Then files that were rotated in between are read, then the new file.
//! * **A truncation** (`copytruncate`): the file is shorter than the part that was read. It is read from its start. Lines that
//!   came between the last look and the truncation are gone.
//! * **A removal**: the file is read on, until there is one of its name.
//! * **A name that cannot be opened**, such as a new file that its owner has not made readable yet: the same.
//!
//! Each of these is a [`FollowChange`], once.
//!
//! A line is given out when its line end is there.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    fs::{self, File},
    io::{self, Read, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::{
    filter::LineFilter,
    input::{
        InputName, LineSource, MAX_LINE_BYTES,
        backwards::last_lines_before,
        blocks::BLOCK_BYTES,
        open::{is_compressed, is_encrypted, open_file},
        rotated::{RotatedPath, live_path, rotated_files},
    },
    json::Tape,
    line::LogLine,
};

/// How long a renamed file must not grow before the new file is read.
const SETTLE_TIME: Duration = Duration::from_millis(300);

/// How many lines of a rotated file are read in one go.
const ROTATED_LINES: usize = 4096;

/// A matching line, and its place in the order of time.
#[derive(Debug)]
pub(crate) struct NewLine {
    pub(crate) time: Timestamp,
    pub(crate) bytes: Vec<u8>,
}

/// A file, its readers and the place that they are at.
pub(crate) struct FollowedFile {
    path: PathBuf,
    filter: Arc<LineFilter>,
    open: Option<FollowedReader>,
    /// Files that were the live file between two looks, the oldest first. They are read before the one that is open.
    rotated: VecDeque<LineSource>,
    /// The names of rotated files that need no reading any more.
    known: HashSet<String>,
    tape: Tape,
    /// The time of the last event.
    time: Timestamp,
    long_lines: u64,
    name_state: NameState,
    changes: Vec<FollowChange>,
}

/// The state of the name that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameState {
    /// A file has the name.
    There,
    /// No file has it.
    Absent,
    /// The file of this name cannot be opened or read.
    Unreadable(io::ErrorKind),
}

/// A change that the user is to know.
#[derive(Debug)]
pub(crate) enum FollowChange {
    /// There has been no file of this name yet.
    NotThere,
    /// The file was removed, or has another name now.
    Removed,
    /// A file has the name again.
    Appeared,
    /// The file of this name cannot be opened or read now.
    Unreadable(io::Error),
    /// A file that was rotated cannot be read, or not to its end.
    RotatedUnreadable(PathBuf, io::Error),
}

impl fmt::Display for FollowChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere => f.write_str("there is no such file; it is waited for"),
            Self::Removed => f.write_str("the file was removed or renamed; a new one is waited for"),
            Self::Appeared => f.write_str("there is a file now; it is followed"),
            Self::Unreadable(error) => write!(f, "{error}; another attempt follows"),
            Self::RotatedUnreadable(path, error) => {
                write!(f, "lines of {} are left out: {error}", InputName::File(path.clone()))
            }
        }
    }
}

struct FollowedReader {
    file: File,
    device: u64,
    inode: u64,
    position: u64,
    /// The front of a line whose end is not there yet.
    partial: Vec<u8>,
    skips_line: bool,
    grew: Instant,
}

impl FollowedFile {
    pub(crate) fn new(path: &Path, filter: Arc<LineFilter>) -> Self {
        Self {
            path: path.to_owned(),
            filter,
            open: None,
            rotated: VecDeque::new(),
            known: HashSet::new(),
            tape: Tape::default(),
            time: Timestamp::MIN,
            long_lines: 0,
            name_state: NameState::There,
            changes: Vec::new(),
        }
    }

    pub(crate) fn name(&self) -> InputName {
        InputName::File(self.path.clone())
    }

    /// Opens the file, and gives its last lines. The lines behind them are followed.
    pub(crate) fn start(&mut self, count: usize) -> io::Result<Vec<NewLine>> {
        let mut open = FollowedReader::new(open_file(&self.path)?)?;
        let end = open.end_of_last_line()?;
        let (lines, long_lines) = last_lines_before(&open.file, end, count, &self.filter)?;
        open.position = end;
        self.take(open);
        self.long_lines += long_lines;
        Ok(lines.into_iter().map(|line| self.placed(line)).collect())
    }

    /// The changes since the last call.
    pub(crate) fn take_changes(&mut self) -> Vec<FollowChange> {
        std::mem::take(&mut self.changes)
    }

    /// Lines that were left out as too long, since the last call.
    pub(crate) fn take_long_lines(&mut self) -> u64 {
        std::mem::take(&mut self.long_lines)
    }

    /// The matching lines that are new, up to a block of them. Errors are among the changes.
    pub(crate) fn poll(&mut self) -> Vec<NewLine> {
        let mut found = Vec::new();
        if let Some(source) = self.rotated.pop_front() {
            self.read_rotated(source, &mut found);
        } else if let Some(mut open) = self.open.take() {
            let read = self.read_new(&mut open, &mut found);
            self.open = Some(open);
            match read {
                Ok(true) => {}
                Ok(false) => self.follow_name(&mut found),
                Err(error) => {
                    self.is_unreadable(error);
                    self.follow_name(&mut found);
                }
            }
        } else if let Some(next) = self.named() {
            self.take(next);
        }
        found
    }

    /// Goes over to another file that has the name now, if the old one has settled.
    fn follow_name(&mut self, found: &mut Vec<NewLine>) {
        let has_settled = self.open.as_ref().is_some_and(|open| open.grew.elapsed() >= SETTLE_TIME);
        let next = if has_settled { self.named() } else { None };
        let Some(next) = next else { return };
        match self.open.take() {
            Some(mut open) if !next.is_same(&open) => {
                self.flush(&mut open, found);
                self.queue_rotated(&open);
                self.take(next);
            }
            same => self.open = same,
        }
    }

    /// The file of this name as it is now, if there is one. Changes of its state are kept.
    fn named(&mut self) -> Option<FollowedReader> {
        match opened(&self.path) {
            Ok(Some(file)) => {
                if self.name_state != NameState::There {
                    self.changes.push(FollowChange::Appeared);
                }
                self.name_state = NameState::There;
                return Some(file);
            }
            Ok(None) => {
                if self.name_state != NameState::Absent {
                    let was_there = self.open.is_some();
                    self.changes.push(if was_there { FollowChange::Removed } else { FollowChange::NotThere });
                }
                self.name_state = NameState::Absent;
            }
            Err(error) => self.is_unreadable(error),
        }
        None
    }

    fn is_unreadable(&mut self, error: io::Error) {
        let state = NameState::Unreadable(error.kind());
        if std::mem::replace(&mut self.name_state, state) != state {
            self.changes.push(FollowChange::Unreadable(error));
        }
    }

    fn take(&mut self, open: FollowedReader) {
        let rotated = rotated_files(&live_path(&self.path)).unwrap_or_default();
        self.known = rotated.into_iter().map(|file| file.plain_name).collect();
        self.open = Some(open);
    }

    /// Reads up to a block; whether the file has grown.
    fn read_new(&mut self, open: &mut FollowedReader, found: &mut Vec<NewLine>) -> io::Result<bool> {
        if open.file.metadata()?.len() < open.position {
            open.restart();
        }
        let mut block = Vec::new();
        (&open.file).seek(SeekFrom::Start(open.position))?;
        (&open.file).take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
        open.position += block.len() as u64;
        if block.is_empty() {
            return Ok(false);
        }
        open.grew = Instant::now();
        self.split(open, &block, found);
        Ok(true)
    }

    fn split(&mut self, open: &mut FollowedReader, block: &[u8], found: &mut Vec<NewLine>) {
        for piece in block.split_inclusive(|&byte| byte == b'\n') {
            let Some(end) = piece.strip_suffix(b"\n") else {
                self.long_lines += u64::from(open.keep(piece));
                continue;
            };
            let mut line = std::mem::take(&mut open.partial);
            if std::mem::take(&mut open.skips_line) {
                continue;
            }
            line.extend_from_slice(end);
            self.add(line, found);
        }
    }

    /// The last line of a file that gets no more lines may have no end.
    fn flush(&mut self, open: &mut FollowedReader, found: &mut Vec<NewLine>) {
        let line = std::mem::take(&mut open.partial);
        if !line.is_empty() {
            self.add(line, found);
        }
    }

    fn add(&mut self, line: Vec<u8>, found: &mut Vec<NewLine>) {
        if self.filter.matches(&LogLine::read(&line, &mut self.tape)) {
            found.push(self.placed(line));
        }
    }

    /// A line of plain text has the time of the event before it.
    fn placed(&mut self, bytes: Vec<u8>) -> NewLine {
        let time = LogLine::read(&bytes, &mut self.tape).event().and_then(|event| event.time());
        self.time = time.unwrap_or(self.time);
        NewLine { time: self.time, bytes }
    }

    /// The files that were the live file after the one that is open, and are no more, are read next.
    fn queue_rotated(&mut self, open: &FollowedReader) {
        // A directory that cannot be listed hides its rotated files; the live file is followed.
        let rotated = rotated_files(&live_path(&self.path)).unwrap_or_default();
        let is_open = |file: &RotatedPath| {
            fs::metadata(&file.path).is_ok_and(|it| (it.dev(), it.ino()) == (open.device, open.inode))
        };
        let unread = match rotated.iter().position(is_open) {
            Some(index) => rotated.into_iter().skip(index + 1).collect(),
            None => self.behind_a_compressed_one(rotated),
        };
        for file in unread {
            match LineSource::open(InputName::File(file.path.clone()), Arc::clone(&self.filter)) {
                Ok(source) => self.rotated.push_back(source),
                Err(error) => self.changes.push(FollowChange::RotatedUnreadable(file.path, error)),
            }
        }
    }

    /// The files that were rotated after the one that was open, which is another file once it is compressed.
    fn behind_a_compressed_one(&self, rotated: Vec<RotatedPath>) -> Vec<RotatedPath> {
        // Each rotation gives numbered files other names, so that a name shows nothing: the newest one was open.
        if rotated.last().is_some_and(RotatedPath::is_numbered) {
            return Vec::new();
        }
        let is_compressed = |path: &Path| path.extension().is_some_and(|it| it == "gz" || it == "zst");
        let mut fresh = rotated.into_iter().filter(|file| !self.known.contains(&file.plain_name)).peekable();
        let _was_open = fresh.next_if(|first| is_compressed(&first.path));
        fresh.collect()
    }

    fn read_rotated(&mut self, mut source: LineSource, found: &mut Vec<NewLine>) {
        for _ in 0..ROTATED_LINES {
            match source.advance(&mut || ()) {
                Ok(true) => {
                    let line = source.line().bytes().to_vec();
                    found.push(self.placed(line));
                }
                Ok(false) => {
                    self.long_lines += source.long_lines();
                    return;
                }
                Err(error) => {
                    if let InputName::File(path) = source.name() {
                        self.changes.push(FollowChange::RotatedUnreadable(path.clone(), error));
                    }
                    return;
                }
            }
        }
        self.rotated.push_front(source);
    }
}

/// Whether a file can be followed: one that is not there yet can, but neither a pipe nor a compressed or encrypted file.
pub(crate) fn can_be_followed(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            let mut first = [0; 8];
            let read = open_file(path)?.read(&mut first)?;
            let first = first.get(..read).unwrap_or_default();
            Ok(!is_compressed(first) && !is_encrypted(first))
        }
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// The regular file of a name; `None` if there is none. A pipe would have to be waited for.
fn opened(path: &Path) -> io::Result<Option<FollowedReader>> {
    let is_absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let opened = fs::metadata(path).and_then(|metadata| {
        if metadata.is_dir() || metadata.is_file() { open_file(path) } else { Err(not_regular()) }
    });
    match opened {
        Ok(file) => FollowedReader::new(file).map(Some),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "is no regular file now")
}

impl FollowedReader {
    fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            file,
            device: metadata.dev(),
            inode: metadata.ino(),
            position: 0,
            partial: Vec::new(),
            skips_line: false,
            grew: Instant::now(),
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    fn restart(&mut self) {
        self.position = 0;
        self.partial.clear();
        self.skips_line = false;
    }

    /// Keeps the front of a line, unless it is too long; whether it is too long since now.
    fn keep(&mut self, front: &[u8]) -> bool {
        if self.skips_line {
            return false;
        }
        self.partial.extend_from_slice(front);
        self.skips_line = self.partial.len() > MAX_LINE_BYTES;
        if self.skips_line {
            self.partial = Vec::new();
        }
        self.skips_line
    }

    /// The end of the last line that is whole.
    fn end_of_last_line(&self) -> io::Result<u64> {
        let mut position = self.file.metadata()?.len();
        while position > 0 {
            let start = position.saturating_sub(BLOCK_BYTES as u64);
            let mut block = Vec::new();
            (&self.file).seek(SeekFrom::Start(start))?;
            (&self.file).take(position - start).read_to_end(&mut block)?;
            if let Some(at) = memchr::memrchr(b'\n', &block) {
                return Ok(start + at as u64 + 1);
            }
            position = start;
        }
        Ok(0)
    }
}
