//! fapilog's metrics for Prometheus.
//!
//! An [`Exporter`] reads the figures of one container or several, and renders them as OpenMetrics 1.0 or in the text format 0.0.4,
//! whichever the scraper asks for. A program that has an HTTP server adds a route:
//!
//! ```
//! use fapilog::{Container, format, info, sink};
//! use fapilog_prometheus::Exporter;
//!
//! let (sink, _events) = sink::Memory::new(format::Json::new);
//! let logs = Container::builder().sink("memory", sink).start()?;
//! let exporter = Exporter::builder().container("app", &logs).build()?;
//! info!(logs.logger("app"), "started");
//!
//! // In the handler of `GET /metrics`: the header `Accept` of the request goes in, the content type and the body come out.
//! let exposition = exporter.render(Some("application/openmetrics-text; version=1.0.0"));
//! assert_eq!(exposition.content_type(), "application/openmetrics-text; version=1.0.0; charset=utf-8");
//! assert!(exposition.body().contains("fapilog_events_submitted_total{container=\"app\"} 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A program without a server has a listener of its own, on a thread that takes one connection at a time:
//!
//! ```no_run
//! use fapilog::{Container, format, sink};
//! use fapilog_prometheus::Exporter;
//!
//! let logs = Container::builder().sink("stdout", sink::Console::stdout(format::Json::new)).start()?;
//! let exporter = Exporter::builder().container("app", &logs).build()?;
//! let listener = exporter.listen("127.0.0.1:9184")?;
//! println!("metrics at http://{}/metrics", listener.address());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! * `metrics`: `Exporter::publish` sets the same figures as counters and gauges of the crate `metrics`.
//! * `prometheus-client`: an `Exporter` is a `Collector` of the crate `prometheus-client`.
#![forbid(unsafe_code)]

mod background;
#[cfg(feature = "prometheus-client")]
mod client_collector;
mod exporter;
mod exposition;
mod figures;
#[doc(hidden)]
pub mod fuzz_api;
mod listener;
#[cfg(feature = "metrics")]
mod metrics_facade;
mod user_code;

#[cfg(feature = "metrics")]
pub use crate::metrics_facade::Publisher;
pub use crate::{
    exporter::{Exporter, ExporterBuilder, ExporterError},
    exposition::{Exposition, ExpositionFormat},
    listener::{ListenError, MetricsListener, MetricsListenerBuilder},
};

/// Compiles and runs the code on the page of the book.
#[cfg(all(doctest, feature = "metrics", feature = "prometheus-client"))]
mod book {
    #[doc = include_str!("../../../docs/metrics.md")]
    mod metrics {}
}
