//! The layer that answers for handlers that panic.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use fapilog::Logger;
use fapilog_http::BoxError;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{panic_body::PanicBody, panic_places, panic_report::PanicReport, request_context::RequestContext};

const MESSAGE: &str = "handler panicked";

/// Catches the panics of handlers, and of the bodies of their responses.
///
/// It goes inside [`RequestLogLayer`](crate::RequestLogLayer). The canonical event of the request then has the panic's message in the
/// field `panic`, the outcome `panicked`, and the level ERROR. The client gets a response with the status 500 and the id of the
/// request, without the message. A body that panics ends in [`BodyPanicked`](crate::BodyPanicked), upon which a server closes the
/// connection.
///
/// A panic that no canonical event has is an event of its own, `handler panicked` or `response body panicked`, ERROR: where no request
/// log lies around the layer, behind the end of the request, and for the second panic of a request, such as that of a drop.
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
    B: Body,
    B::Data: From<Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<PanicBody<B>>;
    type Error = S::Error;
    type Future = PanicFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let report = PanicReport::new(&self.log, RequestContext::of(request.extensions()).cloned());
        let future = report.catch(MESSAGE, || self.service.call(request));
        PanicFuture { future, report }
    }
}

pin_project! {
    /// The future of a response of [`PanicService`].
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is polled"]
    pub struct PanicFuture<F> {
        // `None` if the service panicked, and when it is ready.
        #[pin]
        future: Option<F>,
        report: PanicReport,
    }

    impl<F> PinnedDrop for PanicFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            drop_future(this);
        }
    }
}

/// Drops the future of a service, whose variables may panic in their drops.
fn drop_future<F>(future: Pin<&mut PanicFuture<F>>) {
    let mut this = future.project();
    if this.future.is_some() {
        let _reported = this.report.catch(MESSAGE, || this.future.set(None));
    }
}

impl<F, B, E> Future for PanicFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<PanicBody<B>>, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let result = match this.future.as_pin_mut() {
            Some(future) => match this.report.catch(MESSAGE, || future.poll(context)) {
                Some(Poll::Pending) => return Poll::Pending,
                Some(Poll::Ready(result)) => Some(result),
                None => None,
            },
            None => None,
        };
        drop_future(self.as_mut());
        let report = self.project().report.take();
        Poll::Ready(match result {
            Some(result) => result.map(|response| response.map(|body| PanicBody::of(body, report))),
            None => Ok(answer(report)),
        })
    }
}

/// The response for a handler that panicked.
fn answer<B>(report: PanicReport) -> Response<PanicBody<B>> {
    let text = match report.id() {
        Some(id) => format!("internal server error\nrequest id: {id}\n"),
        None => "internal server error\n".to_owned(),
    };
    let mut response = Response::new(PanicBody::answer(text, report));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
