//! Splunk: the sink `splunk` sends events to the HTTP Event Collector (HEC).
//!
//! | module | what |
//! |---|---|
//! | `encode` | events become the objects of the endpoint `event`, or the lines of the endpoint `raw` |
//! | `deliver` | requests, and what their answers mean |
//! | `answer` | the table of HEC's codes |
//! | `acks` | indexer acknowledgement |

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../../../docs/splunk-sink.md")]
struct SplunkSinkPage;

mod acks;
mod answer;
mod deliver;
mod encode;
mod error;
mod registration;
mod settings;
mod sink;

pub use error::HecError;
pub use registration::register;
pub use settings::{HecEndpoint, SplunkSettings};
pub use sink::Splunk;
