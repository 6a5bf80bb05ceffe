//! The report of a panic that was caught.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use fapilog::{Logger, error};
use fapilog_http::drop_catching_panics;

use crate::{
    panic_places,
    request_context::{RequestContext, RequestId},
};

/// The means to report the panics of a request: its canonical event, or the log where it has none any more.
#[derive(Debug)]
pub(crate) struct PanicReport {
    log: Logger,
    /// `None` if no request log lies around the layer.
    request: Option<RequestContext>,
}

impl PanicReport {
    pub(crate) fn new(log: &Logger, request: Option<RequestContext>) -> Self {
        Self { log: log.clone(), request }
    }

    /// The id of the request.
    pub(crate) fn id(&self) -> Option<&RequestId> {
        self.request.as_ref().map(RequestContext::id)
    }

    /// Runs user code; `None` if it panicked, which is reported. `message` is that of the event where the canonical event does not have
    /// the panic.
    pub(crate) fn catch<R>(&self, message: &'static str, user_code: impl FnOnce() -> R) -> Option<R> {
        let result = panic_places::watched(|| catch_unwind(AssertUnwindSafe(user_code)));
        result.map_err(|payload| self.report(message, payload)).ok()
    }

    fn report(&self, message: &'static str, payload: Box<dyn Any + Send>) {
        let (text, location) = (text_of(&*payload), panic_places::take_place());
        let notes = self.request.as_ref().map(RequestContext::notes);
        if !notes.is_some_and(|notes| notes.note_panic(text, location.as_deref())) {
            match location {
                Some(location) => error!(self.log, message, target: "fapilog::request", panic = text, location),
                None => error!(self.log, message, target: "fapilog::request", panic = text),
            }
        }
        drop_catching_panics(payload);
    }

    /// The report, for the next part of the request.
    pub(crate) fn take(&mut self) -> Self {
        Self { log: self.log.clone(), request: self.request.take() }
    }
}

/// The message of a panic, where it is text, as that of `panic!` is.
fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(a value that is no text)")
}
