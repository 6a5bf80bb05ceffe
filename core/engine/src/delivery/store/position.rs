//! The position file: the place of the first payload that is not acknowledged. The page of the store has the format.

use std::{fs::File, io, os::unix::fs::FileExt};

use crate::delivery::store::frame::FieldReader;

const MAGIC: [u8; 8] = *b"fapposi1";
/// The distance of the slots: a torn write damages one of them.
const SLOT_STRIDE: u64 = 4096;
/// Magic, sequence, segment, offset, checksum.
const SLOT_BYTES: usize = 8 + 8 + 8 + 8 + 4;

/// A place in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SpillPosition {
    /// The segment's number. All segments of lower numbers are acknowledged.
    pub(super) segment: u64,
    /// The place in it. Everything in front of it is acknowledged.
    pub(super) offset: u64,
}

/// The position that was found on disk.
#[derive(Debug)]
pub(super) enum FoundPosition {
    /// The file is new.
    None,
    At(SpillPosition),
    /// The file has no whole slot: `None`; or it could not be read.
    Unreadable(Option<io::Error>),
}

/// The file, whose slots are written in turn.
#[derive(Debug)]
pub(super) struct PositionFile {
    file: File,
    sequence: u64,
}

impl PositionFile {
    /// Reads the file.
    pub(super) fn new(file: File) -> (Self, FoundPosition) {
        let (sequence, found) = match read(&file) {
            Ok(PositionSlots::Empty) => (0, FoundPosition::None),
            Ok(PositionSlots::Damaged) => (0, FoundPosition::Unreadable(None)),
            Ok(PositionSlots::Newest { sequence, position }) => (sequence, FoundPosition::At(position)),
            Err(error) => (0, FoundPosition::Unreadable(Some(error))),
        };
        (Self { file, sequence }, found)
    }

    /// Fills both slots, so that later positions find room on a full disk.
    ///
    /// # Errors
    /// Those of the disk. Positions may be written later all the same.
    pub(super) fn fill(&mut self, position: SpillPosition) -> io::Result<()> {
        self.write(position)?;
        self.write(position)
    }

    /// Writes the position: it survives the end of the process.
    pub(super) fn write(&mut self, position: SpillPosition) -> io::Result<()> {
        let sequence = self.sequence.wrapping_add(1);
        self.file.write_all_at(&slot(sequence, position), sequence % 2 * SLOT_STRIDE)?;
        self.sequence = sequence;
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

enum PositionSlots {
    Empty,
    Damaged,
    Newest { sequence: u64, position: SpillPosition },
}

fn read(file: &File) -> io::Result<PositionSlots> {
    if file.metadata()?.len() == 0 {
        return Ok(PositionSlots::Empty);
    }
    let mut newest = PositionSlots::Damaged;
    for at in [0, SLOT_STRIDE] {
        let mut bytes = [0; SLOT_BYTES];
        match file.read_exact_at(&mut bytes, at) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
            result => result?,
        }
        let Some((sequence, position)) = position_of(&bytes) else { continue };
        if !matches!(newest, PositionSlots::Newest { sequence: other, .. } if other > sequence) {
            newest = PositionSlots::Newest { sequence, position };
        }
    }
    Ok(newest)
}

fn slot(sequence: u64, position: SpillPosition) -> Vec<u8> {
    let mut slot = MAGIC.to_vec();
    slot.extend(sequence.to_le_bytes());
    slot.extend(position.segment.to_le_bytes());
    slot.extend(position.offset.to_le_bytes());
    slot.extend(crc32fast::hash(&slot).to_le_bytes());
    slot
}

fn position_of(bytes: &[u8; SLOT_BYTES]) -> Option<(u64, SpillPosition)> {
    let mut fields = FieldReader(bytes);
    let magic = fields.array::<8>()?;
    let (sequence, segment, offset) = (fields.u64()?, fields.u64()?, fields.u64()?);
    let checksum = crc32fast::hash(bytes.get(..SLOT_BYTES - 4)?);
    (magic == MAGIC && fields.u32()? == checksum).then_some((sequence, SpillPosition { segment, offset }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reopened(file: &File) -> (PositionFile, FoundPosition) {
        PositionFile::new(file.try_clone().unwrap())
    }

    fn place(segment: u64, offset: u64) -> SpillPosition {
        SpillPosition { segment, offset }
    }

    #[test]
    fn the_newest_position_is_found() {
        let file = tempfile::tempfile().unwrap();
        let (mut positions, found) = reopened(&file);
        assert!(matches!(found, FoundPosition::None));
        for segment in 1..6 {
            positions.write(place(segment, 7)).unwrap();
            assert!(matches!(reopened(&file).1, FoundPosition::At(found) if found == place(segment, 7)));
        }
    }

    #[test]
    fn a_torn_slot_leaves_the_position_before_it() {
        let file = tempfile::tempfile().unwrap();
        let (mut positions, _) = reopened(&file);
        positions.write(place(1, 10)).unwrap();
        positions.write(place(1, 20)).unwrap();
        for byte in 0..SLOT_BYTES as u64 {
            let mut slot = [0; SLOT_BYTES];
            file.read_exact_at(&mut slot, 0).unwrap();
            let mut torn = slot;
            torn[byte as usize] ^= 0x40;
            file.write_all_at(&torn, 0).unwrap();
            assert!(matches!(reopened(&file).1, FoundPosition::At(found) if found == place(1, 10)), "byte {byte}");
            file.write_all_at(&slot, 0).unwrap();
        }
        assert!(matches!(reopened(&file).1, FoundPosition::At(found) if found == place(1, 20)));
    }

    #[test]
    fn two_torn_slots_are_reported() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[0; 5000], 0).unwrap();
        assert!(matches!(reopened(&file).1, FoundPosition::Unreadable(None)));
    }
}
