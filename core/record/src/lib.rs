//! Records: a log call as bytes. A call site has the constants of the program; a call adds the arguments.
//!
//! | module | what |
//! |---|---|
//! | [`level`], [`directives`] | how severe an event is, and which levels of which targets are logged |
//! | [`call_site`] | one place in a program that logs, and the descriptor that a reader needs of it |
//! | [`value`] | the types that an argument of a log call can have |
//! | [`arguments`], [`writer`] | a call's arguments, archived into a slot of the ring |
//! | [`head`], [`dynamic`] | the eight bytes in front of each record; fields that name and type themselves |
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
//! | | | tail: what the root's spans point at |
//! | | at the end | scope: fields bound to the thread, in the form of a [`dynamic`] record |
//!
//! All numbers are little-endian; nothing is aligned, nothing is padded. The frame's tag is the id of the call site's
//! [`Descriptor`](call_site::Descriptor), which names and types the root. Tag 0 marks a dynamic record, whose body names
//! and types itself.
//!
//! The writer is rkyv's: arguments are a nested tuple, archived through [`rkyv::Serialize`] into a writer over the slot,
//! and resolved at the slot's front. The reader checks every access against the record's end, whatever wrote it.

pub mod arguments;
mod as_logged;
pub mod call_site;
pub mod directives;
pub mod dynamic;
mod error_codes;
pub mod field_group;
pub mod head;
pub mod level;
mod serde_text;
#[cfg(test)]
mod tests;
pub mod text;
pub mod timestamp;
pub mod user_code;
pub mod value;
pub mod writer;

#[doc(hidden)]
pub use as_logged::as_logged;
