//! The lines of a block that may match.

use std::ops::Range;

use memchr::{memchr, memmem::Finder, memrchr};

use crate::{
    expression::LineCheck,
    filter::{
        head::HeadFilter,
        needles::{Needle, NeedleKind},
    },
};

/// Finds the lines that may match: by a needle, by the heads of lines, and by keys with their numbers.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    needle: Option<NeedleFinder>,
    head: HeadFilter,
    check: LineCheck,
}

#[derive(Debug)]
struct NeedleFinder {
    needle: Finder<'static>,
    /// `\u`: behind it, the needle may be hidden. A needle of the line itself cannot be.
    escape: Option<Finder<'static>>,
}

/// The places in a block that are known already. A new block needs a new one.
#[derive(Debug, Default)]
pub(crate) struct CandidateScan {
    needle: Option<usize>,
    escape: Option<usize>,
}

/// A place behind every block: there is none.
const NOWHERE: usize = usize::MAX;

impl Candidates {
    /// The rarest of the needles is looked for; each of them is in every line that matches.
    pub(super) fn new(needles: Vec<Needle>, head: HeadFilter, check: LineCheck) -> Self {
        let rarest = needles.into_iter().max_by_key(|needle| (needle.kind, needle.bytes.len()));
        Self { needle: rarest.map(|needle| NeedleFinder::new(&needle)), head, check }
    }

    pub(super) fn next(&self, scan: &mut CandidateScan, block: &[u8], mut from: usize) -> Option<Range<usize>> {
        loop {
            let line = match &self.needle {
                Some(finder) => finder.next_line(scan, block, from)?,
                None => line_at(block, from)?,
            };
            if block.get(line.clone()).is_some_and(|line| self.head.may_match(line) && self.check.may_match(line)) {
                return Some(line);
            }
            from = line.end + 1;
        }
    }
}

impl NeedleFinder {
    fn new(needle: &Needle) -> Self {
        let escape = (needle.kind != NeedleKind::Line).then(|| Finder::new(r"\u"));
        Self { needle: Finder::new(&needle.bytes).into_owned(), escape }
    }

    fn next_line(&self, scan: &mut CandidateScan, block: &[u8], from: usize) -> Option<Range<usize>> {
        let needle = place(&mut scan.needle, &self.needle, block, from);
        let escape = self.escape.as_ref().map_or(NOWHERE, |finder| place(&mut scan.escape, finder, block, from));
        let at = needle.min(escape);
        let before = block.get(from..at)?;
        let start = memrchr(b'\n', before).map_or(from, |line_end| from + line_end + 1);
        line_at(block, at).map(|line| start..line.end)
    }
}

/// The first place of a text from `from` on: the known one, if it is not passed yet.
fn place(known: &mut Option<usize>, finder: &Finder<'_>, block: &[u8], from: usize) -> usize {
    match *known {
        Some(at) if at >= from => at,
        _ => {
            let found = block.get(from..).and_then(|tail| finder.find(tail));
            *known.insert(found.map_or(NOWHERE, |at| from + at))
        }
    }
}

/// The line from `from` to the line end; the block may end without one.
fn line_at(block: &[u8], from: usize) -> Option<Range<usize>> {
    let tail = block.get(from..).filter(|tail| !tail.is_empty())?;
    Some(from..memchr(b'\n', tail).map_or(block.len(), |at| from + at))
}
