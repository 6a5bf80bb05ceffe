//! JSON of a line: checked whole, read in place.
//!
//! [`Tape`] is the result of one pass over a line: an entry for each value and each key, in their order. Values are read from
//! the line when they are asked for. A tape keeps its memory, so a parser of many lines allocates next to nothing.

mod scan;
mod tape;
mod text;
mod value;

pub(crate) use scan::number_end;
pub(crate) use tape::Tape;
pub(crate) use text::put_json_string;
pub(crate) use value::{JsonKind, JsonValue};
