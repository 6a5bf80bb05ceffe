//! The verifier of trails.
//!
//! It walks through the entries of all files, compares checkpoints of an anchor, and then the data files, and reports the first damage.

mod damage;
pub(crate) mod data;
mod order;
mod removals;
pub(crate) mod verifier;
pub(crate) mod walk;

pub use self::{
    damage::{DamageKind, TrailDamage, VerifyError},
    verifier::{RemovedFiles, TrailBlock, TrailEnd, TrailReader, VerifiedTrail, Verifier},
};
