//! A sink that hands events to `tracing`, for programs that collect by a subscriber.
//!
//! ```
//! use std::time::Duration;
//! use fapilog::{Container, info};
//! use fapilog_sink_tracing::TracingSink;
//!
//! tracing_subscriber::fmt().json().with_writer(std::io::sink).init();
//!
//! let logs = Container::builder().sink("tracing", TracingSink::new()).start()?;
//! info!(logs.logger("orders"), "order filled", order = 42);
//! logs.shutdown(Duration::from_secs(5))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # An event
//!
//! | of an event | for a subscriber |
//! |---|---|
//! | level | the level. Those above ERROR are `ERROR`, and the field `level` names them |
//! | target, file, line | those of the metadata |
//! | message | the field `message` |
//! | fields | fields with their types: `key` of the context, `tags.key`, `metrics.key`, `correlation_id`, `source`. A key of the context that is one of these names, `level` or `message` is `context.key`. Values for which `tracing` has no type are displayed |
//!
//! A subscriber gets a call site for each log call and each list of its fields, so that filters by target, level and field name apply as to
//! the macros of `tracing`. A process makes 4,096 of them at most, 64 for a file, a line and a level, and 256 for a level of events without a file.
//! Events beyond have the target `fapilog`, and their target and fields are in the fields `target` and `fields`.
//!
//! The subscriber is called on a thread of the sink's own, outside of all spans.
//!
//! # Events that come from `tracing`
//!
//! The thread counts as a [drain's](fapilog::plugin::is_drain_thread), and fapilog's adapters suppress calls on such a thread: an event
//! that goes to `tracing` does not come back by a layer or by `log`. A subscriber that hands its events to another thread must not have an
//! adapter to the same container there: the event would go round without end.

#![forbid(unsafe_code)]

mod event_site;
mod field_values;
mod plain_site;
mod registration;
mod sink;

pub use crate::sink::TracingSink;

/// Compiles and runs the code of the page.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/tracing-sink.md")]
mod page {}
