//! A plugin's own settings: how they are written, and how a plugin reads them.

#[doc(hidden)]
pub mod invalid;
mod plugin_config;
mod read;
#[doc(hidden)]
pub mod suggestion;
mod units;

#[doc(hidden)]
pub use self::read::{ReadOutcome, read_all};
pub use self::{
    plugin_config::{PluginConfig, PluginValue},
    units::{duration, size_bytes, write_duration, write_size},
};
use crate::problem::Problem;

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
