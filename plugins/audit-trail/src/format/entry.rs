//! Entries of a trail file.

use thiserror::Error;

use crate::format::{
    bodies::{BlockBody, CloseBody, GapBody, OpenBody, RemovalBody, RestartBody},
    fields::BodyReader,
};

/// The newest version of the format, in `OPEN`. Version 2 adds the entry `RETN` to version 1.
pub const FORMAT_VERSION: u16 = 2;

/// The oldest version that is read. Files of a trail without retention have it.
pub const OLDEST_FORMAT_VERSION: u16 = 1;

/// The length of an entry's prefix: tag, length of the body, sequence, time, epoch.
pub const PREFIX_BYTES: usize = 32;

/// The length of the chain value at the end of an entry.
pub const CHAIN_BYTES: usize = 32;

/// The most bytes of an entry, all parts together.
pub const ENTRY_BYTES_MAX: usize = 256 * 1024;

/// An entry of a trail file, without its chain value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailEntry {
    /// The entry's index in the Merkle tree. For a checkpoint, which is no leaf: the size of the tree.
    pub sequence: u64,
    /// The time of writing, in nanoseconds since 1970-01-01T00:00:00Z.
    pub unix_nanos: u64,
    /// The number of the chain key: the number of checkpoints before the entry.
    pub epoch: u64,
    /// The kind, and its values.
    pub body: EntryBody,
}

/// The kinds of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryBody {
    /// `OPEN`: a file begins.
    Open(Box<OpenBody>),
    /// `BLCK`: a block of data.
    Block(BlockBody),
    /// `STRT`: a program continues the file.
    Restart(RestartBody),
    /// `GAPS`: records are missing.
    Gap(GapBody),
    /// `RETN`: the sink removes old files.
    Removal(RemovalBody),
    /// `CLOS`: the file is complete.
    Close(CloseBody),
    /// `CKPT`: a checkpoint, a signed note. It is in the chain, and no leaf of the tree.
    Checkpoint(String),
}

/// Why bytes are no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The bytes end within the entry.
    #[error("the entry is incomplete")]
    Incomplete,
    /// The tag is none of the format, or the body does not fit it.
    #[error("the bytes are no entry")]
    Malformed,
}

impl TrailEntry {
    /// Whether it is a leaf of the Merkle tree.
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        !matches!(self.body, EntryBody::Checkpoint(_))
    }

    /// Appends the entry's bytes without its chain value: those that the chain and the leaf's hash are made of.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(self.body.tag());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(&self.unix_nanos.to_le_bytes());
        out.extend_from_slice(&self.epoch.to_le_bytes());
        match &self.body {
            EntryBody::Open(body) => body.write(out),
            EntryBody::Block(body) => body.write(out),
            EntryBody::Restart(body) => body.write(out),
            EntryBody::Gap(body) => body.write(out),
            EntryBody::Removal(body) => body.write(out),
            EntryBody::Close(body) => body.write(out),
            EntryBody::Checkpoint(note) => out.extend_from_slice(note.as_bytes()),
        }
        let length = u32::try_from(out.len().saturating_sub(start + PREFIX_BYTES)).unwrap_or(u32::MAX);
        if let Some(field) = out.get_mut(start + 4..start + 8) {
            field.copy_from_slice(&length.to_le_bytes());
        }
    }

    /// The entry's bytes without its chain value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    /// Reads the entry with which `bytes` begin. Returns it, its bytes without the chain value, and the chain value.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(bytes: &[u8]) -> Result<(Self, &[u8], [u8; CHAIN_BYTES]), EntryError> {
        let mut prefix = BodyReader::new(bytes);
        let EntryHeader { tag, body_bytes: length } = EntryHeader::read_from(&mut prefix)?;
        let numbers = (prefix.u64(), prefix.u64(), prefix.u64());
        let (Some(sequence), Some(unix_nanos), Some(epoch)) = numbers else { return Err(EntryError::Incomplete) };
        let body = prefix.bytes(length).ok_or(EntryError::Incomplete)?;
        let chain = prefix.array().ok_or(EntryError::Incomplete)?;
        let body = EntryBody::read(&tag, body).ok_or(EntryError::Malformed)?;
        let leaf = bytes.get(..PREFIX_BYTES + length).ok_or(EntryError::Incomplete)?;
        Ok((Self { sequence, unix_nanos, epoch, body }, leaf, chain))
    }
}

/// Tag and length of an entry.
pub(crate) struct EntryHeader {
    tag: [u8; 4],
    body_bytes: usize,
}

impl EntryHeader {
    pub(crate) const BYTES: usize = 8;

    /// The header with which `bytes` begin; `None` if there is none.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        Self::read_from(&mut BodyReader::new(bytes)).ok()
    }

    fn read_from(fields: &mut BodyReader<'_>) -> Result<Self, EntryError> {
        let tag: [u8; 4] = fields.array().ok_or(EntryError::Incomplete)?;
        if !EntryBody::TAGS.contains(&&tag) {
            return Err(EntryError::Malformed);
        }
        let body_bytes = fields.u32().ok_or(EntryError::Incomplete)? as usize;
        let is_allowed = match EntryBody::fixed_bytes(&tag) {
            Some(fixed) => body_bytes == fixed,
            None => body_bytes <= ENTRY_BYTES_MAX - PREFIX_BYTES - CHAIN_BYTES,
        };
        is_allowed.then_some(Self { tag, body_bytes }).ok_or(EntryError::Malformed)
    }

    /// The length of the whole entry.
    pub(crate) fn entry_bytes(&self) -> usize {
        PREFIX_BYTES + self.body_bytes + CHAIN_BYTES
    }
}

impl EntryBody {
    const TAGS: [&'static [u8; 4]; 7] = [b"OPEN", b"BLCK", b"STRT", b"GAPS", b"RETN", b"CLOS", b"CKPT"];

    /// The length of a body that has only one.
    fn fixed_bytes(tag: &[u8; 4]) -> Option<usize> {
        match tag {
            b"BLCK" => Some(48),
            b"GAPS" => Some(16),
            b"RETN" => Some(56),
            _ => None,
        }
    }

    fn tag(&self) -> &'static [u8; 4] {
        match self {
            Self::Open(_) => b"OPEN",
            Self::Block(_) => b"BLCK",
            Self::Restart(_) => b"STRT",
            Self::Gap(_) => b"GAPS",
            Self::Removal(_) => b"RETN",
            Self::Close(_) => b"CLOS",
            Self::Checkpoint(_) => b"CKPT",
        }
    }

    fn read(tag: &[u8; 4], body: &[u8]) -> Option<Self> {
        let mut fields = BodyReader::new(body);
        let body = match tag {
            b"OPEN" => Self::Open(Box::new(OpenBody::read(&mut fields)?)),
            b"BLCK" => Self::Block(BlockBody::read(&mut fields)?),
            b"STRT" => Self::Restart(RestartBody::read(&mut fields)?),
            b"GAPS" => Self::Gap(GapBody::read(&mut fields)?),
            b"RETN" => Self::Removal(RemovalBody::read(&mut fields)?),
            b"CLOS" => Self::Close(CloseBody::read(&mut fields)?),
            b"CKPT" => return std::str::from_utf8(body).ok().map(|note| Self::Checkpoint(note.to_owned())),
            _ => return None,
        };
        fields.is_at_end().then_some(body)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        format::{BLOCK_BYTES_MAX, CloseReason},
        tree::{TreeFrontier, leaf_hash},
    };

    fn entry(body: EntryBody) -> TrailEntry {
        TrailEntry { sequence: 7, unix_nanos: 0x0102_0304_0506_0708, epoch: 3, body }
    }

    fn read_back(entry: &TrailEntry) -> TrailEntry {
        let mut bytes = entry.to_bytes();
        bytes.extend_from_slice(&[9; CHAIN_BYTES]);
        let (read, leaf, chain) = TrailEntry::read(&bytes).unwrap();
        assert_eq!((leaf, chain), (&entry.to_bytes()[..], [9; CHAIN_BYTES]));
        read
    }

    #[test]
    fn a_block_has_its_golden_bytes() {
        let body = BlockBody { offset: 0x10000, length: 500, records: 4, digest: [0xab; 32] };
        let mut expected = b"BLCK\x30\0\0\0".to_vec();
        expected.extend_from_slice(&[7, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend_from_slice(&[8, 7, 6, 5, 4, 3, 2, 1]);
        expected.extend_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend_from_slice(&[0, 0, 1, 0, 0, 0, 0, 0, 0xf4, 1, 0, 0, 4, 0, 0, 0]);
        expected.extend_from_slice(&[0xab; 32]);
        assert_eq!(entry(EntryBody::Block(body)).to_bytes(), expected);
    }

    #[test]
    fn every_kind_of_entry_is_read_as_it_was_written() {
        let mut tree = TreeFrontier::default();
        (0..5u8).for_each(|leaf| tree.push(leaf_hash(&[leaf])));
        let open = OpenBody {
            version: 2,
            replaces_broken: true,
            block_bytes_max: 65536,
            trail_id: [1; 16],
            segment: 2,
            root: tree.root(),
            tree,
            chain: [2; 32],
            chain_key_id: [3; 8],
            verifying_key: "example.com/a+01020304+AQ==".to_owned(),
            data_name: "audit.jsonl".to_owned(),
            previous_name: String::new(),
        };
        let restart = RestartBody {
            data_bytes: 1,
            cut_data_bytes: 2,
            cut_trail_bytes: 3,
            cut_digest: [4; 32],
            cut_name: "a.torn-7".to_owned(),
        };
        let close =
            CloseBody { reason: CloseReason::Rotated, data_bytes: 9, records: 8, next_name: "a.1.jsonl".to_owned() };
        for body in [
            EntryBody::Open(Box::new(open)),
            EntryBody::Block(BlockBody { offset: 1, length: 2, records: 3, digest: [4; 32] }),
            EntryBody::Restart(restart),
            EntryBody::Gap(GapBody { payloads: 1, bytes: 2 }),
            EntryBody::Removal(RemovalBody { first_kept: 1, leaves: 2, root: [3; 32], retain_nanos: 4 }),
            EntryBody::Close(close),
            EntryBody::Checkpoint("a note\n".to_owned()),
        ] {
            let entry = entry(body);
            assert_eq!(read_back(&entry), entry);
        }
    }

    #[test]
    fn an_entry_that_ends_early_is_incomplete_at_every_length() {
        let mut bytes = entry(EntryBody::Gap(GapBody { payloads: 1, bytes: 2 })).to_bytes();
        bytes.extend_from_slice(&[0; CHAIN_BYTES]);
        for length in 0..bytes.len() {
            assert_eq!(TrailEntry::read(&bytes[..length]), Err(EntryError::Incomplete), "{length}");
        }
    }

    #[test]
    fn a_block_of_no_byte_or_of_more_than_64_kib_is_malformed() {
        for (length, is_allowed) in [(0, false), (1, true), (BLOCK_BYTES_MAX, true), (BLOCK_BYTES_MAX + 1, false)] {
            let body = BlockBody { offset: 0, length, records: 1, digest: [4; 32] };
            let mut bytes = entry(EntryBody::Block(body)).to_bytes();
            bytes.extend_from_slice(&[0; CHAIN_BYTES]);
            assert_eq!(TrailEntry::read(&bytes).is_ok(), is_allowed, "{length}");
        }
    }

    #[test]
    fn a_tag_of_zeros_and_a_length_beyond_the_limit_are_malformed() {
        assert_eq!(TrailEntry::read(&[0; 64]), Err(EntryError::Malformed));
        let mut bytes = b"BLCK\xff\xff\xff\xff".to_vec();
        bytes.resize(200, 0);
        assert_eq!(TrailEntry::read(&bytes), Err(EntryError::Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), tag in 0usize..7) {
            if let Some(front) = bytes.get_mut(..4) {
                front.copy_from_slice(EntryBody::TAGS[tag]);
            }
            if let Ok((entry, leaf, _)) = TrailEntry::read(&bytes) {
                prop_assert_eq!(entry.to_bytes(), leaf);
            }
        }
    }
}
