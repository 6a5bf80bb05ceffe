//! The bodies of entries.

use crate::{
    format::{
        entry::{FORMAT_VERSION, OLDEST_FORMAT_VERSION},
        fields::{BodyReader, put_text},
    },
    tree::{TreeFrontier, TreeHash},
};

/// The body of `OPEN`: the first entry of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenBody {
    /// The version of the format of this file: 1, or 2 where the sink removes old files and records it.
    pub version: u16,
    /// Whether the trail replaces one whose head did not verify.
    pub replaces_broken: bool,
    /// The most bytes of a block.
    pub block_bytes_max: u32,
    /// The trail's random id: the same in all of its files.
    pub trail_id: [u8; 16],
    /// The number of the file in the trail, from 0.
    pub segment: u64,
    /// The tree of all entries before this one.
    pub tree: TreeFrontier,
    /// The root of that tree.
    pub root: TreeHash,
    /// The chain value before this entry; zeros in the first file.
    pub chain: [u8; 32],
    /// The id of the trail's first chain key.
    pub chain_key_id: [u8; 8],
    /// The verifying key of the checkpoints, as a signed note names it.
    pub verifying_key: String,
    /// The data file's name when it was opened, without its directory.
    pub data_name: String,
    /// The name of the data file before it; empty for the first.
    pub previous_name: String,
}

/// The most bytes of a block in any trail: a reader needs no more memory for one.
pub const BLOCK_BYTES_MAX: u32 = 64 * 1024;

/// The body of `BLCK`: a block of the data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockBody {
    /// Its place in the data file.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u32,
    /// The number of records that end in it.
    pub records: u32,
    /// The BLAKE3 hash of its bytes.
    pub digest: [u8; 32],
}

/// The body of `STRT`: a program continues the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartBody {
    /// The length of the data file, behind the cut.
    pub data_bytes: u64,
    /// The bytes of data without an entry that were cut away.
    pub cut_data_bytes: u64,
    /// The bytes of half an entry that were cut away.
    pub cut_trail_bytes: u64,
    /// The BLAKE3 hash of the data that was cut away.
    pub cut_digest: [u8; 32],
    /// The file that has them now, without its directory; empty if nothing was cut.
    pub cut_name: String,
}

/// The body of `GAPS`: records that the trail had to refuse, as far as its writer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapBody {
    /// The number of payloads.
    pub payloads: u64,
    /// Their length in bytes, all together.
    pub bytes: u64,
}

/// The body of `RETN`: the sink removes old files, which may be gone from the next checkpoint on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovalBody {
    /// The number of the first file that stays. All before it are removed.
    pub first_kept: u64,
    /// The number of leaves before that file.
    pub leaves: u64,
    /// The root of the tree of these leaves.
    pub root: TreeHash,
    /// The setting `retain_age`, in nanoseconds: the least time since the first file that stays was opened.
    pub retain_nanos: u64,
}

/// Why a file was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// Another file continues the trail: the file gets no further entry.
    Rotated,
    /// The program has stopped. It may continue the file later.
    Stopped,
}

/// The body of `CLOS`: the file is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseBody {
    /// Why it was closed.
    pub reason: CloseReason,
    /// The length of the data file.
    pub data_bytes: u64,
    /// The number of records that end in the file.
    pub records: u64,
    /// The name that the data file gets, without its directory; empty if it keeps its name.
    pub next_name: String,
}

impl OpenBody {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&u16::from(self.replaces_broken).to_le_bytes());
        out.extend_from_slice(&self.block_bytes_max.to_le_bytes());
        out.extend_from_slice(&self.trail_id);
        out.extend_from_slice(&self.segment.to_le_bytes());
        out.extend_from_slice(&self.tree.size().to_le_bytes());
        out.extend_from_slice(&self.root);
        out.extend_from_slice(&self.chain);
        out.extend_from_slice(&self.chain_key_id);
        put_text(out, &self.verifying_key);
        put_text(out, &self.data_name);
        put_text(out, &self.previous_name);
        out.push(u8::try_from(self.tree.subtrees().len()).unwrap_or(u8::MAX));
        self.tree.subtrees().iter().for_each(|hash| out.extend_from_slice(hash));
    }

    pub(super) fn read(fields: &mut BodyReader<'_>) -> Option<Self> {
        let version = fields.u16().filter(|version| (OLDEST_FORMAT_VERSION..=FORMAT_VERSION).contains(version))?;
        let replaces_broken = match fields.u16()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let (block_bytes_max, trail_id, segment, size) = (fields.u32()?, fields.array()?, fields.u64()?, fields.u64()?);
        let (root, chain, chain_key_id) = (fields.array()?, fields.array()?, fields.array()?);
        let (verifying_key, data_name, previous_name) = (fields.text()?, fields.text()?, fields.text()?);
        let count = fields.u8()?;
        let subtrees = (0..count).map(|_| fields.array()).collect::<Option<Vec<TreeHash>>>()?;
        let tree = TreeFrontier::from_subtrees(size, subtrees)?;
        Some(Self {
            version,
            replaces_broken,
            block_bytes_max,
            trail_id,
            segment,
            tree,
            root,
            chain,
            chain_key_id,
            verifying_key,
            data_name,
            previous_name,
        })
    }
}

impl BlockBody {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        out.extend_from_slice(&self.records.to_le_bytes());
        out.extend_from_slice(&self.digest);
    }

    pub(super) fn read(fields: &mut BodyReader<'_>) -> Option<Self> {
        let (offset, length, records, digest) = (fields.u64()?, fields.u32()?, fields.u32()?, fields.array()?);
        offset.checked_add(u64::from(length))?;
        (1..=BLOCK_BYTES_MAX).contains(&length).then_some(Self { offset, length, records, digest })
    }

    /// The place behind the block.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.length))
    }
}

impl RestartBody {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.data_bytes.to_le_bytes());
        out.extend_from_slice(&self.cut_data_bytes.to_le_bytes());
        out.extend_from_slice(&self.cut_trail_bytes.to_le_bytes());
        out.extend_from_slice(&self.cut_digest);
        put_text(out, &self.cut_name);
    }

    pub(super) fn read(fields: &mut BodyReader<'_>) -> Option<Self> {
        Some(Self {
            data_bytes: fields.u64()?,
            cut_data_bytes: fields.u64()?,
            cut_trail_bytes: fields.u64()?,
            cut_digest: fields.array()?,
            cut_name: fields.text()?,
        })
    }
}

impl GapBody {
    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.payloads.to_le_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
    }

    pub(super) fn read(fields: &mut BodyReader<'_>) -> Option<Self> {
        Some(Self { payloads: fields.u64()?, bytes: fields.u64()? })
    }
}

impl RemovalBody {
    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.first_kept.to_le_bytes());
        out.extend_from_slice(&self.leaves.to_le_bytes());
        out.extend_from_slice(&self.root);
        out.extend_from_slice(&self.retain_nanos.to_le_bytes());
    }

    pub(super) fn read(fields: &mut BodyReader<'_>) -> Option<Self> {
        let (first_kept, leaves, root) = (fields.u64()?, fields.u64()?, fields.array()?);
        Some(Self { first_kept, leaves, root, retain_nanos: fields.u64()? })
    }
}

impl CloseBody {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let reason: u64 = match self.reason {
            CloseReason::Rotated => 1,
            CloseReason::Stopped => 2,
        };
        out.extend_from_slice(&reason.to_le_bytes());
        out.extend_from_slice(&self.data_bytes.to_le_bytes());
        out.extend_from_slice(&self.records.to_le_bytes());
        put_text(out, &self.next_name);
    }

    pub(super) fn read(fields: &mut BodyReader<'_>) -> Option<Self> {
        let reason = match fields.u64()? {
            1 => CloseReason::Rotated,
            2 => CloseReason::Stopped,
            _ => return None,
        };
        Some(Self { reason, data_bytes: fields.u64()?, records: fields.u64()?, next_name: fields.text()? })
    }
}
