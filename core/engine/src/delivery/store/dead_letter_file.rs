//! The file for dead letters. Used by the thread of the store alone.

use std::{
    fs::{DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt},
    path::Path,
};

use fapilog_plugin::threads::standard_streams;
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, lstat, openat};

use crate::delivery::store::{
    directory::{CAREFUL, LOCK_WAIT, lock_exclusively},
    error::StoreError,
    letter_line::line_of,
    options::DeadLetterOptions,
    stored_payload::DeadLetter,
};

/// The file, which other shards and other programs may append to as well.
#[derive(Debug)]
pub(super) struct DeadLetterFile {
    options: DeadLetterOptions,
    sink: String,
    shard: usize,
    /// `None` until the first letter.
    file: Option<File>,
}

impl DeadLetterFile {
    pub(super) fn new(options: DeadLetterOptions, sink: &str, shard: usize) -> Self {
        Self { options, sink: sink.to_owned(), shard, file: None }
    }

    /// Appends a letter.
    ///
    /// # Errors
    /// See [`StoreError`]. Nothing of the letter is left.
    pub(super) fn append(&mut self, letter: &DeadLetter) -> Result<(), StoreError> {
        let line =
            line_of(letter, &self.sink, self.shard).map_err(|error| self.error("encode a line of")(error.into()))?;
        let file = current_file(&mut self.file, &self.options.path)?;
        // Other writers wait, so that the limit holds, and that a part of a line can be cut.
        lock_exclusively(file, &self.options.path, LOCK_WAIT)?;
        let appended = append_line(file, line, &self.options);
        let _ = flock(file, FlockOperation::Unlock);
        appended
    }

    fn error(&self, operation: &'static str) -> impl FnOnce(io::Error) -> StoreError {
        StoreError::io(operation, self.options.path.clone())
    }

    /// Makes the letters durable.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.as_ref().map_or(Ok(()), File::sync_data).map_err(self.error("sync"))
    }
}

/// The file that is at the path now. An operator may have moved the one before.
fn current_file<'a>(file: &'a mut Option<File>, path: &Path) -> Result<&'a File, StoreError> {
    file.take_if(|file| !is_at(file, path));
    match file {
        Some(file) => Ok(file),
        none => Ok(none.insert(open(path)?)),
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(found)) = (file.metadata(), lstat(path)) else { return false };
    (open.dev(), open.ino()) == (found.st_dev, found.st_ino)
}

fn open(path: &Path) -> Result<File, StoreError> {
    match open_once(path) {
        Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().unwrap_or(Path::new(""));
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(parent)
                .map_err(StoreError::io("make the directory of", path))?;
            open_once(path)
        }
        opened => opened,
    }
}

fn open_once(path: &Path) -> Result<File, StoreError> {
    let _streams = standard_streams::reserve();
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | CAREFUL;
    let refuse = |found| Err(StoreError::NotAPlainFile { path: path.to_owned(), found });
    let file = match openat(CWD, path, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::LOOP) => return refuse("a symbolic link"),
        Err(rustix::io::Errno::ISDIR) => return refuse("a directory"),
        Err(error) => return Err(StoreError::io("open", path)(error.into())),
    };
    let metadata = file.metadata().map_err(StoreError::io("look at", path))?;
    let file_type = metadata.file_type();
    if file_type.is_fifo() {
        refuse("a pipe")
    } else if file_type.is_char_device() || file_type.is_block_device() {
        refuse("a device")
    } else if !file_type.is_file() {
        refuse("no regular file")
    } else if metadata.nlink() != 1 {
        refuse("a file with several names")
    } else {
        Ok(file)
    }
}

/// Appends a line by a single call. A part of it, which a full disk leaves, is cut again.
fn append_line(mut file: &File, mut line: Vec<u8>, options: &DeadLetterOptions) -> Result<(), StoreError> {
    let DeadLetterOptions { path, bytes_max } = options;
    let end = file.metadata().map_err(StoreError::io("read the length of", path))?.len();
    if has_torn_line(file, end).map_err(StoreError::io("read the end of", path))? {
        line.insert(0, b'\n');
    }
    let bytes = line.len() as u64;
    if end.saturating_add(bytes) > *bytes_max {
        return Err(StoreError::Full { path: path.clone(), bytes, bytes_max: *bytes_max });
    }
    let written = loop {
        match file.write(&line) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            written => break written,
        }
    };
    match written {
        Ok(written) if written == line.len() => Ok(()),
        Ok(_) => {
            file.set_len(end).map_err(StoreError::io("cut a part of a line in", path))?;
            Err(StoreError::io("write to", path)(io::ErrorKind::StorageFull.into()))
        }
        Err(error) => Err(StoreError::io("write to", path)(error)),
    }
}

/// Whether the last byte is no line feed: a program has ended while it wrote.
fn has_torn_line(file: &File, end: u64) -> io::Result<bool> {
    let Some(last) = end.checked_sub(1) else { return Ok(false) };
    let mut byte = [0];
    match file.read_exact_at(&mut byte, last) {
        // Another program has cut it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        result => result.map(|()| byte != *b"\n"),
    }
}
