//! The sink against a socket that reads the protocol by a parser of its own, and against systemd-journald.
//!
//! `cargo test -p fapilog-journald --test it`
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "all of this program is test code"
)]

mod allocations;
mod delivery;
mod entries;
mod fake_journald;
mod golden;
mod random;
mod restart;
mod settings;
mod strict_parser;
mod support;
mod systemd;
