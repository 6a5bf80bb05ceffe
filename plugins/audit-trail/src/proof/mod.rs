//! Proofs about a trail, which are verified without it.
//!
//! An [`InclusionProof`] shows that a record is in the trail, and a [`ConsistencyProof`] that a checkpoint continues an older one. Both are
//! texts, after <https://c2sp.org/tlog-proof> and <https://c2sp.org/tlog-witness>.

mod consistency;
mod error;
mod inclusion;
mod prove;

pub use self::{
    consistency::{ConsistencyProof, verify_consistency_proof},
    error::ProofError,
    inclusion::{InclusionProof, ProvenRecord, verify_inclusion_proof},
    prove::RecordSelector,
};
