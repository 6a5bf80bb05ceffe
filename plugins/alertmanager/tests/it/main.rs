//! The sink, against a server on loopback that checks as Alertmanager does, and against Alertmanager itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod alerts;
mod fake;
mod real;
mod server;
mod settings;
