//! The sink, against a collector on loopback that enforces what Splunk documents.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod acks;
mod collector;
mod delivery;
mod settings;
