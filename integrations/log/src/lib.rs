//! The `log` crate and fapilog: records of `log` become events, and a sink hands events to `log`.
//!
//! ```
//! use std::time::Duration;
//! use fapilog::{Container, Level, format, sink};
//!
//! # let (sink, events) = sink::Memory::new(format::Json::new);
//! let logs = Container::builder().sink("memory", sink).start()?;
//! let bridge = fapilog_log::init(logs.logger("shop"))?;
//!
//! log::info!(order = 42, price = 101.25; "order filled");
//! log::debug!("not logged: `log::max_level()` follows the container's level");
//! logs.set_level(Level::Debug);
//! log::debug!("logged");
//!
//! logs.shutdown(Duration::from_secs(5))?;
//! # assert_eq!(events.lines().len(), 2);
//! # assert!(events.lines()[0].contains(r#""order":42,"price":101.25"#), "{}", events.lines()[0]);
//! assert_eq!(bridge.suppressed().total(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # An event
//!
//! | of a record | in the event |
//! |---|---|
//! | level | `Error`, `Warn` as WARNING, `Info`, `Debug`, `Trace` |
//! | target | the target. Levels by target apply to it |
//! | file, line | the place of the log call |
//! | module path | `module_path` in the context, if it is not the target |
//! | arguments | the message |
//! | key and value | a field with the value's type. A key `tags.x` or `metrics.x` is the field `x` of the tags or metrics, all others are in the context |
//! | a list of pairs that fails or panics | the pairs before that, and `pairs_error` in the context |
//!
//! The source is the logger's, and the fields of the logger and of the thread's scopes are the event's, too.
//!
//! # Threads that log for a container
//!
//! A record that is logged on a drain's thread or a sink's thread comes from a library that delivers events. It would become an event that
//! is delivered in turn, and so on without end. So it is suppressed, and counted by [`LogBridge::suppressed`].

#![forbid(unsafe_code)]

mod bridge;
mod key_values;
mod level;
mod level_cache;
mod sink;

pub use crate::{
    bridge::{BridgeBuilder, InitError, LogBridge, init},
    sink::LogSink,
};

/// Compiles and runs the code of the page.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/log.md")]
mod page {}
