//! Extractors: a request's logger, its id, and both.

use std::ops::Deref;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use fapilog::{Logger, error};
use http::{StatusCode, request::Parts};
use thiserror::Error;

use crate::{LoggedError, RequestContext, RequestId};

/// The logger of a request: its events have the request's id wherever they are logged, also in tasks and threads that handlers
/// spawn.
///
/// Inside the handler, any logger's events have the id, because the scope is bound there. An extractor costs an allocation
/// and is worth it for code that runs elsewhere.
#[doc(alias = "get_logger")]
#[derive(Debug, Clone)]
pub struct RequestLogger(pub Logger);

impl Deref for RequestLogger {
    type Target = Logger;

    fn deref(&self) -> &Logger {
        &self.0
    }
}

/// The router has no [`RequestLogLayer`](crate::RequestLogLayer), and a handler asks for the request's logger or id. The response
/// is a 500 without the reason. The reason is an event of the global container, `handler has no request log`, ERROR, because the
/// router has no log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the request has no log: add RequestLogLayer to the router, by `.layer(RequestLogLayer::new(..))` behind its routes"
)]
pub struct MissingRequestLog;

impl IntoResponse for MissingRequestLog {
    fn into_response(self) -> Response {
        error!("handler has no request log", target: "fapilog::request", error = #self);
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let mut response = (status, status.canonical_reason().unwrap_or_default()).into_response();
        // For a request log that lies around another router.
        response.extensions_mut().insert(LoggedError::new(self));
        response
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = MissingRequestLog;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, MissingRequestLog> {
        Self::of(&parts.extensions).cloned().ok_or(MissingRequestLog)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestLogger {
    type Rejection = MissingRequestLog;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, MissingRequestLog> {
        RequestContext::of(&parts.extensions).map(|context| Self(context.logger())).ok_or(MissingRequestLog)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = MissingRequestLog;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, MissingRequestLog> {
        RequestContext::of(&parts.extensions).map(|context| context.id().clone()).ok_or(MissingRequestLog)
    }
}
