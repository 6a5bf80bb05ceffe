//! The layer that answers for handlers that panic.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use fapilog::{Logger, error};
use fapilog_http::drop_catching_panics;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use thiserror::Error;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    logged_error::BoxError,
    panic_places,
    request_context::{RequestContext, RequestId},
};

/// Catches the panics of handlers, and of the bodies of their responses.
///
/// A panic is logged as ERROR, `handler panicked` or `response body panicked`, with its message in the field `panic`. The
/// client gets a response with the status 500 and the id of the request, without the message. A body that panics ends in
/// [`BodyPanicked`], upon which a server closes the connection.
///
/// It goes inside [`RequestLogLayer`](crate::RequestLogLayer), so that the event and the response have the request's id.
///
/// With `panic = "abort"`, no panic can be caught. With [`fapilog::panic_hook`], a panic is also logged by the hook, with its
/// place and backtrace, and with the id.
#[derive(Debug, Clone)]
pub struct PanicLayer {
    log: Logger,
}

impl PanicLayer {
    /// A layer that logs to this logger.
    #[must_use]
    pub fn new(log: &Logger) -> Self {
        Self { log: log.clone() }
    }

    /// Logs the file and line of each panic, in the field `location`. A panic's place is known to the panic hook of the process
    /// alone. So this puts a hook on top of it, once, which notes the place and then runs the hook that was there. Default: not
    /// logged.
    #[must_use]
    pub fn locations(self) -> Self {
        panic_places::watch();
        self
    }
}

impl<S> Layer<S> for PanicLayer {
    type Service = PanicService<S>;

    fn layer(&self, service: S) -> Self::Service {
        PanicService { service, log: self.log.clone() }
    }
}

/// The service that [`PanicLayer`] makes.
#[derive(Debug, Clone)]
pub struct PanicService<S> {
    service: S,
    log: Logger,
}

impl<S, A, B> Service<Request<A>> for PanicService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<PanicBody<B>>;
    type Error = S::Error;
    type Future = PanicFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let id = RequestContext::of(request.extensions()).map(|context| context.id().clone());
        let report = PanicReport { log: self.log.clone(), id };
        let future = report.catch("handler panicked", || self.service.call(request));
        PanicFuture { future, report }
    }
}

/// The means to log a panic and to answer for it.
#[derive(Debug)]
struct PanicReport {
    log: Logger,
    id: Option<RequestId>,
}

impl PanicReport {
    /// Runs user code; `None` if it panicked, which is logged.
    fn catch<R>(&self, message: &'static str, user_code: impl FnOnce() -> R) -> Option<R> {
        let result = panic_places::watched(|| catch_unwind(AssertUnwindSafe(user_code)));
        result.map_err(|payload| self.log_panic(message, payload)).ok()
    }

    fn log_panic(&self, message: &'static str, payload: Box<dyn Any + Send>) {
        let text = text_of(&*payload);
        match panic_places::take_place() {
            Some(location) => {
                error!(self.log, message, target: "fapilog::request", panic = text, location);
            }
            None => error!(self.log, message, target: "fapilog::request", panic = text),
        }
        drop_catching_panics(payload);
    }

    /// The response for a handler that panicked.
    fn answer<B>(self) -> Response<PanicBody<B>> {
        let text = match &self.id {
            Some(id) => format!("internal server error\nrequest id: {id}\n"),
            None => "internal server error\n".to_owned(),
        };
        let mut response = Response::new(PanicBody::answer(text, self));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }

    fn take(&mut self) -> Self {
        Self { log: self.log.clone(), id: self.id.take() }
    }
}

/// The message of a panic, where it is text, as that of `panic!` is.
fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(a value that is no text)")
}

pin_project! {
    /// The future of a response of [`PanicService`].
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is polled"]
    pub struct PanicFuture<F> {
        // `None` if the service panicked.
        #[pin]
        future: Option<F>,
        report: PanicReport,
    }
}

impl<F, B, E> Future for PanicFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<PanicBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Ready(Ok(this.report.take().answer()));
        };
        match this.report.catch("handler panicked", || future.poll(context)) {
            Some(Poll::Pending) => Poll::Pending,
            Some(Poll::Ready(Ok(response))) => {
                let report = this.report.take();
                Poll::Ready(Ok(response.map(|body| PanicBody::of(body, report))))
            }
            Some(Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            None => {
                // The variables of the handler, which may panic in turn when they are dropped.
                let _logged = this.report.catch("handler panicked", || this.future.set(None));
                Poll::Ready(Ok(this.report.take().answer()))
            }
        }
    }
}

/// The body of a response panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the body of the response panicked")]
pub struct BodyPanicked;

pin_project! {
    /// The body of a response of [`PanicService`].
    #[derive(Debug)]
    pub struct PanicBody<B> {
        // `None` in the answer for a handler that panicked, and behind a panic of the body.
        #[pin]
        body: Option<B>,
        report: PanicReport,
        // The text of such an answer.
        text: Option<Bytes>,
    }
}

impl<B> PanicBody<B> {
    fn of(body: B, report: PanicReport) -> Self {
        Self { body: Some(body), report, text: None }
    }

    fn answer(text: String, report: PanicReport) -> Self {
        Self { body: None, report, text: Some(text.into()) }
    }
}

impl<B> Body for PanicBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(this.text.take().map(|text| Ok(Frame::data(text))));
        };
        match this.report.catch("response body panicked", || body.poll_frame(context)) {
            Some(polled) => polled.map_err(Into::into),
            None => {
                let _logged = this.report.catch("response body panicked", || this.body.set(None));
                Poll::Ready(Some(Err(BodyPanicked.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.text.is_none() && self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let of_text = || SizeHint::with_exact(self.text.as_ref().map_or(0, |text| text.len() as u64));
        self.body.as_ref().map_or_else(of_text, Body::size_hint)
    }
}
