//! A drain of slog whose records are events of fapilog.
//!
//! ```
//! use std::time::Duration;
//! use fapilog::{Container, format, sink};
//! use fapilog_slog::SlogDrain;
//! use slog::{info, o};
//!
//! # let (sink, events) = sink::Memory::new(format::Json::new);
//! let logs = Container::builder().sink("memory", sink).start()?;
//! let log = slog::Logger::root(SlogDrain::new(logs.logger("shop")), o!("venue" => "XNAS"));
//!
//! info!(log, "order filled"; "order" => 42, "price" => 101.25);
//!
//! logs.shutdown(Duration::from_secs(5))?;
//! # assert!(events.lines()[0].contains(r#""price":101.25,"order":42,"venue":"XNAS""#), "{}", events.lines()[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # An event
//!
//! | of a record | in the event |
//! |---|---|
//! | level | `Critical`, `Error`, `Warning`, `Info`, `Debug`, `Trace` under their names |
//! | module | the target. Levels by target apply to it |
//! | file, line | the place of the log call |
//! | message | the message |
//! | tag | `tag` in the context, if there is one |
//! | key and value | a field with the value's type. A key `tags.x` or `metrics.x` is the field `x` of the tags or metrics, all others are in the context |
//! | a value that fails or panics | the pairs before it in its list, and `pairs_error` in the context |
//!
//! Pairs of the record come first, then those of its logger, then those of the loggers it was made of, each group in the order in which
//! slog has them, which is last first. Where a key comes more than once, the first one counts: a record's pair before its logger's, a
//! child's before its parent's. The fields of the fapilog logger and of the thread's scopes are the event's, too.
//!
//! # Threads that log for a container
//!
//! A record that is logged on a drain's thread or a sink's thread comes from a library that delivers events. It would become an event that
//! is delivered in turn, and so on without end. So it is suppressed, and counted by [`SlogDrain::suppressed`].

#![forbid(unsafe_code)]

mod drain;
mod pairs;

pub use crate::drain::SlogDrain;

/// Compiles and runs the code of the page.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/slog.md")]
mod page {}
