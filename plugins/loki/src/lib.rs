//! Grafana Loki: the sink `loki`.
//!
//! It sends events to the push API of Loki (`POST /loki/api/v1/push`), as protobuf in a block of snappy, or as JSON.
//!
//! | step | where |
//! |---|---|
//! | An event becomes a record: its tenant, its labels, its time, and its entry, which is encoded. | on the drain |
//! | Records become requests: one for each tenant, with the entries of a stream together, in the order of time. | on the thread of the sink |
//! | Answers become outcomes. | on the thread of the sink |
//!
//! The settings are those of [`LokiSettings`].

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../../../docs/loki-sink.md")]
struct LokiSinkPage;

mod deliver;
mod encode;
mod error;
mod event_text;
mod labels;
mod metadata;
mod record;
mod registration;
mod settings;
mod sink;
mod tenant;

pub use error::LokiError;
pub use registration::register;
pub use settings::{LokiEncoding, LokiLine, LokiMetadata, LokiSettings};
pub use sink::Loki;
