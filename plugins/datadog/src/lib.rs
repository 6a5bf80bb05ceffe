//! Datadog logs: the sink `datadog`.
//!
//! It sends events to the logs API v2, each as an entry of a JSON array. The limits of the API are enforced before a request is sent:
//!
//! | limit | effect |
//! |---|---|
//! | 5 MB for a request, before compression; 1,000 entries | a payload is divided |
//! | 1 MB for an entry | message and fields that exceed it are cut or left out, and the entry has `"truncated":true` |
//!
//! The form of an entry is on the page `docs/datadog-sink.md`.

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../../../docs/datadog-sink.md")]
struct DatadogSinkPage;

mod deliver;
mod encode;
mod registration;
mod settings;
mod sink;

pub use registration::register;
pub use settings::{DatadogSettings, DatadogSite};
pub use sink::Datadog;
