//! Secrets in settings: by reference, and shown nowhere.

mod bytes;
mod command;
mod encoding;
mod error;
mod notation;
mod read;
mod reference;

pub(super) use self::notation::BY_REFERENCE;
pub use self::{bytes::SecretBytes, encoding::SecretEncoding, error::SecretError, reference::SecretRef};

/// The text in place of a secret wherever settings are shown.
pub const REDACTED: &str = "[redacted]";
