//! Input: files, standard input, blocks of whole lines.
//!
//! A source is read in blocks of 1 MiB, so memory does not grow with a file. A file is never mapped: a program that truncates
//! it would end this process by a signal.

mod arguments;
mod backwards;
mod blocks;
mod follow;
mod merge;
mod open;
mod rotated;
mod source;

pub(crate) use arguments::{InputArguments, RequestInputArguments};
pub(crate) use backwards::last_lines;
pub(crate) use blocks::{LineBlocks, MAX_LINE_BYTES};
pub(crate) use follow::{FollowChange, FollowedFile, NewLine, can_be_followed};
pub(crate) use merge::{InputProblems, MergedSources};
pub(crate) use open::{InputName, open};
pub(crate) use rotated::with_rotated;
pub(crate) use source::LineSource;
