//! Proofs that a record is in a trail.

use std::ops::Range;

use data_encoding::BASE64;

use crate::{
    format::{Checkpoint, EntryBody, TrailEntry, block_digest, hash, number},
    keys::VerifyingKey,
    proof::ProofError,
    tree::{TreeHash, leaf_hash, verify_inclusion},
};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// The proof that a record is in a trail. It contains the whole block of the record, and with it the records beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InclusionProof {
    /// The block's number: the index of its entry in the tree.
    pub index: u64,
    /// The bytes of the entry, without the chain value.
    pub entry: Vec<u8>,
    /// The bytes of the block.
    pub block: Vec<u8>,
    /// The record's place in the block.
    pub record: Range<usize>,
    /// The hashes that lead from the entry to the root.
    pub path: Vec<TreeHash>,
    /// The checkpoint, a signed note.
    pub checkpoint: String,
}

/// A record that a proof has shown to be in a trail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProvenRecord {
    /// The bytes of the record.
    pub record: Vec<u8>,
    /// The block's number.
    pub index: u64,
    /// When the block was written, in nanoseconds since 1970-01-01T00:00:00Z.
    pub unix_nanos: u64,
    /// The checkpoint that includes it.
    pub checkpoint: Checkpoint,
}

impl InclusionProof {
    /// The text of the proof.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut extra = Vec::new();
        let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
        extra.extend_from_slice(&length(self.entry.len()));
        extra.extend_from_slice(&self.entry);
        extra.extend_from_slice(&length(self.record.start));
        extra.extend_from_slice(&length(self.record.end));
        extra.extend_from_slice(&self.block);
        let mut text = format!("{FIRST_LINE}\nextra {}\nindex {}\n", BASE64.encode(&extra), self.index);
        for hash in &self.path {
            text.push_str(&BASE64.encode(hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads the text of a proof. It proves nothing until it is [verified](verify_inclusion_proof).
    ///
    /// # Errors
    /// When it has another form.
    pub fn from_text(text: &str) -> Result<Self, ProofError> {
        let malformed = |expected| ProofError::Malformed { expected };
        let (front, checkpoint) = text.split_once("\n\n").ok_or_else(|| malformed("an empty line and a checkpoint"))?;
        let mut lines = front.split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(malformed("the first line c2sp.org/tlog-proof@v1"));
        }
        let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
        let extra = extra.and_then(|extra| BASE64.decode(extra.as_bytes()).ok());
        let extra = extra.ok_or_else(|| malformed("the line extra, in Base64"))?;
        let index = lines.next().and_then(|line| number(line.strip_prefix("index ")?));
        let index = index.ok_or_else(|| malformed("the line index"))?;
        let path = lines.map(hash).collect::<Option<Vec<_>>>().ok_or_else(|| malformed("hashes in Base64"))?;
        let (entry, record, block) = split_extra(&extra).ok_or_else(|| malformed("the entry and its block"))?;
        let (entry, block) = (entry.to_vec(), block.to_vec());
        Ok(Self { index, entry, block, record, path, checkpoint: checkpoint.to_owned() })
    }

    /// Verifies the proof.
    ///
    /// # Errors
    /// The part that does not verify.
    pub fn verify(&self, key: &VerifyingKey) -> Result<ProvenRecord, ProofError> {
        let checkpoint = Checkpoint::verify_own(&self.checkpoint, key)?;
        // The chain value is no part of the leaf.
        let mut whole = self.entry.clone();
        whole.extend_from_slice(&[0; 32]);
        let (entry, leaf, _) = TrailEntry::read(&whole).map_err(|_| ProofError::Malformed { expected: "an entry" })?;
        let EntryBody::Block(block) = entry.body else {
            return Err(ProofError::Malformed { expected: "the entry of a block" });
        };
        let is_block = block.length as usize == self.block.len() && block.digest == block_digest(&self.block);
        let record = self.block.get(self.record.clone()).filter(|_| is_block);
        let record = record.ok_or(ProofError::BlockDiffers)?;
        if !self.has_whole_lines() {
            return Err(ProofError::Malformed { expected: "the place of whole lines in the block" });
        }
        let is_included = leaf.len() == self.entry.len()
            && entry.sequence == self.index
            && verify_inclusion(leaf_hash(leaf), self.index, checkpoint.size, &self.path, &checkpoint.root);
        if !is_included {
            return Err(ProofError::RootDiffers);
        }
        Ok(ProvenRecord { record: record.to_vec(), index: self.index, unix_nanos: entry.unix_nanos, checkpoint })
    }
}

impl InclusionProof {
    /// Whether the record is the whole block, or begins and ends with lines: a part of a record could state the opposite of it.
    fn has_whole_lines(&self) -> bool {
        let Range { start, end } = self.record;
        let is_line_end = |at: usize| at.checked_sub(1).is_none_or(|last| self.block.get(last) == Some(&b'\n'));
        let is_end = end == self.block.len() || is_line_end(end);
        start < end && is_line_end(start) && is_end
    }
}

/// Verifies the text of a proof by the trail's verifying key, without the trail.
///
/// # Errors
/// When it is no proof, or the part that does not verify.
pub fn verify_inclusion_proof(text: &str, key: &VerifyingKey) -> Result<ProvenRecord, ProofError> {
    InclusionProof::from_text(text)?.verify(key)
}

/// Entry, place of the record, and block.
fn split_extra(extra: &[u8]) -> Option<(&[u8], Range<usize>, &[u8])> {
    let number = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes) as usize;
    let (length, behind) = extra.split_first_chunk::<4>()?;
    let (entry, behind) = behind.split_at_checked(number(length))?;
    let (start, behind) = behind.split_first_chunk::<4>()?;
    let (end, block) = behind.split_first_chunk::<4>()?;
    Some((entry, number(start)..number(end), block))
}
