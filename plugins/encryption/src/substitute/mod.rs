//! Substitutes of sensitive values: texts by which the holders of keys find the values again.
//!
//! A redactor calls them for values whose action has their name. docs/encryption.md describes the use, and
//! docs/encryption-format.md the texts.

mod failures;
mod lines;
mod seal;
pub(crate) mod settings;
mod text;
pub(crate) mod token_key;
mod tokenize;
mod unsealer;
mod value_key;

pub use self::{
    failures::SubstituteFailures,
    lines::UnsealSummary,
    seal::Seal,
    tokenize::Tokenize,
    unsealer::{UnsealError, Unsealer},
};
