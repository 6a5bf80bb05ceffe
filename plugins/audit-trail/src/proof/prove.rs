//! Proofs made of a trail.

use std::{fmt, fs::File, io, ops::Range, os::unix::fs::FileExt, path::Path};

use crate::{
    files::{SegmentPaths, segments_of},
    format::{BlockBody, TrailEntry, block_digest},
    proof::{ConsistencyProof, InclusionProof, ProofError},
    reading::{open_plain, read_entries},
    tree::PartialTree,
    verify::{
        DamageKind, TrailDamage, Verifier, VerifyError,
        verifier::WalkedTrail,
        walk::{BlockPlace, CheckpointPlace, read_entry},
    },
};

/// The record of a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordSelector {
    /// The record of this number in the trail, from 0. Records must be lines, and all files from the first on must be there.
    Number(u64),
    /// The record at this place of a data file, which is named by its number in the trail. Records must be lines.
    At {
        /// The number of the file, from 0.
        segment: u64,
        /// The place in the data file, in bytes.
        offset: u64,
    },
    /// The first record that contains these bytes, such as the id of an event. Records must be lines.
    Containing(Vec<u8>),
    /// A whole block, by its number.
    Block(u64),
}

/// Without the bytes that were looked for, which may be a user's.
impl fmt::Display for RecordSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "number {number}"),
            Self::At { segment, offset } => write!(f, "at byte {offset} of file {segment}"),
            Self::Containing(bytes) => write!(f, "one that contains the {} bytes looked for", bytes.len()),
            Self::Block(block) => write!(f, "block {block}"),
        }
    }
}

/// A block that was found, and the place of the record in it.
struct FoundBlock {
    segment: usize,
    block: BlockPlace,
    bytes: Vec<u8>,
    record: Range<usize>,
}

impl Verifier {
    /// Makes the proof that a record is in the trail whose live data file has this path.
    ///
    /// # Errors
    /// When the entries do not verify, no record is the one asked for, or no checkpoint includes it yet.
    pub fn prove(&self, live: &Path, selector: &RecordSelector) -> Result<InclusionProof, ProofError> {
        let walked = self.walk_files(live)?;
        if let (RecordSelector::Number(_), Some(missing)) = (selector, files_missing(&walked)) {
            return Err(missing);
        }
        let Some(found) = find(&walked, selector)? else {
            return Err(ProofError::NoSuchRecord { selector: selector.to_string() });
        };
        let index = found.block.sequence;
        let last = last_checkpoint(&walked).filter(|last| last.checkpoint.size > index);
        let last = last.ok_or(ProofError::NotSignedYet { entry: index })?;
        let no_such_record = || ProofError::NoSuchRecord { selector: selector.to_string() };
        let path = partial_tree(&walked, last.checkpoint.size).inclusion_path(index).ok_or_else(no_such_record)?;
        let (paths, _) = walked.segments.get(found.segment).ok_or_else(no_such_record)?;
        let entry = entry_bytes(paths, index)?;
        Ok(InclusionProof {
            index,
            entry,
            block: found.bytes,
            record: found.record,
            path,
            checkpoint: last.note.clone(),
        })
    }

    /// Makes the proof that the trail's last checkpoint continues one of `old_size` entries.
    ///
    /// # Errors
    /// When the entries do not verify, or the last checkpoint is older than that.
    pub fn prove_consistency(&self, live: &Path, old_size: u64) -> Result<ConsistencyProof, ProofError> {
        let walked = self.walk_files(live)?;
        let last = last_checkpoint(&walked);
        let size = last.map_or(0, |last| last.checkpoint.size);
        let no_such_size = || ProofError::NoSuchSize { size, wanted: old_size };
        let last = last.filter(|_| old_size <= size).ok_or_else(no_such_size)?;
        let path = partial_tree(&walked, size).consistency_path(old_size);
        let path = path.ok_or_else(|| files_missing(&walked).unwrap_or_else(no_such_size))?;
        Ok(ConsistencyProof { old_size, path, checkpoint: last.note.clone() })
    }

    fn walk_files(&self, live: &Path) -> Result<WalkedTrail<'_>, ProofError> {
        let segments = segments_of(live).map_err(io_error(live))?;
        if segments.is_empty() {
            return Err(VerifyError::NoTrail { path: live.to_owned() }.into());
        }
        Ok(self.walk(segments)?)
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> VerifyError {
    move |source| VerifyError::Io { path: path.to_owned(), source }
}

fn last_checkpoint<'a>(walked: &'a WalkedTrail<'_>) -> Option<&'a CheckpointPlace> {
    walked.walk.checkpoints.last()
}

/// The tree of so many leaves, as far as there are files.
fn partial_tree<'a>(walked: &'a WalkedTrail<'_>, size: u64) -> PartialTree<'a> {
    let before = walked.segments.first().map(|(_, first)| first.open.tree.clone()).unwrap_or_default();
    let count = usize::try_from(size.saturating_sub(before.size())).unwrap_or(usize::MAX);
    PartialTree::new(before, walked.walk.leaves.get(..count).unwrap_or_default())
}

/// The error of a proof that needs files before the first one.
fn files_missing(walked: &WalkedTrail<'_>) -> Option<ProofError> {
    let (_, first) = walked.segments.first()?;
    (first.open.segment > 0).then_some(ProofError::FilesMissing { segment: first.open.segment })
}

/// The bytes of the entry `index`, without its chain value.
fn entry_bytes(paths: &SegmentPaths, index: u64) -> Result<Vec<u8>, VerifyError> {
    let bytes = read_entries(&paths.trail).map_err(io_error(&paths.trail))?.bytes;
    let mut at = 0;
    while let Ok(read) = read_entry(&bytes, at) {
        let TrailEntry { sequence, .. } = read.entry;
        if sequence == index && read.entry.is_leaf() {
            return Ok(read.entry.to_bytes());
        }
        at = read.end();
    }
    let detail = "the trail file was changed while it was read";
    Err(TrailDamage::new(DamageKind::Altered, &*paths.trail, at as u64, index, detail).into())
}

fn find(walked: &WalkedTrail<'_>, selector: &RecordSelector) -> Result<Option<FoundBlock>, VerifyError> {
    let mut first_record = 0;
    for (index, (paths, segment)) in walked.segments.iter().enumerate() {
        let file = open_plain(&paths.data).map_err(io_error(&paths.data))?;
        for block in &segment.blocks {
            let BlockBody { offset, records, .. } = block.body;
            let first = first_record + block.first_record;
            let is_candidate = match selector {
                RecordSelector::Number(number) => (first..first + u64::from(records)).contains(number),
                RecordSelector::At { segment: wanted, offset: at } => {
                    segment.open.segment == *wanted && (offset..block.body.end()).contains(at)
                }
                RecordSelector::Containing(_) => true,
                RecordSelector::Block(wanted) => block.sequence == *wanted,
            };
            if !is_candidate {
                continue;
            }
            let bytes = read_block(&file, paths, block)?;
            if let Some(record) = record_in(&bytes, selector, first, offset) {
                return Ok(Some(FoundBlock { segment: index, block: block.clone(), bytes, record }));
            }
        }
        first_record += segment.records;
    }
    Ok(None)
}

fn read_block(file: &File, paths: &SegmentPaths, block: &BlockPlace) -> Result<Vec<u8>, VerifyError> {
    let mut bytes = vec![0; block.body.length as usize];
    file.read_exact_at(&mut bytes, block.body.offset).map_err(io_error(&paths.data))?;
    if block_digest(&bytes) != block.body.digest {
        let detail = "the block has other bytes";
        return Err(
            TrailDamage::new(DamageKind::Altered, &*paths.data, block.body.offset, block.sequence, detail).into()
        );
    }
    Ok(bytes)
}

/// The place of the record in a block whose first record has the number `first`.
fn record_in(bytes: &[u8], selector: &RecordSelector, first: u64, offset: u64) -> Option<Range<usize>> {
    let at = match selector {
        RecordSelector::Block(_) => return Some(0..bytes.len()),
        RecordSelector::At { offset: at, .. } => usize::try_from(at.checked_sub(offset)?).ok()?,
        RecordSelector::Containing(wanted) => memchr::memmem::find(bytes, wanted)?,
        RecordSelector::Number(number) => {
            let skipped = usize::try_from(number.checked_sub(first)?).ok()?;
            let end = memchr::memchr_iter(b'\n', bytes).nth(skipped)?;
            // Within the record: its line is found below.
            end
        }
    };
    let start = memchr::memrchr(b'\n', bytes.get(..at)?).map_or(0, |before| before + 1);
    let end = memchr::memchr(b'\n', bytes.get(at..)?).map_or(bytes.len(), |line_end| at + line_end + 1);
    Some(start..end)
}
