//! The body of a request, counted.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Buf;
use fapilog_http::ByteCounter;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a request, whose bytes are counted while the handler reads it.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        body: B,
        counter: Option<ByteCounter>,
    }
}

impl<B> RequestBody<B> {
    /// `counter`: `None` for a body without bytes.
    pub(crate) fn new(body: B, counter: Option<ByteCounter>) -> Self {
        Self { body, counter }
    }

    /// The body itself. Bytes that are read from it are not counted.
    pub fn into_inner(self) -> B {
        self.body
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let polled = this.body.poll_frame(context);
        if let (Poll::Ready(Some(Ok(frame))), Some(counter)) = (&polled, this.counter) {
            counter.add(data_bytes(frame));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The bytes of a frame; none for trailers.
pub(crate) fn data_bytes<D: Buf>(frame: &Frame<D>) -> u64 {
    frame.data_ref().map_or(0, |data| data.remaining() as u64)
}
