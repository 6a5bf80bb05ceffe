//! The future of a response, inside the scope of its request.

use std::{
    fmt::Display,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use fapilog_http::{Exchange, InExchange, LoggedError, RequestOutcome, response_has_body};
use http::{HeaderName, HeaderValue, Method, Response, header::CONTENT_LENGTH};
use http_body::Body;
use pin_project_lite::pin_project;

use crate::{
    error_types::ErrorTypes,
    response_body::{BodyLength, ResponseBody, note_grpc_status},
};

pin_project! {
    /// The future of a response. It is polled and dropped inside the scope of its request.
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        future: InExchange<F>,
        plan: ResponsePlan,
    }
}

/// The request's share in its response.
#[derive(Debug)]
pub(crate) struct ResponsePlan {
    /// The header with the id; `None` if it is not sent.
    pub(crate) id: Option<(HeaderName, HeaderValue)>,
    pub(crate) method: Method,
    pub(crate) error_types: ErrorTypes,
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(future: F, exchange: Exchange, plan: ResponsePlan) -> Self {
        Self { future: InExchange::new(future, exchange), plan }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: Display + 'static,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (result, mut exchange) = ready!(this.future.poll(context));
        Poll::Ready(match result {
            Ok(response) => Ok(this.plan.complete(response, exchange)),
            Err(error) => {
                this.plan.error_types.set_error(&mut exchange, &error);
                exchange.finish(RequestOutcome::ServiceFailed);
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
            // A response that has as many headers as there can be gets no other.
            let _is_full = response.headers_mut().try_insert(name, value);
        }
        let length = self.length_of(&response);
        response.map(|body| ResponseBody::new(body, exchange, length))
    }

    fn length_of<B>(&self, response: &Response<B>) -> BodyLength {
        if !response_has_body(self.method.as_str(), response.status().as_u16()) {
            return BodyLength::NotSent;
        }
        let announced = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        announced.map_or(BodyLength::OfBody, BodyLength::OfHead)
    }
}
