//! The future of a response, inside the scope of its request.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use fapilog_http::{Exchange, RequestOutcome};
use http::{HeaderName, HeaderValue, Response, StatusCode, header::CONTENT_LENGTH};
use http_body::Body;
use pin_project_lite::pin_project;

use crate::{
    logged_error::LoggedError,
    response_body::{BodyLength, ResponseBody, note_grpc_status},
};

pin_project! {
    /// The future of a response. It is polled and dropped inside the scope of its request.
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is polled"]
    pub struct ResponseFuture<F> {
        // `None` when it is ready.
        #[pin]
        future: Option<F>,
        // `None` when it is ready: the exchange is the body's then.
        exchange: Option<Exchange>,
        plan: ResponsePlan,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let entered = this.exchange.as_ref().map(Exchange::enter);
            this.future.set(None);
            drop(entered);
        }
    }
}

/// The request's share in its response.
#[derive(Debug)]
pub(crate) struct ResponsePlan {
    /// The header with the id; `None` if it is not sent.
    pub(crate) id: Option<(HeaderName, HeaderValue)>,
    /// Whether the response to this method has a body.
    pub(crate) may_have_body: bool,
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(future: F, exchange: Exchange, plan: ResponsePlan) -> Self {
        Self { future: Some(future), exchange: Some(exchange), plan }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: fmt::Display,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    #[expect(
        clippy::panic,
        reason = "a future that is polled after it was ready panics, as the contract of futures has it"
    )]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (Some(future), Some(exchange)) = (this.future.as_mut().as_pin_mut(), this.exchange.as_mut()) else {
            panic!("the future of a response is polled after it was ready");
        };
        let Poll::Ready(result) = exchange.run(|| future.poll(context)) else { return Poll::Pending };
        exchange.run(|| this.future.set(None));
        let Some(mut exchange) = this.exchange.take() else { return Poll::Pending };
        Poll::Ready(match result {
            Ok(response) => Ok(this.plan.complete(response, exchange)),
            Err(error) => {
                exchange.finish_with_error(RequestOutcome::ServiceFailed, &error);
                Err(error)
            }
        })
    }
}

impl ResponsePlan {
    /// The response with the id, and with a body that logs its end.
    fn complete<B: Body>(&mut self, mut response: Response<B>, mut exchange: Exchange) -> Response<ResponseBody<B>> {
        exchange.responded(response.status().as_u16());
        note_grpc_status(&mut exchange, response.headers());
        if let Some(logged) = response.extensions().get::<LoggedError>() {
            exchange.set_error(logged.error());
        }
        if let Some((name, value)) = self.id.take() {
            response.headers_mut().insert(name, value);
        }
        let length = self.length_of(&response);
        response.map(|body| ResponseBody::new(body, exchange, length))
    }

    fn length_of<B>(&self, response: &Response<B>) -> BodyLength {
        if !self.may_have_body || !has_body(response.status()) {
            return BodyLength::NotSent;
        }
        let announced = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        announced.map_or(BodyLength::OfBody, BodyLength::OfHead)
    }
}

/// Whether a response of this status has a body. RFC 9110, section 6.4.1.
fn has_body(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}
