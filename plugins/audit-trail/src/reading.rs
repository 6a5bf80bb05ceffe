//! How files are read that anybody may have put there: a pipe, a device, or a length without an end is an error, and fills no memory.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::format::{EntryHeader, TrailEntry};

/// Opens a regular file. Links are followed: an auditor may have them.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    open(path, libc::O_NONBLOCK)
}

/// Opens a regular file at this very path.
pub(crate) fn open_without_links(path: &Path) -> io::Result<File> {
    open(path, libc::O_NONBLOCK | libc::O_NOFOLLOW)
}

fn open(path: &Path, flags: i32) -> io::Result<File> {
    // `O_NONBLOCK`: a pipe without a writer would keep the reader waiting. It changes nothing for a regular file.
    let flags = flags | libc::O_CLOEXEC | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}

/// The bytes of a trail file, as far as there are entries.
pub(crate) struct EntryBytes {
    /// The entries, and the front of the bytes behind them that are none.
    pub(crate) bytes: Vec<u8>,
    /// The length of the file.
    pub(crate) file_bytes: u64,
}

/// Reads a trail file up to the first bytes that are no entry. These are read as far as they decide on the kind of damage.
pub(crate) fn read_entries(path: &Path) -> io::Result<EntryBytes> {
    read_entries_of(&open_plain(path)?)
}

pub(crate) fn read_entries_of(file: &File) -> io::Result<EntryBytes> {
    let length = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut bytes = Vec::new();
    loop {
        let start = bytes.len();
        if append(&mut reader, EntryHeader::BYTES, &mut bytes)? < EntryHeader::BYTES {
            break;
        }
        let front = bytes.get(start..).unwrap_or_default();
        let Some(header) = EntryHeader::read(front) else {
            if front.iter().all(|byte| *byte == 0) {
                append_end_of_blank(&mut reader, &mut bytes)?;
            }
            break;
        };
        let behind = header.entry_bytes() - EntryHeader::BYTES;
        let is_whole = append(&mut reader, behind, &mut bytes)? == behind;
        if !is_whole || TrailEntry::read(bytes.get(start..).unwrap_or_default()).is_err() {
            break;
        }
    }
    // A file that grows while it is read.
    let file_bytes = length.max(bytes.len() as u64);
    Ok(EntryBytes { bytes, file_bytes })
}

/// Appends so many bytes, or as many as there are. Returns their number.
fn append(reader: &mut impl Read, count: usize, bytes: &mut Vec<u8>) -> io::Result<usize> {
    reader.take(count as u64).read_to_end(bytes)
}

/// The most bytes behind the last entry, or behind the data that it has, that a crash leaves: a payload is far shorter.
pub(crate) const TORN_BYTES_MAX: u64 = 256 << 20;

/// Behind zeros: nothing if zeros are all that follows, else a byte that is none. More zeros than a crash leaves are no blank end.
fn append_end_of_blank(reader: impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut reader = reader.take(TORN_BYTES_MAX);
    let (zeros, mut buffer) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => {
                bytes.extend((reader.limit() == 0).then_some(u8::MAX));
                return Ok(());
            }
            Ok(count) => {
                let read = buffer.get(..count).unwrap_or_default();
                if zeros.get(..count) != Some(read) {
                    bytes.extend(read.iter().find(|byte| **byte != 0));
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
