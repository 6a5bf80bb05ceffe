//! Requests in the log: a middleware for actix-web.
//!
//! [`RequestLogTransform`] gives each request an id, from `x-request-id`, from the W3C header `traceparent`, or a new one; binds it to
//! the handler and to the body of the response; sends it back; and logs a canonical event at the end of the body. Settings and
//! events are those of `fapilog-tower`.
//!
//! ```
//! use actix_web::{App, HttpResponse, test, web};
//! use fapilog::testing::TestLog;
//! use fapilog_actix::{LoggedRequest, RequestLog, RequestLogTransform};
//!
//! async fn order(request: LoggedRequest, id: web::Path<u64>) -> HttpResponse {
//!     fapilog::info!(request.logger(), "looked up", order_id = *id);
//!     HttpResponse::Ok().body("42")
//! }
//!
//! # actix_web::rt::System::new().block_on(async {
//! let log = TestLog::new();
//! let app = App::new()
//!     .wrap(RequestLogTransform::new(RequestLog::new(log.log())))
//!     .route("/orders/{id}", web::get().to(order));
//! let app = test::init_service(app).await;
//! let request = test::TestRequest::get().uri("/orders/42").insert_header(("x-request-id", "7f3a")).to_request();
//! assert_eq!(test::call_and_read_body(&app, request).await, "42");
//!
//! fapilog::assert_logged!(log, message: "looked up", correlation_id: "7f3a");
//! fapilog::assert_logged!(log, message: "request finished", route = "/orders/{id}", status = 200, metrics.response_bytes = 2);
//! # });
//! ```

#![forbid(unsafe_code)]

mod counted_payload;
mod handler_failure;
mod logged_body;
mod logged_request;
mod logged_response;
mod middleware;
mod response_error_types;

pub use crate::{
    handler_failure::HandlerFailure,
    logged_body::LoggedBody,
    logged_request::{LoggedRequest, MissingMiddleware},
    logged_response::LoggedResponse,
    middleware::{RequestLogMiddleware, RequestLogTransform},
};
pub use fapilog_http::{
    BoxError, IdFlaw, IdSource, LoggedError, QueryLogging, RequestLog, RequestLogBuilder, RequestLogError,
    RequestNotes, RequestOutcome, RequestSummary, default_level,
};

/// Compiles and runs the code on the page of the book.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/actix.md")]
mod book {}
