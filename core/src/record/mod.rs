//! A record: one event's arguments, archived in a frame of the ring.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | source id (see [`Source::id`](crate::Source::id)) |
//! | 4 | 2 | flags: bit 0, something was cut to fit |
//! | 6 | 2 | length of the scope at the end, in bytes |
//! | 8 | by the call site | root: the arguments' wire forms, one behind the other |
//! | | | tail: what the root's spans point at |
//! | | at the end | scope: fields bound to the thread, in the form of a [dynamic] record |
//!
//! All little-endian, nothing aligned, nothing padded. The frame's tag is the id of the call site's
//! [`Descriptor`](crate::call_site::Descriptor), which names and types the root; tag 0 marks a dynamic record, whose
//! body names and types itself.
//!
//! The writer is rkyv's: arguments are a nested tuple, archived through [`rkyv::Serialize`] into a writer over the slot,
//! and resolved at the slot's front. The reader checks every access against the record's end, whatever wrote it.

mod arguments;
mod as_logged;
pub mod dynamic;
mod head;
#[cfg(test)]
mod tests;
mod writer;

pub use arguments::{Arg, Arguments, End, Shape};
#[doc(hidden)]
pub use as_logged::as_logged;
pub(crate) use head::Head;
pub use writer::{Overrun, SlotWriter};
pub(crate) use writer::{record_bytes, write_record};
