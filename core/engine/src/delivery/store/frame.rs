//! Frames: payloads as bytes in a segment. The page of the store has the format.

use std::{fs::File, io, os::unix::fs::FileExt};

use fapilog_plugin::{
    event::InstanceId,
    sink::{Payload, PayloadId},
};
use fapilog_record::timestamp::Timestamp;

use crate::delivery::store::{error::StoreError, stored_payload::StoredPayload};

/// The length of the body, and the checksum.
const PREFIX_BYTES: usize = 8;
/// The body without the ends and the records: id, events, time, number of ends.
const FIXED_BYTES: usize = 8 + 4 + 8 + 4 + 8 + 1 + 8 + 4;
/// The bytes of an end.
const END_BYTES: usize = 4;
/// The bytes that a check reads at once.
const CHUNK_BYTES: usize = 64 << 10;
/// The attempts to read bytes that the disk does not give.
const READS_MAX: u32 = 3;

/// Why a frame is not read.
#[derive(Debug)]
pub(super) enum FrameError {
    /// The bytes are no frame: it is torn, or damaged.
    Invalid,
    Io(io::Error),
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        // The file is shorter than it was.
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Invalid } else { Self::Io(error) }
    }
}

/// A frame that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameSummary {
    pub(super) bytes: u64,
    pub(super) events: u64,
}

/// The frame of a payload.
///
/// # Errors
/// `TooLong`.
pub(super) fn encode(stored: &StoredPayload) -> Result<Vec<u8>, StoreError> {
    let (id, records) = (stored.payload.id(), stored.payload.records());
    let ends = stored.payload.record_ends();
    let length = FIXED_BYTES.saturating_add(ends.len().saturating_mul(END_BYTES)).saturating_add(records.len());
    let too_long = |_| StoreError::TooLong { bytes: length as u64 };
    let body_bytes = u32::try_from(length).map_err(too_long)?;
    let end_count = u32::try_from(ends.len()).map_err(too_long)?;
    let mut frame = Vec::with_capacity(PREFIX_BYTES.saturating_add(length));
    frame.extend(body_bytes.to_le_bytes());
    frame.extend([0; 4]);
    frame.extend(id.instance.to_bits().to_le_bytes());
    frame.extend(id.shard.to_le_bytes());
    frame.extend(id.sequence.to_le_bytes());
    frame.extend(id.part.to_le_bytes());
    frame.extend(stored.events.to_le_bytes());
    frame.push(stored.oldest.is_some().into());
    frame.extend(stored.oldest.map_or(0, Timestamp::unix_nanos).to_le_bytes());
    frame.extend(end_count.to_le_bytes());
    for end in ends {
        // An end lies within the records, whose length has 32 bits.
        frame.extend(u32::try_from(end).unwrap_or(u32::MAX).to_le_bytes());
    }
    frame.extend(records);
    let mut checksum = start_checksum(body_bytes);
    checksum.update(frame.get(PREFIX_BYTES..).unwrap_or_default());
    if let Some(place) = frame.get_mut(PREFIX_BYTES - 4..PREFIX_BYTES) {
        place.copy_from_slice(&checksum.finalize().to_le_bytes());
    }
    Ok(frame)
}

/// Whether the frame at `offset` is whole, and ends at `end` at the latest. Its bytes are read in small parts.
pub(super) fn check(file: &File, offset: u64, end: u64) -> Result<FrameSummary, FrameError> {
    let prefix = FramePrefix::read(file, offset, end)?;
    let mut fixed = [0; FIXED_BYTES];
    let mut place = offset + PREFIX_BYTES as u64;
    read(file, &mut fixed, place)?;
    let body = FixedBody::of(&fixed).ok_or(FrameError::Invalid)?;
    if FIXED_BYTES as u64 + u64::from(body.end_count) * END_BYTES as u64 > u64::from(prefix.body_bytes) {
        return Err(FrameError::Invalid);
    }
    let mut checksum = start_checksum(prefix.body_bytes);
    checksum.update(&fixed);
    place += FIXED_BYTES as u64;
    let mut chunk = [0; CHUNK_BYTES];
    let frame_end = offset + prefix.frame_bytes();
    while place < frame_end {
        let part = usize::try_from(frame_end - place).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        let part = chunk.get_mut(..part).unwrap_or_default();
        read(file, part, place)?;
        checksum.update(part);
        place += part.len() as u64;
    }
    let is_whole = checksum.finalize() == prefix.checksum;
    if is_whole {
        Ok(FrameSummary { bytes: prefix.frame_bytes(), events: body.events })
    } else {
        Err(FrameError::Invalid)
    }
}

/// Reads the frame at `offset`, which ends at `end` at the latest.
pub(super) fn decode(file: &File, offset: u64, end: u64) -> Result<(StoredPayload, FrameSummary), FrameError> {
    let prefix = FramePrefix::read(file, offset, end)?;
    let length = prefix.body_bytes as usize;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| FrameError::Io(io::Error::from_raw_os_error(libc::ENOMEM)))?;
    bytes.resize(length, 0);
    read(file, &mut bytes, offset + PREFIX_BYTES as u64)?;
    let mut checksum = start_checksum(prefix.body_bytes);
    checksum.update(&bytes);
    if checksum.finalize() != prefix.checksum {
        return Err(FrameError::Invalid);
    }
    let body = FixedBody::of(&bytes).ok_or(FrameError::Invalid)?;
    let summary = FrameSummary { bytes: prefix.frame_bytes(), events: body.events };
    body.payload_of(bytes).map(|payload| (payload, summary)).ok_or(FrameError::Invalid)
}

/// Reads all of `bytes`. A disk that fails gets another attempt.
fn read(file: &File, bytes: &mut [u8], offset: u64) -> Result<(), FrameError> {
    let mut result = Ok(());
    for _ in 0..READS_MAX {
        result = file.read_exact_at(bytes, offset).map_err(FrameError::from);
        if !matches!(result, Err(FrameError::Io(_))) {
            break;
        }
    }
    result
}

/// The checksum of a frame begins with the length: a damaged length does not fit, either.
fn start_checksum(body_bytes: u32) -> crc32fast::Hasher {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&body_bytes.to_le_bytes());
    checksum
}

/// The beginning of a frame, whose length fits the file.
struct FramePrefix {
    body_bytes: u32,
    checksum: u32,
}

impl FramePrefix {
    fn read(file: &File, offset: u64, end: u64) -> Result<Self, FrameError> {
        let mut bytes = [0; PREFIX_BYTES];
        if end.saturating_sub(offset) < PREFIX_BYTES as u64 {
            return Err(FrameError::Invalid);
        }
        read(file, &mut bytes, offset)?;
        let mut fields = FieldReader(&bytes);
        let (Some(body_bytes), Some(checksum)) = (fields.u32(), fields.u32()) else { return Err(FrameError::Invalid) };
        let prefix = Self { body_bytes, checksum };
        let fits = body_bytes as usize >= FIXED_BYTES && prefix.frame_bytes() <= end - offset;
        if fits { Ok(prefix) } else { Err(FrameError::Invalid) }
    }

    fn frame_bytes(&self) -> u64 {
        PREFIX_BYTES as u64 + u64::from(self.body_bytes)
    }
}

/// The fields in front of the ends and the records.
struct FixedBody {
    id: PayloadId,
    events: u64,
    oldest: Option<Timestamp>,
    end_count: u32,
}

impl FixedBody {
    fn of(body: &[u8]) -> Option<Self> {
        let mut fields = FieldReader(body);
        let mut id = PayloadId::new(InstanceId::from_bits(fields.u64()?), fields.u32()?, fields.u64()?);
        id.part = fields.u32()?;
        let events = fields.u64()?;
        let has_oldest = fields.array::<1>()? != [0];
        let oldest = Timestamp::from_unix_nanos(fields.u64()?);
        Some(Self { id, events, oldest: has_oldest.then_some(oldest), end_count: fields.u32()? })
    }

    /// The payload of the whole body.
    fn payload_of(&self, mut body: Vec<u8>) -> Option<StoredPayload> {
        let mut fields = FieldReader(body.get(FIXED_BYTES..)?);
        let end_count = self.end_count as usize;
        if end_count > fields.0.len() / END_BYTES {
            return None;
        }
        let mut ends = Vec::with_capacity(end_count);
        for _ in 0..end_count {
            ends.push(fields.u32()? as usize);
        }
        let records = fields.0.len();
        if !ends.is_sorted() || ends.last().is_some_and(|last| *last > records) {
            return None;
        }
        body.drain(..body.len() - records);
        let payload = Payload::replayed(self.id, body, ends);
        Some(StoredPayload { payload, events: self.events, oldest: self.oldest })
    }
}

/// Takes fields from the front of bytes.
pub(super) struct FieldReader<'a>(pub(super) &'a [u8]);

impl FieldReader<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*field)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
