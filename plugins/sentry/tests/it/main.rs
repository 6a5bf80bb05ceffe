//! The sink, against a server on loopback that reads envelopes strictly, and against Bugsink.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod bugsink;
mod delivery;
mod envelope;
mod events;
mod settings;
