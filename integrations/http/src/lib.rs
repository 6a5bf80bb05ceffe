//! The part of web integrations that knows no framework: request ids, scopes, and a canonical event for each request.
//!
//! Programs use `fapilog-tower` (axum, tonic, hyper) or `fapilog-actix`, which re-export these types. An integration for another
//! framework stands on this crate:
//!
//! 1. [`RequestLog`] has the settings. A program makes a single one, and clones share it.
//! 2. [`RequestLog::accept_id`] chooses the id of a request, from its headers or a new one.
//! 3. [`RequestLog::begin`] starts an [`Exchange`], which owns the scope of the request.
//! 4. [`Exchange::run`] runs each poll of the handler and of the response body inside the scope. [`InExchange`] does that for a
//!    future, and for a body.
//! 5. [`Exchange::finish`] logs the canonical event. An exchange that is dropped before logs it too, with the outcome that the
//!    drop stands for.
//!
//! ```
//! use fapilog::testing::TestLog;
//! use fapilog_http::{RequestOutcome, RequestHead, RequestLog};
//!
//! let test = TestLog::new();
//! let requests = RequestLog::new(test.log());
//! let headers = |name: &str| (name == "x-request-id").then_some(b"7f3a".as_slice());
//!
//! let id = requests.accept_id(headers);
//! let head = RequestHead { method: "GET", path: "/orders/42", route: Some("/orders/{id}"), ..RequestHead::default() };
//! let mut exchange = requests.begin(&head, headers, &id);
//! exchange.run(|| fapilog::info!(test.log(), "looked up"));
//! exchange.responded(200);
//! exchange.finish(RequestOutcome::Completed);
//!
//! fapilog::assert_logged!(test, message: "looked up", correlation_id: "7f3a");
//! fapilog::assert_logged!(test, message: "request finished", correlation_id: "7f3a", route = "/orders/{id}", status = 200);
//! ```

#![forbid(unsafe_code)]

mod byte_counter;
mod canonical_event;
mod exchange;
mod grpc;
mod headers;
mod id;
mod in_exchange;
mod logged_error;
mod new_id;
mod notes;
mod outcome;
mod query;
mod request_log;
mod response_length;
mod sampling;
mod settings_error;
mod summary;
mod user_code;

pub use crate::{
    byte_counter::ByteCounter,
    exchange::{Exchange, RequestHead, request_scope},
    grpc::{GrpcStatus, grpc_status_of},
    id::{AcceptedId, IdFlaw, IdSource},
    in_exchange::InExchange,
    logged_error::{BoxError, LoggedError},
    notes::RequestNotes,
    outcome::RequestOutcome,
    query::QueryLogging,
    request_log::{RequestLog, RequestLogBuilder},
    response_length::response_has_body,
    settings_error::RequestLogError,
    summary::{RequestSummary, default_level},
    user_code::{call_catching_panics, drop_catching_panics},
};
