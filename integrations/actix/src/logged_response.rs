//! The future of a response, inside the scope of its request.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    Error, HttpResponse,
    body::{BodySize, MessageBody},
    dev::ServiceResponse,
    error::InternalError,
    http::{
        Method,
        header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue},
    },
};
use fapilog_http::{Exchange, InExchange, LoggedError, RequestOutcome, response_has_body};
use pin_project_lite::pin_project;

use crate::{logged_body::LoggedBody, response_error_types::ResponseErrorTypes};

pin_project! {
    /// The future of a response. It is polled and dropped inside the scope of its request.
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is polled"]
    pub struct LoggedResponse<F> {
        #[pin]
        future: InExchange<F>,
        reply: Reply,
    }
}

/// The request's share in its response.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The header with the id; `None` if it is not sent.
    pub(crate) id: Option<(HeaderName, HeaderValue)>,
    pub(crate) method: Method,
    pub(crate) error_types: ResponseErrorTypes,
}

impl<F> LoggedResponse<F> {
    pub(crate) fn new(future: F, exchange: Exchange, reply: Reply) -> Self {
        Self { future: InExchange::new(future, exchange), reply }
    }
}

impl<F, B> Future for LoggedResponse<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<LoggedBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (result, exchange) = ready!(this.future.poll(context));
        Poll::Ready(match result {
            Ok(response) => Ok(this.reply.complete(response, exchange)),
            Err(error) => Err(this.reply.fail(error, exchange)),
        })
    }
}

impl Reply {
    /// The response with the id, and with a body that logs its end.
    fn complete<B: MessageBody>(
        &mut self,
        mut response: ServiceResponse<B>,
        mut exchange: Exchange,
    ) -> ServiceResponse<LoggedBody<B>> {
        self.note(response.response(), response.response().error(), &mut exchange);
        self.insert_id(response.headers_mut());
        if let Some(bytes) = announced_bytes(&response) {
            exchange.announce_response(bytes);
        }
        let is_sent = response_has_body(self.method.as_str(), response.status().as_u16());
        response.map_body(|_, body| LoggedBody::new(body, exchange, is_sent))
    }

    /// The error of a service, whose response gets the id. The server makes the response of it behind this middleware, so the
    /// request ends with it as far as the log can see.
    fn fail(&mut self, error: Error, mut exchange: Exchange) -> Error {
        let mut response = exchange.run(|| error.error_response());
        self.note(&response, Some(&error), &mut exchange);
        if let BodySize::Sized(size) = response.body().size()
            && response_has_body(self.method.as_str(), response.status().as_u16())
        {
            exchange.count_response(size);
        }
        exchange.finish(RequestOutcome::Completed);
        self.insert_id(response.headers_mut());
        // The response is made once: that of another `InternalError` is in there no longer.
        InternalError::from_response(error, response).into()
    }

    /// Notes the status and the error that the response stands for.
    fn note<B>(&self, response: &HttpResponse<B>, error: Option<&Error>, exchange: &mut Exchange) {
        exchange.responded(response.status().as_u16());
        if let Some(logged) = response.extensions().get::<LoggedError>() {
            exchange.set_error(logged.error());
        } else if let Some(error) = error {
            self.error_types.set_error(exchange, error);
        }
    }

    fn insert_id(&mut self, headers: &mut HeaderMap) {
        if let Some((name, value)) = self.id.take() {
            headers.insert(name, value);
        }
    }
}

/// The bytes that the head of a response announces for a stream: by `HttpResponseBuilder::no_chunking`.
fn announced_bytes<B>(response: &ServiceResponse<B>) -> Option<u64> {
    let is_announced = !response.response().head().chunked();
    let length = is_announced.then(|| response.headers().get(CONTENT_LENGTH)).flatten()?;
    length.to_str().ok()?.parse().ok()
}
