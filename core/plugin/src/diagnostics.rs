//! Reports about the log itself.

use std::fmt;

/// Takes reports about the log itself: fallbacks and failures that an operator should know. A container's diagnostics
/// are one; a test of a sink may bring its own.
pub trait Diagnostics: Send + Sync + fmt::Debug {
    /// Takes a report on `about`, which is a sink's or a plugin's name. It must not block.
    fn report(&self, about: &str, text: String);
}
