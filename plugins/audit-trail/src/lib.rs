//! An audit trail that an outsider can verify.
//!
//! [`AuditTrail`](sink::AuditTrail) is a sink. Its data file has plain records, and beside it stands a *trail file* with an entry for each
//! block of the data: see [the format](https://github.com/fapilog/fapilog-rs/blob/main/docs/audit-format.md).
//!
//! | module | contents |
//! |---|---|
//! | [`sink`] | the sink, and its settings in code |
//! | [`keys`] | keys, their files, and how they are made |
//! | [`anchor`] | places outside of the trail that get its checkpoints |
//! | [`verify`] | the verifier, and the kinds of damage that it finds |
//! | [`proof`] | proofs that a record is in the trail, and that one checkpoint continues another |
//! | [`mod@format`], [`tree`] | entries, checkpoints, and the Merkle tree, as bytes and hashes |
#![forbid(unsafe_code)]

pub mod anchor;
mod files;
pub mod format;
pub mod keys;
pub mod proof;
mod reading;
mod registration;
pub mod sink;
pub mod tree;
pub mod verify;
mod writer;

pub use registration::register;

/// The page of the book, whose examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/audit-trail.md")]
mod page {}
