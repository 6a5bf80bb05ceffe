//! Segments: files of frames.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
};

use crate::delivery::store::{
    directory::SpillDirectory,
    frame::{self, FieldReader, FrameError},
    stored_payload::PayloadCounts,
};

const MAGIC: [u8; 8] = *b"fapspill";
const VERSION: u32 = 1;
/// Magic, version, checksum.
pub(super) const HEADER_BYTES: u64 = 8 + 4 + 4;

/// A place between two frames, and the payloads in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentProgress {
    pub(super) offset: u64,
    pub(super) counts: PayloadCounts,
}

impl SegmentProgress {
    pub(super) fn at(offset: u64) -> Self {
        Self { offset, counts: PayloadCounts::default() }
    }

    /// Steps over a frame.
    pub(super) fn advance(&mut self, bytes: u64, events: u64) {
        self.offset += bytes;
        self.counts.add_payload(events);
    }
}

/// A segment on disk. Its cursors are in order: acknowledged, read, end. They count the payloads behind the place where the
/// process has begun with the segment.
#[derive(Debug)]
pub(super) struct SpillSegment {
    pub(super) number: u64,
    /// The bytes of the file.
    pub(super) file_bytes: u64,
    pub(super) acknowledged: SegmentProgress,
    pub(super) read: SegmentProgress,
    /// The end of the last frame that can be read.
    pub(super) end: SegmentProgress,
}

impl SpillSegment {
    /// A segment without a frame.
    fn new(number: u64) -> Self {
        let start = SegmentProgress::at(HEADER_BYTES);
        Self { number, file_bytes: HEADER_BYTES, acknowledged: start, read: start, end: start }
    }

    pub(super) fn is_acknowledged(&self) -> bool {
        self.acknowledged.offset >= self.end.offset
    }

    pub(super) fn is_read(&self) -> bool {
        self.read.offset >= self.end.offset
    }

    /// Cuts the part that is not read yet. Returns its payloads.
    pub(super) fn skip_unread(&mut self) -> PayloadCounts {
        let unread = self.end.counts.without(self.read.counts);
        self.end = self.read;
        unread
    }

    /// Moves the read position back to the first payload that is not acknowledged.
    pub(super) fn rewind(&mut self) {
        self.read = self.acknowledged;
    }
}

/// The segment that payloads are appended to.
#[derive(Debug)]
pub(super) struct WritingSegment {
    pub(super) number: u64,
    file: File,
    /// Whether the file may have a part of a frame behind the last one.
    is_torn: bool,
}

impl WritingSegment {
    /// Creates a segment.
    ///
    /// # Errors
    /// Those of the system. No file is left.
    pub(super) fn create(directory: &SpillDirectory, number: u64) -> io::Result<(Self, SpillSegment)> {
        let file = directory.create(number)?;
        if let Err(error) = file.write_all_at(&header(), 0) {
            let _ = directory.remove(number);
            return Err(error);
        }
        Ok((Self { number, file, is_torn: false }, SpillSegment::new(number)))
    }

    /// Appends a frame at `end`. After an error, the part of it that is written is cut again.
    pub(super) fn append(&mut self, frame: &[u8], end: u64) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(end)?;
            self.is_torn = false;
        }
        let written = self.file.write_all_at(frame, end);
        if written.is_err() {
            self.is_torn = self.file.set_len(end).is_err();
        }
        written
    }

    /// Whether the file still has its name.
    pub(super) fn is_there(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn header() -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend(VERSION.to_le_bytes());
    header.extend(crc32fast::hash(&header).to_le_bytes());
    header
}

/// The kind of a file that has the name of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SegmentKind {
    /// A segment of this version.
    Whole,
    /// A segment whose header is not whole: its process has ended while it was created.
    Torn,
    /// A segment of another version of the library.
    OtherVersion,
    /// Another program's file.
    Other,
}

/// Looks at the header of a file of this length.
pub(super) fn kind_of(file: &File, file_bytes: u64) -> io::Result<SegmentKind> {
    let expected = header();
    let length = expected.len().min(usize::try_from(file_bytes).unwrap_or(usize::MAX));
    let mut found = vec![0; length];
    file.read_exact_at(&mut found, 0)?;
    if found == expected {
        return Ok(SegmentKind::Whole);
    }
    if expected.starts_with(&found) {
        return Ok(SegmentKind::Torn);
    }
    let mut fields = FieldReader(&found);
    let (magic, _version, checksum) = (fields.array(), fields.u32(), fields.u32());
    let is_ours = magic == Some(MAGIC) && checksum == found.get(..12).map(crc32fast::hash);
    Ok(if is_ours { SegmentKind::OtherVersion } else { SegmentKind::Other })
}

/// The frames of a segment from a place on.
#[derive(Debug)]
pub(super) struct SegmentScan {
    /// The end of the last whole frame.
    pub(super) end: SegmentProgress,
    /// Why the bytes behind it are no frames; `None` if there are none.
    pub(super) stop: Option<FrameError>,
}

/// Checks the frames from `start` on.
pub(super) fn scan(file: &File, start: u64, file_bytes: u64) -> SegmentScan {
    let mut end = SegmentProgress::at(start);
    while end.offset < file_bytes {
        match frame::check(file, end.offset, file_bytes) {
            Ok(summary) => end.advance(summary.bytes, summary.events),
            Err(error) => return SegmentScan { end, stop: Some(error) },
        }
    }
    SegmentScan { end, stop: None }
}
