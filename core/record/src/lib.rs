//! Records: a log call as bytes. A call site has the constants of the program; a call adds the arguments.
//!
//! | module | what |
//! |---|---|
//! | [`level`], [`directives`] | how severe an event is, and which levels of which targets are logged |
//! | [`call_site`] | one place in a program that logs, and the descriptor that a reader needs of it |
//! | [`value`] | the types that an argument of a log call can have |
//! | [`arguments`], [`writer`] | a call's arguments, archived into a slot of the ring |
//! | [`head`], [`dynamic`] | the eight bytes in front of each record; fields that name and type themselves |
//! | [`self_typed`] | values with their type in front |
//! | [`fields`] | fields that are collected at run time: the arguments of calls of other logging libraries |
//! | [`timestamp`], [`text`] | times, and how numbers and times are written as text |
//! | [`user_code`] | calls of code that may panic |
//!
//! # Layout of a record
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | source id: the number of the logger's name in its container |
//! | 4 | 2 | flags: bit 0, something was cut to fit |
//! | 6 | 2 | length of the scope at the end, in bytes |
//! | 8 | by the call site | root: the arguments' wire forms, one behind the other |
//! | | by the call site | mask, in a record that was cut only: a bit for each argument of a kind that [has a tail](value::Kind::has_tail), in their order, from bit 0 of the first byte on; set if the argument was cut |
//! | | | tail: what the root's spans point at |
//! | | at the end | scope: fields bound to the thread, in the form of a [`dynamic`] record |
//!
//! All numbers are little-endian; nothing is aligned, nothing is padded. The frame's tag is the id of the call site's
//! [`Descriptor`](call_site::Descriptor), which names and types the root. Tag 0 marks a dynamic record, whose body names
//! and types itself.
//!
//! # Cut records
//!
//! A record that is longer than its slot is cut, and its flag set. The arguments with a tail and the scope share the room:
//! each has at least the room divided by their number, or its own length if that is less. Room that is left goes to the
//! scope first, then to the first argument that can use it.
//!
//! Text ends between two characters, and so do bytes that are UTF-8; other bytes end anywhere. A sequence ends between two
//! elements, each of which is whole. A value [with its type in front](self_typed) ends behind the last element or entry
//! that fits. An argument that was cut has its bit set in the mask, so it differs from a short value: a
//! `Some` whose text has no room is still a `Some`. The fields of a scope and of a dynamic record share the room
//! alike, and are marked [in their own form](dynamic).
//!
//! A record that fits has no mask, and pays for none of this.
//!
//! The writer is rkyv's: arguments are a nested tuple, archived through [`rkyv::Serialize`] into a writer over the slot,
//! and resolved at the slot's front. The reader checks every access against the record's end, whatever wrote it.

pub mod arguments;
mod as_logged;
pub mod call_site;
pub mod directives;
pub mod dynamic;
pub mod erased;
mod error_codes;
pub mod field_group;
pub mod fields;
pub mod head;
pub mod keyed_hash;
pub mod level;
pub mod self_typed;
mod serde_text;
mod shares;
#[cfg(test)]
mod tests;
pub mod text;
pub mod timestamp;
pub mod user_code;
pub mod value;
pub mod writer;

#[doc(hidden)]
pub use as_logged::as_logged;
