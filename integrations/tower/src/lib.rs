//! Requests in the log: a tower layer for axum, tonic, hyper and any other server whose services take [`http::Request`]s.
//!
//! [`RequestLogLayer`] gives each request an id, from `x-request-id`, from the W3C header `traceparent`, or a new one; binds it to
//! the handler and to the body of the response; sends it back; and logs a canonical event at the end of the body.
//!
//! ```
//! use fapilog::testing::TestLog;
//! use fapilog_tower::{RequestLog, RequestLogLayer};
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let test = TestLog::new();
//! let log = test.log().clone();
//! let service = ServiceBuilder::new()
//!     .layer(RequestLogLayer::new(RequestLog::new(test.log())).route(|request| Some(request.uri.path().into())))
//!     .service(service_fn(move |_request| {
//!         fapilog::info!(log, "looked up"); // has the id
//!         async { Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::from("42"))) }
//!     }));
//!
//! let request = Request::get("/answer").header("x-request-id", "7f3a").body(Full::<bytes::Bytes>::default())?;
//! let response = service.oneshot(request).await?;
//! assert_eq!(response.headers()["x-request-id"], "7f3a");
//! let body = response.into_body().collect().await?; // the canonical event is logged at its end
//!
//! assert_eq!(body.to_bytes(), "42");
//! fapilog::assert_logged!(test, message: "looked up", correlation_id: "7f3a");
//! fapilog::assert_logged!(test, message: "request finished", status = 200, metrics.response_bytes = 2);
//! # Ok::<(), fapilog_tower::BoxError>(())
//! # })?;
//! # Ok::<(), fapilog_tower::BoxError>(())
//! ```
//!
//! Two more layers go inside it: [`PanicLayer`] answers with 500 where a handler panics, and [`ErrorLayer`] where a service fails.
//! The log has the reason, and the reply does not.
//!
//! # Features
//!
//! * `axum`: the module `axum`, with extractors, `Failure` as an error of handlers, `serve_with`, and health and metrics routes.
//!   Route templates come from axum's `MatchedPath`.
//! * `testing`: the module `testing`, for dev-dependencies.

#![forbid(unsafe_code)]

#[cfg(feature = "axum")]
pub mod axum;
mod error_layer;
mod error_types;
mod panic_body;
mod panic_layer;
mod panic_places;
mod panic_report;
mod request_body;
mod request_context;
mod request_log_layer;
mod response_body;
mod response_future;
#[cfg(feature = "testing")]
pub mod testing;

pub use crate::{
    error_layer::{ErrorAnswer, ErrorFuture, ErrorLayer, ErrorService},
    panic_body::{BodyPanicked, PanicBody},
    panic_layer::{PanicFuture, PanicLayer, PanicService},
    request_body::RequestBody,
    request_context::{RequestContext, RequestId},
    request_log_layer::{RequestLogLayer, RequestLogService, grpc_route},
    response_body::ResponseBody,
    response_future::ResponseFuture,
};
pub use fapilog_http::{
    BoxError, GrpcStatus, IdFlaw, IdSource, LoggedError, QueryLogging, RequestLog, RequestLogBuilder, RequestLogError,
    RequestNotes, RequestOutcome, RequestSummary, default_level,
};

/// Compiles and runs the code on the page of the book.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/tower.md")]
mod book {}
