//! The future of a response, inside the scope of its request.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    Error,
    body::{BodySize, MessageBody},
    dev::ServiceResponse,
    error::InternalError,
    http::{
        StatusCode,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
};
use fapilog_http::{Exchange, RequestOutcome};
use pin_project_lite::pin_project;

use crate::logged_body::LoggedBody;

pin_project! {
    /// The future of a response. It is polled and dropped inside the scope of its request.
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is polled"]
    pub struct LoggedResponse<F> {
        // `None` when it is ready.
        #[pin]
        future: Option<F>,
        // `None` when it is ready: the exchange is the body's then.
        exchange: Option<Exchange>,
        reply: Reply,
    }

    impl<F> PinnedDrop for LoggedResponse<F> {
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
pub(crate) struct Reply {
    /// The header with the id; `None` if it is not sent.
    pub(crate) id: Option<(HeaderName, HeaderValue)>,
    /// Whether the response to this method has a body.
    pub(crate) may_have_body: bool,
}

impl<F> LoggedResponse<F> {
    pub(crate) fn new(future: F, exchange: Exchange, reply: Reply) -> Self {
        Self { future: Some(future), exchange: Some(exchange), reply }
    }
}

impl<F, B> Future for LoggedResponse<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<LoggedBody<B>>, Error>;

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
        let Some(exchange) = this.exchange.take() else { return Poll::Pending };
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
        exchange.responded(response.status().as_u16());
        if let Some(error) = response.response().error() {
            exchange.set_error_text(error);
        }
        self.insert_id(response.headers_mut());
        let is_sent = self.may_have_body && has_body(response.status());
        response.map_body(|_, body| LoggedBody::new(body, exchange, is_sent))
    }

    /// The error of a service, whose response gets the id. The server makes the response of it behind this middleware, so the
    /// request ends with it as far as the log can see.
    fn fail(&mut self, error: Error, mut exchange: Exchange) -> Error {
        let mut response = exchange.run(|| error.error_response());
        exchange.responded(response.status().as_u16());
        if let BodySize::Sized(size) = response.body().size() {
            exchange.count_response(size);
        }
        exchange.finish_with_error(RequestOutcome::Completed, &error);
        self.insert_id(response.headers_mut());
        InternalError::from_response(error, response).into()
    }

    fn insert_id(&mut self, headers: &mut HeaderMap) {
        if let Some((name, value)) = self.id.take() {
            headers.insert(name, value);
        }
    }
}

/// Whether a response of this status has a body. RFC 9110, section 6.4.1.
fn has_body(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}
