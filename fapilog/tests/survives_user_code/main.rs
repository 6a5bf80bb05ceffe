//! The program survives, whatever user code does in a log call or on the drain.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod displays;
mod errors;
mod factories;
#[path = "../law/mod.rs"]
mod law;
mod panicking_sink;
mod panics;
mod plugins;
mod sinks;
mod texts;
mod threads;
