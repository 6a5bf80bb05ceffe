//! The body of a response, inside the scope of its request.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use fapilog_http::{Exchange, RequestOutcome};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a response. It is polled and dropped inside the scope of its request, and its end is logged as the end of the
    /// request.
    #[derive(Debug)]
    pub struct LoggedBody<B> {
        // `None` while it is dropped.
        #[pin]
        body: Option<B>,
        exchange: Exchange,
        size: BodySize,
    }

    impl<B> PinnedDrop for LoggedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.exchange.enter();
            this.body.set(None);
        }
    }
}

impl<B: MessageBody> LoggedBody<B> {
    /// A body whose end is the end of the exchange. `is_sent`: whether the server sends the body at all.
    pub(crate) fn new(body: B, mut exchange: Exchange, is_sent: bool) -> Self {
        let size = body.size();
        // A server does not poll such a body, except the stream of a websocket.
        if !is_sent || matches!(size, BodySize::None | BodySize::Sized(0)) {
            exchange.finish(RequestOutcome::Completed);
        }
        Self { body: Some(body), exchange, size }
    }
}

impl<B: MessageBody> MessageBody for LoggedBody<B> {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Box<dyn Error>>>> {
        let mut this = self.project();
        let Some(body) = this.body.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let exchange = this.exchange;
        let polled = exchange.run(|| body.poll_next(context)).map_err(Into::into);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => exchange.finish(RequestOutcome::Completed),
            Poll::Ready(Some(Err(error))) => {
                exchange.set_error(&**error);
                exchange.finish(RequestOutcome::BodyFailed);
            }
            Poll::Ready(Some(Ok(bytes))) => {
                exchange.count_response(bytes.len() as u64);
                // A server may drop a body that has all the bytes that it announced.
                if matches!(this.size, BodySize::Sized(size) if exchange.response_bytes() >= *size) {
                    exchange.sent_all_bytes();
                }
            }
        }
        polled
    }
}
