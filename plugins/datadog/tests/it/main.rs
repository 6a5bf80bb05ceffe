//! The sink, against a server on loopback that enforces the limits of Datadog's documentation.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod delivery;
mod fake;
mod settings;
