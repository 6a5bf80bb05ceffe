//! The form of a segment's file.
//!
//! All numbers are little-endian. A checksum is CRC-32 (of gzip, RFC 1952, section 8).
//!
//! | part | bytes |
//! |---|---|
//! | head | `FAPOBJ1\n`, the compression (1), the length of the name (2), the name, the checksum of all of these (4) |
//! | frame | the length of its bytes (4), the number of records (4), the checksum of these 8 and of the bytes (4), the bytes |
//!
//! A frame has the records of a payload. Bytes behind the last valid frame were not acknowledged, and are cut.

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read},
    path::Path,
};

use flate2::Crc;

use crate::{error::ObjectStoreError, settings::ObjectCompression};

const MAGIC: &[u8; 8] = b"FAPOBJ1\n";

/// The bytes of a frame in front of its records.
pub(crate) const FRAME_HEAD_BYTES: usize = 12;

/// The head of a segment: how its object is named and compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    pub(crate) name: String,
    pub(crate) compression: ObjectCompression,
}

impl SegmentHead {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(match self.compression {
            ObjectCompression::None => 0,
            ObjectCompression::Gzip => 1,
            ObjectCompression::Zstd => 2,
        });
        // A template leads to 900 bytes at most.
        let length = u16::try_from(self.name.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(self.name.as_bytes());
        let sum = checksum(&[&bytes]);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn read(file: &mut impl Read) -> io::Result<Option<Self>> {
        let mut front = [0; MAGIC.len() + 3];
        if !read_whole(file, &mut front)? || !front.starts_with(MAGIC) {
            return Ok(None);
        }
        let [.., compression, low, high] = front;
        let compression = match compression {
            0 => ObjectCompression::None,
            1 => ObjectCompression::Gzip,
            2 => ObjectCompression::Zstd,
            _ => return Ok(None),
        };
        let mut name = vec![0; usize::from(u16::from_le_bytes([low, high]))];
        let mut sum = [0; 4];
        if !read_whole(file, &mut name)? || !read_whole(file, &mut sum)? {
            return Ok(None);
        }
        let is_valid = u32::from_le_bytes(sum) == checksum(&[&front, &name]);
        Ok(String::from_utf8(name).ok().filter(|_| is_valid).map(|name| Self { name, compression }))
    }
}

/// The bytes in front of a frame's records.
pub(crate) fn frame_head(bytes: &[u8], records: usize) -> [u8; FRAME_HEAD_BYTES] {
    // A payload is far below 4 GiB.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let records = u32::try_from(records).unwrap_or(u32::MAX).to_le_bytes();
    let sum = checksum(&[&length, &records, bytes]).to_le_bytes();
    let mut head = [0; FRAME_HEAD_BYTES];
    for (place, byte) in head.iter_mut().zip(length.into_iter().chain(records).chain(sum)) {
        *place = byte;
    }
    head
}

fn checksum(parts: &[&[u8]]) -> u32 {
    let mut crc = Crc::new();
    parts.iter().for_each(|part| crc.update(part));
    crc.sum()
}

/// Reads a segment, frame by frame.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    file: BufReader<File>,
    pub(crate) head: SegmentHead,
    /// The end of the frames that were read.
    pub(crate) end: u64,
    /// The end of the segment.
    length: u64,
}

impl SegmentReader {
    /// Reads the head. `None`: it is not valid.
    pub(crate) fn new(file: File, length: u64) -> io::Result<Option<Self>> {
        let mut file = BufReader::with_capacity(128 << 10, file);
        let head = SegmentHead::read(&mut file)?;
        Ok(head.map(|head| {
            let end = head.encode().len() as u64;
            Self { file, head, end, length }
        }))
    }

    /// Reads the next frame's records into `bytes`, which are replaced. Returns whether there is one that is valid.
    pub(crate) fn next(&mut self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        bytes.clear();
        let left = self.length.saturating_sub(self.end);
        let mut head = [0; FRAME_HEAD_BYTES];
        if left < FRAME_HEAD_BYTES as u64 || !read_whole(&mut self.file, &mut head)? {
            return Ok(false);
        }
        let [a, b, c, d, e, f, g, h, i, j, k, l] = head;
        let length = u32::from_le_bytes([a, b, c, d]);
        let whole = u64::from(length) + FRAME_HEAD_BYTES as u64;
        if length == 0 || whole > left {
            return Ok(false);
        }
        bytes.resize(length as usize, 0);
        if !read_whole(&mut self.file, bytes)? {
            return Ok(false);
        }
        let is_valid = u32::from_le_bytes([i, j, k, l]) == checksum(&[&[a, b, c, d, e, f, g, h], bytes]);
        if is_valid {
            self.end += whole;
        }
        Ok(is_valid)
    }

    /// Whether all of the segment was read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.end == self.length
    }
}

/// Opens a segment of this length for its upload.
pub(crate) fn open(path: &Path, length: u64) -> Result<SegmentReader, ObjectStoreError> {
    let unreadable = |source| ObjectStoreError::Unreadable { path: path.to_owned(), source };
    let file = crate::files::open_to_read(path).map_err(unreadable)?;
    let reader = SegmentReader::new(file, length).map_err(unreadable)?;
    reader.ok_or_else(|| ObjectStoreError::BrokenSegment { path: path.to_owned(), reason: "its head" })
}

/// Fills `bytes`. Returns whether there were enough.
fn read_whole(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn segment(frames: &[&[u8]]) -> Vec<u8> {
        let head = SegmentHead { name: "a/b.zst".to_owned(), compression: ObjectCompression::Zstd };
        let mut bytes = head.encode();
        for frame in frames {
            bytes.extend_from_slice(&frame_head(frame, 1));
            bytes.extend_from_slice(frame);
        }
        bytes
    }

    /// The frames that are found, and the end of the last one.
    fn read(bytes: &[u8]) -> Option<(Vec<Vec<u8>>, u64)> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut reader = SegmentReader::new(file, bytes.len() as u64).unwrap()?;
        let (mut frames, mut frame) = (Vec::new(), Vec::new());
        while reader.next(&mut frame).unwrap() {
            frames.push(frame.clone());
        }
        Some((frames, reader.end))
    }

    #[test]
    fn a_segment_has_these_bytes() {
        let mut golden = b"FAPOBJ1\n\x02\x07\x00a/b.zst".to_vec();
        let mut sum = flate2::Crc::new();
        sum.update(&golden);
        golden.extend_from_slice(&sum.sum().to_le_bytes());
        golden.extend_from_slice(b"\x03\0\0\0\x01\0\0\0");
        let mut sum = flate2::Crc::new();
        sum.update(b"\x03\0\0\0\x01\0\0\0one");
        golden.extend_from_slice(&sum.sum().to_le_bytes());
        golden.extend_from_slice(b"one");
        assert_eq!(segment(&[b"one"]), golden);
    }

    #[test]
    fn a_segment_that_is_cut_anywhere_has_its_whole_frames() {
        let whole = segment(&[b"one", b"two and more", b"three"]);
        let ends =
            [segment(&[]).len(), segment(&[b"one"]).len(), segment(&[b"one", b"two and more"]).len(), whole.len()];
        for length in 0..=whole.len() {
            let expected = ends.iter().filter(|end| **end <= length).count().checked_sub(1);
            let found = read(&whole[..length]);
            assert_eq!(found.as_ref().map(|(frames, _)| frames.len()), expected, "{length}");
            if let Some((frames, end)) = found {
                assert_eq!(end as usize, ends[frames.len()], "{length}");
            }
        }
    }

    #[test]
    fn a_changed_byte_ends_the_segment_in_front_of_its_frame() {
        let whole = segment(&[b"one", b"two"]);
        let first = segment(&[b"one"]).len();
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0x40;
            let frames = read(&changed).map_or(0, |(frames, _)| frames.len());
            assert_eq!(frames, usize::from(place >= first), "{place}");
        }
        let mut zeros = whole.clone();
        zeros.resize(whole.len() + 4096, 0);
        assert_eq!(read(&zeros).unwrap().1 as usize, whole.len());
    }
}
