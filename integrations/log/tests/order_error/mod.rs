//! An error with a source, as programs log it: the tests of the adapters share it.

use std::{error::Error, fmt};

#[derive(Debug)]
pub(crate) struct OrderError(std::io::Error);

impl OrderError {
    /// Its text with that of its source.
    pub(crate) const TEXT: &str = "cannot place the order: connection reset";

    pub(crate) fn new() -> Self {
        Self(std::io::Error::other("connection reset"))
    }
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot place the order")
    }
}

impl Error for OrderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
