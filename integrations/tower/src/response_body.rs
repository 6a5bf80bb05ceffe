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
        exchange: Exchange,
        // The bytes that the response announces.
        expected_bytes: Option<u64>,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.exchange.enter();
            this.body.set(None);
        }
    }
}

impl<B: Body> ResponseBody<B> {
    /// A body whose end is the end of the exchange. `length` has the bytes that the response's head announces, where it does.
    pub(crate) fn new(body: B, mut exchange: Exchange, length: BodyLength) -> Self {
        let expected_bytes = match length {
            BodyLength::NotSent => None,
            BodyLength::OfHead(bytes) => Some(bytes),
            BodyLength::OfBody => body.size_hint().exact(),
        };
        // A server does not poll such a body.
        if length == BodyLength::NotSent || body.is_end_stream() {
            exchange.finish(RequestOutcome::Completed);
        } else if expected_bytes == Some(0) {
            exchange.sent_all_bytes();
        }
        Self { body: Some(body), exchange, expected_bytes }
    }
}

/// The source of a body's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// The server does not send the body at all.
    NotSent,
    /// The header `content-length`, which a server believes rather than the body.
    OfHead(u64),
    /// The body itself, where it knows.
    OfBody,
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
        let exchange = this.exchange;
        let polled = exchange.run(|| body.as_mut().poll_frame(context));
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => exchange.finish(RequestOutcome::Completed),
            Poll::Ready(Some(Err(error))) => exchange.finish_with_error(RequestOutcome::BodyFailed, error),
            Poll::Ready(Some(Ok(frame))) => {
                note_frame(exchange, frame, *this.expected_bytes);
                // A server does not poll again when the body states its end.
                if frame.is_trailers() || body.is_end_stream() {
                    exchange.finish(RequestOutcome::Completed);
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

/// Counts a frame.
fn note_frame<D: bytes::Buf>(exchange: &mut Exchange, frame: &Frame<D>, expected_bytes: Option<u64>) {
    if let Some(trailers) = frame.trailers_ref() {
        note_grpc_status(exchange, trailers);
    }
    exchange.count_response(data_bytes(frame));
    // A server of HTTP/1 drops the body now. That of HTTP/2 polls on: there may be trailers.
    if expected_bytes.is_some_and(|expected| exchange.response_bytes() >= expected) {
        exchange.sent_all_bytes();
    }
}

/// Notes the status of a gRPC call, if there is one: in trailers, or in the headers of a response without a body.
pub(crate) fn note_grpc_status(exchange: &mut Exchange, headers: &HeaderMap) {
    if let Some(status) = headers.get(GRPC_STATUS).and_then(|value| grpc_status_of(value.as_bytes())) {
        exchange.set_grpc_status(status);
    }
}
