//! The sink, against a strict fake and a real server on loopback.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod container;
mod failures;
mod fake;
mod osmem;
mod requests;
mod settings;

use std::time::Duration;

/// Far longer than any step of these tests takes.
const TIMEOUT: Duration = Duration::from_secs(30);
