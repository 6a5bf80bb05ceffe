//! Servers for the tests of fapilog's sinks.
//!
//! * `FakeHttp`: an HTTP server in the test's process. It answers by a script, and checks each request by the standard.
//! * `TestCa`: certificates for TLS, made when the test runs.
//!
//! A value of this crate stops the test with a panic where it cannot do its work: there is nothing that a test could do about it.
#![cfg_attr(doctest, doc = include_str!("../README.md"))]
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first problem")]

#[cfg(feature = "tls")]
mod ca;
#[cfg(feature = "http")]
mod http;
pub mod ports;

#[cfg(feature = "tls")]
pub use ca::{IssuedCertificate, TestCa};
#[cfg(feature = "http")]
pub use http::{FakeAnswer, FakeHttp, FakeHttpBuilder, FakeRequest};
