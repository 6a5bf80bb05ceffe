//! For axum: extractors, errors of handlers, a server with a log, health and metrics routes.
//!
//! ```
//! use std::sync::Arc;
//! use axum::{Router, extract::Path, routing::get};
//! use fapilog::info;
//! use fapilog_tower::{PanicLayer, RequestLog, RequestLogLayer, axum::{Failure, RequestLogger}};
//!
//! async fn order(RequestLogger(log): RequestLogger, Path(id): Path<u64>) -> Result<String, Failure> {
//!     info!(log, "looked up", order_id = id);
//!     Ok(std::fs::read_to_string(format!("/orders/{id}"))?) // an error is logged, and the client sees a 500
//! }
//!
//! fn routes(log: &fapilog::Logger) -> Router {
//!     Router::new()
//!         .route("/orders/{id}", get(order))
//!         .layer(PanicLayer::new(log))
//!         .layer(RequestLogLayer::new(RequestLog::new(log))) // the last layer is the outermost
//! }
//! # let _ = routes(&fapilog::Logger::disabled());
//! ```

mod extractors;
mod failure;
mod figures;
mod operations;
mod serve;

pub use self::{
    extractors::{MissingRequestLog, RequestLogger},
    failure::Failure,
    operations::{MetricsText, Operations},
    serve::{Serve, ServeError, serve_with},
};
