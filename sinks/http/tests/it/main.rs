//! The client and the sink, against a strict server on loopback.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod client;
mod conformance;
mod settings;
mod sink;
mod tls;

use std::time::Duration;

/// Far longer than any step of these tests takes.
const TIMEOUT: Duration = Duration::from_secs(30);
