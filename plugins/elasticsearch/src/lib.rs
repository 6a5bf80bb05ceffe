//! Elasticsearch and OpenSearch: the sink `elasticsearch`.
//!
//! It sends events by the bulk API with the action `create`, into a data stream or an index. The `_id` of a document is the id of its event, so that a
//! document that is sent again is not stored again: the destination answers 409, and the event counts as delivered.
//!
//! ```
//! use fapilog_elasticsearch::{Elasticsearch, ElasticsearchSettings};
//! use fapilog_format::Json;
//!
//! let mut settings = ElasticsearchSettings::default();
//! settings.url = "https://search.example.com:9200".to_owned();
//! let sink = Elasticsearch::new(settings, Json::new)?;
//! # let _ = sink;
//! # Ok::<(), fapilog_plugin::problem::SettingsError>(())
//! ```

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../../../docs/elasticsearch-sink.md")]
struct ElasticsearchSinkPage;

mod answer;
mod deliver;
mod document;
mod encode;
mod error;
mod index;
mod registration;
mod settings;
mod sink;

pub use error::ElasticsearchError;
pub use registration::register;
pub use settings::{DataStreamSettings, ElasticsearchSettings};
pub use sink::Elasticsearch;
