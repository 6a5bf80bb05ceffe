//! The body of a response, inside the scope of its request.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use fapilog_http::{Exchange, InExchange, RequestOutcome};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a response. It is polled and dropped inside the scope of its request, and its end is logged as the end of the
    /// request.
    #[derive(Debug)]
    pub struct LoggedBody<B> {
        #[pin]
        body: InExchange<B>,
        size: BodySize,
    }
}

impl<B: MessageBody> LoggedBody<B> {
    /// A body whose end is the end of the exchange. `is_sent`: whether the server sends the body at all.
    pub(crate) fn new(body: B, mut exchange: Exchange, is_sent: bool) -> Self {
        let size = exchange.run(|| body.size());
        if let BodySize::Sized(bytes) = size {
            exchange.announce_response(bytes);
        }
        // A server does not poll such a body, except the stream of a websocket.
        if !is_sent || matches!(size, BodySize::None | BodySize::Sized(0)) {
            exchange.finish(RequestOutcome::Completed);
        }
        Self { body: InExchange::new(body, exchange), size }
    }
}

impl<B: MessageBody> MessageBody for LoggedBody<B> {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Box<dyn Error>>>> {
        let body = self.project().body;
        let Some((polled, exchange)) = body.run(|body| body.poll_next(context).map_err(Into::into)) else {
            return Poll::Ready(None);
        };
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => exchange.finish_body(),
            Poll::Ready(Some(Err(error))) => {
                exchange.set_error(&**error);
                exchange.finish(RequestOutcome::BodyFailed);
            }
            // A server may drop a body that has all the bytes that it announced.
            Poll::Ready(Some(Ok(bytes))) => exchange.count_response(bytes.len() as u64),
        }
        polled
    }
}
