//! fapilog beside OpenTelemetry.
//!
//! * [`trace_fields()`]: each event has the ids of the trace and the span that its thread works for, from the context of the
//!   `opentelemetry` API. `tracing-opentelemetry` sets that context while a span is entered.
//! * [`ContainerExporter`]: log records of the OpenTelemetry SDK go to a container.
//! * [`fapilog::scope::TraceParent`] reads and writes the header `traceparent`; [`context_of`] makes a context of it.
//!
//! ```
//! use fapilog::{Container, format, info, sink};
//! use fapilog_opentelemetry::{FieldNames, trace_fields};
//!
//! # let (sink, events) = sink::Memory::new(format::Json::new);
//! let logs = Container::builder()
//!     .caller_fields(trace_fields(FieldNames::OpenTelemetry))
//!     .sink("memory", sink)
//!     .start()?;
//!
//! let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
//! let _attached = fapilog_opentelemetry::context_of(&caller).attach();
//! info!(logs.logger("orders"), "order filled", order_id = 42);
//!
//! logs.shutdown(std::time::Duration::from_secs(5))?;
//! assert!(events.lines()[0].contains(r#""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7""#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

#[cfg(feature = "log-exporter")]
mod any_value;
#[cfg(feature = "log-exporter")]
mod container_exporter;
#[cfg(feature = "log-exporter")]
mod record_level;
mod trace_fields;

#[cfg(feature = "log-exporter")]
pub use crate::container_exporter::ContainerExporter;
pub use crate::trace_fields::{FieldNames, context_of, trace_fields, trace_parent_of};

/// Compiles and runs the code of the page about this crate.
#[cfg(all(doctest, feature = "log-exporter"))]
#[doc = include_str!("../../../docs/opentelemetry.md")]
mod page {}
