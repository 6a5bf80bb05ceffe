//! The layer that answers for services that fail.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use fapilog::{Logger, error};
use fapilog_http::call_catching_panics;
use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{BoxError, LoggedError, RequestContext};

/// Chooses the status for an error.
type StatusRule = Arc<dyn Fn(&BoxError) -> StatusCode + Send + Sync>;

/// Answers for services that fail, such as a timeout of tower's, with an empty response whose status is 500. The reply has no details.
///
/// It goes inside [`RequestLogLayer`](crate::RequestLogLayer): the canonical event of the request has the error and the chain of its
/// sources, in the field `error`. Without a request log around it, the error is an event of its own, `service failed`, ERROR.
///
/// The errors of axum's handlers are responses already. For those, there is `Failure` (feature `axum`) and
/// [`LoggedError`].
#[derive(Clone)]
pub struct ErrorLayer {
    answer: ErrorAnswer,
}

/// The logger and the rule of an [`ErrorLayer`].
#[derive(Clone)]
pub struct ErrorAnswer {
    log: Logger,
    status: StatusRule,
}

impl ErrorLayer {
    /// A layer that logs to this logger.
    #[must_use]
    pub fn new(log: &Logger) -> Self {
        Self { answer: ErrorAnswer { log: log.clone(), status: Arc::new(|_| StatusCode::INTERNAL_SERVER_ERROR) } }
    }

    /// The status by error. Default: 500.
    #[must_use]
    pub fn status(mut self, rule: impl Fn(&BoxError) -> StatusCode + Send + Sync + 'static) -> Self {
        self.answer.status = Arc::new(rule);
        self
    }
}

impl ErrorAnswer {
    /// Answers for the error, and logs it unless a canonical event does. A rule that panics gives way to the default.
    fn to<B: Default>(&self, failure: BoxError, has_request_log: bool) -> Response<B> {
        if !has_request_log {
            error!(self.log, "service failed", target: "fapilog::request", error = #failure);
        }
        let by_rule = call_catching_panics(|| (self.status)(&failure));
        let mut response = Response::new(B::default());
        *response.status_mut() = by_rule.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.extensions_mut().insert(LoggedError::new(failure));
        response
    }
}

impl fmt::Debug for ErrorLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.answer.fmt(f)
    }
}

impl fmt::Debug for ErrorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorAnswer").field("log", &self.log).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for ErrorLayer {
    type Service = ErrorService<S>;

    fn layer(&self, service: S) -> Self::Service {
        ErrorService { service, answer: self.answer.clone(), failure: None }
    }
}

/// The service that [`ErrorLayer`] makes.
#[derive(Debug)]
pub struct ErrorService<S> {
    service: S,
    answer: ErrorAnswer,
    /// The error with which the service failed to become ready. The next call answers for it.
    failure: Option<BoxError>,
}

impl<S: Clone> Clone for ErrorService<S> {
    fn clone(&self) -> Self {
        Self { service: self.service.clone(), answer: self.answer.clone(), failure: None }
    }
}

impl<S, A, B> Service<Request<A>> for ErrorService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Default,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = ErrorFuture<S::Future>;

    /// A service that fails to become ready counts as ready: the call answers for the error.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.failure.is_some() {
            return Poll::Ready(Ok(()));
        }
        self.service.poll_ready(context).map(|ready| {
            self.failure = ready.err().map(Into::into);
            Ok(())
        })
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let has_request_log = RequestContext::of(request.extensions()).is_some();
        let failure = self.failure.take();
        let future = failure.is_none().then(|| self.service.call(request));
        ErrorFuture { future, failure, answer: self.answer.clone(), has_request_log }
    }
}

pin_project! {
    /// The future of a response of [`ErrorService`].
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is polled"]
    pub struct ErrorFuture<F> {
        // `None` if the service was not ready: there is a failure then.
        #[pin]
        future: Option<F>,
        failure: Option<BoxError>,
        answer: ErrorAnswer,
        has_request_log: bool,
    }
}

impl<F, B, E> Future for ErrorFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    B: Default,
{
    type Output = Result<Response<B>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer_to = |failure| this.answer.to(failure, *this.has_request_log);
        if let Some(failure) = this.failure.take() {
            return Poll::Ready(Ok(answer_to(failure)));
        }
        let Some(future) = this.future.as_pin_mut() else { return Poll::Pending };
        future.poll(context).map(|result| Ok(result.unwrap_or_else(|failure| answer_to(failure.into()))))
    }
}
