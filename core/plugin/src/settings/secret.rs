//! Secrets in settings: by reference, and shown nowhere.

mod bytes;
mod command;
mod encoding;
mod error;
mod names;
mod notation;
mod read;
mod redact;
mod reference;
mod shown;
mod text;
mod unread;

pub(super) use self::names::is_secret_parameter;
pub(super) use self::notation::{BY_REFERENCE, refuse_placeholder};
pub(crate) use self::shown::ShownProblem;
pub use self::{
    bytes::SecretBytes,
    encoding::SecretEncoding,
    error::SecretError,
    redact::{redact, redact_at},
    reference::SecretRef,
    text::redact_text,
    unread::{is_check, without_reading_secrets},
};

/// The text in place of a secret wherever settings are shown.
pub use fapilog_record::value::REDACTED;
