//! The body of a response, inside the scope of its request.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use fapilog_http::{BoxError, Exchange, InExchange, RequestOutcome, grpc_status_of};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::request_body::data_bytes;

/// The header and the trailer with the status of a gRPC call.
pub(crate) const GRPC_STATUS: &str = "grpc-status";

pin_project! {
    /// The body of a response. It is polled and dropped inside the scope of its request, and its end is logged as the end of the
    /// request. Its errors are boxed, so that their sources are logged.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        body: InExchange<B>,
    }
}

impl<B: Body> ResponseBody<B> {
    /// A body whose end is the end of the exchange. `length` has the bytes that the response's head announces, where it does.
    pub(crate) fn new(body: B, mut exchange: Exchange, length: BodyLength) -> Self {
        let announced = match length {
            BodyLength::NotSent => None,
            BodyLength::OfHead(bytes) => Some(bytes),
            BodyLength::OfBody => exchange.run(|| body.size_hint().exact()),
        };
        if let Some(bytes) = announced {
            exchange.announce_response(bytes);
        }
        // A server does not poll such a body.
        if length == BodyLength::NotSent {
            exchange.finish(RequestOutcome::Completed);
        } else if exchange.run(|| body.is_end_stream()) {
            exchange.finish_body();
        }
        Self { body: InExchange::new(body, exchange) }
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

/// A poll of a body, and the facts about it that its code reports.
struct BodyPoll<D> {
    polled: Poll<Option<Result<Frame<D>, BoxError>>>,
    bytes: u64,
    is_last: bool,
}

impl<D: bytes::Buf> BodyPoll<D> {
    fn of<B>(mut body: Pin<&mut B>, context: &mut Context<'_>) -> Self
    where
        B: Body<Data = D>,
        B::Error: Into<BoxError>,
    {
        let polled = body.as_mut().poll_frame(context).map_err(Into::into);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let (bytes, is_last) = (data_bytes(frame), frame.is_trailers() || body.is_end_stream());
                Self { polled, bytes, is_last }
            }
            _ => Self { polled, bytes: 0, is_last: false },
        }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let Some((poll, exchange)) = self.project().body.run(|body| BodyPoll::of(body, context)) else {
            return Poll::Ready(None);
        };
        match &poll.polled {
            Poll::Pending => {}
            Poll::Ready(None) => exchange.finish_body(),
            Poll::Ready(Some(Err(error))) => {
                exchange.set_error(&**error);
                exchange.finish(RequestOutcome::BodyFailed);
            }
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    note_grpc_status(exchange, trailers);
                }
                // A server of HTTP/1 drops the body behind the announced bytes. That of HTTP/2 polls on: there may be trailers.
                exchange.count_response(poll.bytes);
                // A server does not poll again when the body states its end.
                if poll.is_last {
                    exchange.finish_body();
                }
            }
        }
        poll.polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.look(Body::is_end_stream).unwrap_or(true)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.look(Body::size_hint).unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

/// Notes the status of a gRPC call, if there is one: in trailers, or in the headers of a response without a body.
pub(crate) fn note_grpc_status(exchange: &mut Exchange, headers: &HeaderMap) {
    if let Some(status) = headers.get(GRPC_STATUS).and_then(|value| grpc_status_of(value.as_bytes())) {
        exchange.set_grpc_status(status);
    }
}
