//! Mutants that no test can find, each with the reason.
//!
//! A mutant is listed only if no test can find it: the result is the same, or differs in nothing that fapilog promises. A mutant that a test could find needs that test, and is not listed.

use std::fmt;

/// A mutant that survives. Two entries of the same change stand for two mutants of one function.
#[derive(Debug)]
pub(super) struct Survivor {
    pub(super) file: &'static str,
    /// The change as cargo-mutants names it, without line and column.
    pub(super) change: &'static str,
    pub(super) reason: &'static str,
}

impl fmt::Display for Survivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.file, self.change, self.reason)
    }
}

const fn survivor(file: &'static str, change: &'static str, reason: &'static str) -> Survivor {
    Survivor { file, change, reason }
}

/// The list, by file.
#[rustfmt::skip]
pub(super) const SURVIVORS: &[Survivor] = &[
    survivor("core/engine/src/producer/mod.rs", "replace find_out_once with ()", "each value is found out at its first use as well, in a log call that takes longer"),
    survivor("core/record/src/head.rs", "replace | with ^ in Head::to_bytes", "the fields share no bit: `|` and `^` are equal"),
    survivor("core/record/src/head.rs", "replace | with ^ in Head::to_bytes", "the fields share no bit: `|` and `^` are equal"),
    survivor("core/record/src/value/reference.rs", "delete match arm Kind::U64 in read", "`checked` reads the same value, more slowly"),
    survivor("core/record/src/value/reference.rs", "delete match arm Kind::I64 in read", "`checked` reads the same value, more slowly"),
    survivor("core/record/src/value/reference.rs", "delete match arm Kind::F64 in read", "`checked` reads the same value, more slowly"),
    survivor("core/record/src/value/reference.rs", "delete match arm Kind::U32 in read", "`checked` reads the same value, more slowly"),
    survivor("core/record/src/value/reference.rs", "delete match arm Kind::I32 in read", "`checked` reads the same value, more slowly"),
    survivor("core/record/src/value/reference.rs", "delete match arm Kind::Text in read", "`checked` reads the same value, more slowly"),
    survivor("ring/src/doorbell.rs", "replace == with != in Doorbell::is_marked_asleep", "a planted bug: the other side of its `&&` is `false` outside a model"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mutants::rooms::ROOMS, workspace::Workspace};

    #[test]
    fn every_survivor_has_a_reason() {
        for survivor in SURVIVORS {
            assert!(survivor.reason.len() > 10, "{}: {}", survivor.file, survivor.change);
        }
    }

    #[test]
    fn every_survivor_is_in_a_file_of_a_room() {
        for survivor in SURVIVORS {
            assert!(Workspace::of_this_crate().root().join(survivor.file).is_file(), "{}", survivor.file);
            assert!(ROOMS.iter().any(|room| survivor.file.starts_with(room.folder)), "{}", survivor.file);
        }
    }

    #[test]
    fn the_list_is_in_the_order_of_files() {
        assert!(SURVIVORS.is_sorted_by_key(|survivor| survivor.file));
    }
}
