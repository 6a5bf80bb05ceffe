//! Proofs that a checkpoint continues an older one.

use data_encoding::BASE64;

use crate::{
    format::{Checkpoint, hash, number},
    keys::VerifyingKey,
    proof::ProofError,
    tree::{TreeHash, verify_consistency},
};

/// The proof that the tree of a checkpoint begins with the tree of an older one: nothing was changed or removed between.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsistencyProof {
    /// The size of the older tree.
    pub old_size: u64,
    /// The hashes that lead to both roots.
    pub path: Vec<TreeHash>,
    /// The newer checkpoint, a signed note.
    pub checkpoint: String,
}

impl ConsistencyProof {
    /// The text of the proof.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("old {}\n", self.old_size);
        for hash in &self.path {
            text.push_str(&BASE64.encode(hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads the text of a proof. It proves nothing until it is [verified](verify_consistency_proof).
    ///
    /// # Errors
    /// When it has another form.
    pub fn from_text(text: &str) -> Result<Self, ProofError> {
        let malformed = |expected| ProofError::Malformed { expected };
        let (front, checkpoint) = text.split_once("\n\n").ok_or_else(|| malformed("an empty line and a checkpoint"))?;
        let mut lines = front.split('\n');
        let old_size = lines.next().and_then(|line| number(line.strip_prefix("old ")?));
        let old_size = old_size.ok_or_else(|| malformed("the line old"))?;
        let path = lines.map(hash).collect::<Option<Vec<_>>>().ok_or_else(|| malformed("hashes in Base64"))?;
        Ok(Self { old_size, path, checkpoint: checkpoint.to_owned() })
    }

    /// Verifies the proof against an older checkpoint. Returns the newer one.
    ///
    /// # Errors
    /// The part that does not verify.
    pub fn verify(&self, old: &Checkpoint, key: &VerifyingKey) -> Result<Checkpoint, ProofError> {
        let new = Checkpoint::verify_own(&self.checkpoint, key)?;
        if old.size != self.old_size {
            return Err(ProofError::OtherCheckpoint { found: old.size, wanted: self.old_size });
        }
        let is_consistent = verify_consistency(old.size, new.size, &self.path, &old.root, &new.root);
        is_consistent.then_some(new).ok_or(ProofError::RootDiffers)
    }
}

/// Verifies the text of a proof against an older checkpoint, a signed note, by the trail's verifying key. Returns the newer checkpoint.
///
/// # Errors
/// When one of the two has another form, or the part that does not verify.
pub fn verify_consistency_proof(text: &str, old_note: &str, key: &VerifyingKey) -> Result<Checkpoint, ProofError> {
    let old = Checkpoint::verify_own(old_note, key)?;
    ConsistencyProof::from_text(text)?.verify(&old, key)
}
