//! The body of a response, inside the scope of its request.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use fapilog_http::{Exchange, RequestOutcome, grpc_status_of};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::request_body::data_bytes;

/// The header and the trailer with the status of a gRPC call.
pub(crate) const GRPC_STATUS: &str = "grpc-status";

pin_project! {
    /// The body of a response. It is polled and dropped inside the scope of its request, and its end is logged as the end of the
    /// request.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        // `None` while it is dropped.
        #[pin]
        body: Option<B>,
        // `None` when the canonical event is logged.
        exchange: Option<Exchange>,
        expected_bytes: Option<u64>,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let entered = this.exchange.as_ref().map(Exchange::enter);
            this.body.set(None);
            drop(entered);
        }
    }
}

impl<B: Body> ResponseBody<B> {
    /// A body whose end is the end of the exchange. `is_sent`: whether the server sends the body at all.
    pub(crate) fn new(body: B, exchange: Exchange, is_sent: bool) -> Self {
        let expected_bytes = body.size_hint().exact();
        let mut this = Self { exchange: Some(exchange), expected_bytes, body: None };
        // A server does not poll such a body.
        if !is_sent || body.is_end_stream() {
            finish(&mut this.exchange, RequestOutcome::Completed);
        }
        this.body = Some(body);
        this
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: fmt::Display,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(mut body) = this.body.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let Some(exchange) = this.exchange.as_mut() else { return body.poll_frame(context) };
        let polled = exchange.run(|| body.as_mut().poll_frame(context));
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => finish(this.exchange, RequestOutcome::Completed),
            Poll::Ready(Some(Err(error))) => {
                if let Some(exchange) = this.exchange.take() {
                    exchange.finish_with_error(RequestOutcome::BodyFailed, error);
                }
            }
            Poll::Ready(Some(Ok(frame))) => {
                let is_last = note_frame(exchange, frame, *this.expected_bytes);
                // A server does not poll again when the body states its end, or has all the bytes that it announced.
                if is_last || body.is_end_stream() {
                    finish(this.exchange, RequestOutcome::Completed);
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

fn finish(exchange: &mut Option<Exchange>, outcome: RequestOutcome) {
    if let Some(exchange) = exchange.take() {
        exchange.finish(outcome);
    }
}

/// Counts a frame. Returns whether it is the last.
fn note_frame<D: bytes::Buf>(exchange: &mut Exchange, frame: &Frame<D>, expected_bytes: Option<u64>) -> bool {
    if let Some(trailers) = frame.trailers_ref() {
        note_grpc_status(exchange, trailers);
        return true;
    }
    exchange.count_response(data_bytes(frame));
    expected_bytes.is_some_and(|expected| exchange.response_bytes() >= expected)
}

/// Notes the status of a gRPC call, if there is one: in trailers, or in the headers of a response without a body.
pub(crate) fn note_grpc_status(exchange: &mut Exchange, headers: &HeaderMap) {
    if let Some(status) = headers.get(GRPC_STATUS).and_then(|value| grpc_status_of(value.as_bytes())) {
        exchange.set_grpc_status(status);
    }
}
