//! The body of a request, counted.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    HttpMessage,
    dev::{Payload, ServiceRequest},
    error::PayloadError,
};
use bytes::Bytes;
use fapilog_http::{ByteCounter, Exchange};
use futures_core::Stream;
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a request, whose bytes are counted while the handler reads it.
    struct CountedPayload {
        #[pin]
        payload: Payload,
        counter: ByteCounter,
    }
}

/// Counts the bytes of the request's body from now on, if it has one.
pub(crate) fn count(request: &mut ServiceRequest, exchange: &mut Exchange) {
    let payload = request.take_payload();
    if !matches!(payload, Payload::None) {
        let counted = CountedPayload { payload, counter: exchange.count_request() };
        request.set_payload(Payload::Stream { payload: Box::pin(counted) });
    }
}

impl Stream for CountedPayload {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let polled = this.payload.poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            this.counter.add(bytes.len() as u64);
        }
        polled
    }
}
