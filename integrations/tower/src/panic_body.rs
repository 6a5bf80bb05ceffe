//! The body of a response whose panics are caught.

use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll},
};

use bytes::Bytes;
use fapilog::Logger;
use fapilog_http::BoxError;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use thiserror::Error;

use crate::panic_report::PanicReport;

const MESSAGE: &str = "response body panicked";

/// The body of a response panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the body of the response panicked")]
pub struct BodyPanicked;

pin_project! {
    /// The body of a response of [`PanicService`](crate::PanicService). A panic in any method or in the drop of the body is caught. The
    /// body then ends in [`BodyPanicked`].
    #[derive(Debug)]
    pub struct PanicBody<B> {
        // `None` in the answer for a handler that panicked, and behind a panic of the body.
        #[pin]
        body: Option<B>,
        report: PanicReport,
        // The text of such an answer.
        text: Option<Bytes>,
        // A method that cannot drop the body panicked.
        has_panicked: AtomicBool,
    }

    impl<B> PinnedDrop for PanicBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.body.is_some() {
                let _reported = this.report.catch(MESSAGE, || this.body.set(None));
            }
        }
    }
}

impl<B> PanicBody<B> {
    pub(crate) fn of(body: B, report: PanicReport) -> Self {
        Self { body: Some(body), report, text: None, has_panicked: AtomicBool::new(false) }
    }

    /// The answer for a handler that panicked.
    pub(crate) fn answer(text: String, report: PanicReport) -> Self {
        Self { body: None, report, text: Some(text.into()), has_panicked: AtomicBool::new(false) }
    }

    /// Runs a method of the body; `None` if it panics, or has panicked. The next poll ends the body then.
    fn look<R>(&self, body: &B, method: impl FnOnce(&B) -> R) -> Option<R> {
        // Relaxed: a server uses a body from one task at a time.
        if self.has_panicked.load(Ordering::Relaxed) {
            return None;
        }
        let result = self.report.catch(MESSAGE, || method(body));
        // Relaxed: as above.
        self.has_panicked.store(result.is_none(), Ordering::Relaxed);
        result
    }
}

impl<B> Default for PanicBody<B> {
    /// An empty body, as [`ErrorLayer`](crate::ErrorLayer) around a panic layer answers.
    fn default() -> Self {
        let report = PanicReport::new(&Logger::disabled(), None);
        Self { body: None, report, text: None, has_panicked: AtomicBool::new(false) }
    }
}

impl<B> Body for PanicBody<B>
where
    B: Body,
    B::Data: From<Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut this = self.project();
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(this.text.take().map(|text| Ok(Frame::data(text.into()))));
        };
        let has_panicked = *this.has_panicked.get_mut();
        let polled = || this.report.catch(MESSAGE, || body.poll_frame(context).map_err(Into::into));
        match (!has_panicked).then(polled).flatten() {
            Some(polled) => polled,
            None => {
                let _reported = this.report.catch(MESSAGE, || this.body.set(None));
                Poll::Ready(Some(Err(BodyPanicked.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Some(body) => self.look(body, Body::is_end_stream).unwrap_or(false),
            None => self.text.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Some(body) => self.look(body, Body::size_hint).unwrap_or_default(),
            None => SizeHint::with_exact(self.text.as_ref().map_or(0, |text| text.len() as u64)),
        }
    }
}
