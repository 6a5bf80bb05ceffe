//! Bugs on request, so that a model can show that it would find one.
//!
//! A model that passes proves little until it has been seen to fail. So the places that a protocol hangs on can be
//! broken by name: `loom-tests` plants a bug, runs the model, and expects it to fail. This is possible under
//! `cfg(fapilog_loom)` only; in every other build the two functions below are constants, and no name is left in the
//! program.
//!
//! Not a public interface: it is exported for `fapilog-engine` and for the models alone.

use crate::sync::Ordering;

/// The memory ordering at a place that the bug `name` weakens: `right`, unless that bug is planted.
#[cfg(not(fapilog_loom))]
#[inline(always)]
#[must_use]
pub const fn ordering(right: Ordering, _name: &'static str) -> Ordering {
    right
}

/// Whether the bug `name` is planted.
#[cfg(not(fapilog_loom))]
#[inline(always)]
#[must_use]
pub const fn bug(_name: &'static str) -> bool {
    false
}

#[cfg(fapilog_loom)]
pub use planted::{PLANTED_BUG, bug, ordering};

#[cfg(fapilog_loom)]
mod planted {
    use std::sync::OnceLock;

    use super::Ordering;

    /// The environment variable that names the bug to plant, for the whole process.
    pub const PLANTED_BUG: &str = "FAPILOG_PLANTED_BUG";

    /// See the constant of the same name: `Relaxed` while the bug is planted.
    #[must_use]
    pub fn ordering(right: Ordering, name: &'static str) -> Ordering {
        if bug(name) { Ordering::Relaxed } else { right }
    }

    /// See the constant of the same name.
    #[must_use]
    pub fn bug(name: &'static str) -> bool {
        static PLANTED: OnceLock<Option<String>> = OnceLock::new();
        PLANTED.get_or_init(|| std::env::var(PLANTED_BUG).ok()).as_deref() == Some(name)
    }
}
