//! A plugin's own settings: how they are written, and how a plugin reads them.

mod allowed;
mod endpoint;
#[doc(hidden)]
pub mod invalid;
mod named_enum;
mod plugin_config;
mod read;
pub(crate) mod secret;
#[doc(hidden)]
pub mod suggestion;
mod units;

pub use self::{
    allowed::{Allowed, Anything, Durations, Maybe, Numbers, OneOf, PowersOfTwo, Sizes},
    endpoint::Endpoint,
    named_enum::UnknownName,
    plugin_config::{PluginConfig, PluginValue},
    secret::{REDACTED, SecretBytes, SecretEncoding, SecretError, SecretRef, is_check, redact_text},
    units::{duration, size_bytes, write_duration, write_size},
};
#[doc(hidden)]
pub use self::{
    named_enum::NameVisitor,
    read::{ReadOutcome, read_all},
    secret::{redact, redact_at, without_reading_secrets},
};
use crate::problem::Problem;

/// For the code that [`named_enum`](crate::named_enum) makes.
#[doc(hidden)]
pub use serde;

/// Reads a struct from a table of values.
///
/// # Errors
/// Every invalid value, with its place.
pub fn read<T: serde::de::DeserializeOwned>(values: &serde_json::Value) -> Result<T, Vec<Problem>> {
    let ReadOutcome { read, problems } = read_all(values);
    match read {
        Some(read) if problems.is_empty() => Ok(read),
        _ => Err(problems),
    }
}
