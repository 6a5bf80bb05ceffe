//! The readers of an audit trail: entries, notes, proofs and keys that anybody may have written.

use std::{path::Path, sync::LazyLock};

use fapilog_audit_trail::{
    format::{Checkpoint, TrailEntry},
    keys::{ChainKey, SigningKey, VerifyingKey},
    proof::{ConsistencyProof, InclusionProof},
    verify::Verifier,
};

/// The verifier of the seeds: `example.com/fuzz` with a seed of zeros, and a chain key of zeros.
static VERIFYING: LazyLock<Option<VerifyingKey>> = LazyLock::new(|| {
    let key = SigningKey::from_seed("example.com/fuzz", &[0; 32]).ok()?;
    Some(key.verifying_key().clone())
});

/// A trail file, a note, a proof or a key of any bytes is refused or read without a panic, and an entry is written as it was read.
pub(crate) fn files(input: &[u8]) {
    if let Ok((entry, leaf, _)) = TrailEntry::read(input) {
        assert_eq!(entry.to_bytes(), leaf, "an entry is written as it was read");
    }
    let Some(key) = VERIFYING.clone() else { return };
    let verifier = Verifier::new(key.clone());
    let _ = verifier.verify_entries(Path::new("trail"), input);
    let _ = verifier.chain_key(ChainKey::from_bytes(&[0; 32])).verify_entries(Path::new("trail"), input);
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = Checkpoint::verify(text, &key);
    if let Ok(proof) = InclusionProof::from_text(text) {
        assert_eq!(
            InclusionProof::from_text(&proof.to_text()).ok(),
            Some(proof.clone()),
            "a proof is read as it was written"
        );
        let _ = proof.verify(&key);
    }
    if let Ok(proof) = ConsistencyProof::from_text(text) {
        assert_eq!(
            ConsistencyProof::from_text(&proof.to_text()).ok(),
            Some(proof),
            "a proof is read as it was written"
        );
    }
    for key in text.lines() {
        let _ = (SigningKey::from_text(key), VerifyingKey::from_text(key), ChainKey::from_text(key));
    }
}
