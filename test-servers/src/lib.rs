//! Servers for the tests of fapilog's sinks.
//!
//! * `FakeHttp`: an HTTP server in the test's process. It answers by a script, and checks each request by the standard.
//! * `TestCa`: certificates for TLS, made when the test runs.
//! * [`TestServer`]: a real server as a process, which can be killed and restarted; [`servers`] has those that tests know.
//! * [`wait_until`]: waits for a condition, with a deadline.
//! * [`EventLedger`] and [`Conformance`]: which events were delivered, duplicated and lost, for the page of all sinks and servers.
//!
//! A value of this crate stops the test with a panic where it cannot do its work: there is nothing that a test could do about it.
#![cfg_attr(doctest, doc = include_str!("../README.md"))]
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first problem")]

#[cfg(feature = "tls")]
mod ca;
mod client;
mod condition;
mod conformance;
#[cfg(feature = "http")]
mod http;
mod ledger;
pub mod ports;
mod server;
pub mod servers;

#[cfg(feature = "tls")]
pub use ca::{IssuedCertificate, TestCa};
pub use client::{HttpReply, http_request};
pub use condition::{wait_until, wait_until_within};
pub use conformance::{Conformance, ConformanceResult, Scenario};
#[cfg(feature = "http")]
pub use http::{FakeAnswer, FakeHttp, FakeHttpBuilder, FakeRequest};
pub use ledger::{EventCounts, EventLedger};
pub use server::{DetachedServer, ReadySign, TestServer, TestServerBuilder};
