//! The layer around a plain service: ids, scopes, the canonical event.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod bodies;
mod canonical_event;
mod failures;
mod fixture;
mod ids;
mod panics;
mod scopes;
mod settings;
