//! The flush of a sink.

use std::task::{Context, Poll};

use fapilog_plugin::sink::Delivery;
use fapilog_record::user_code::drop_catching_panics;

use crate::{
    delivery::{
        in_flight::{panicked, poll_catching_panics},
        sink_worker::SinkWorker,
    },
    supervisor::CallKind,
};

/// A flush of the sink.
pub(super) enum SinkFlush {
    None,
    /// Until the payloads up to this one in the order of submission have ended.
    Completing {
        until: u64,
    },
    Flushing(Delivery),
}

impl SinkWorker {
    /// Starts a flush of everything that was encoded so far.
    pub(crate) fn begin_flush(&mut self) {
        self.submit();
        self.set_flush(SinkFlush::Completing { until: self.destination.submitted() });
    }

    /// The drop of a flush in flight is user code.
    pub(super) fn set_flush(&mut self, flush: SinkFlush) {
        drop_catching_panics(std::mem::replace(&mut self.flush, flush));
    }

    /// Whether the flush that was started is over.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> bool {
        if let SinkFlush::Completing { until } = self.flush {
            if self.destination.first_pending().is_some_and(|first| first <= until) {
                return false;
            }
            let delivery = self.supervisor.ask(CallKind::Occasional, || self.sink.flush());
            let delivery = delivery.unwrap_or_else(|| Delivery::done(Err(panicked())));
            self.set_flush(SinkFlush::Flushing(delivery));
        }
        let SinkFlush::Flushing(delivery) = &mut self.flush else { return true };
        let supervisor = &self.supervisor;
        let Poll::Ready(result) = supervisor.poll(|| poll_catching_panics(delivery, context)) else { return false };
        if let Err(error) = result {
            self.counters.errors.add(1);
            self.health.has_failed_since_flush = true;
            self.diagnostics.add(&self.name, self.diagnostics.error_text(error));
        }
        self.set_flush(SinkFlush::None);
        true
    }
}

impl SinkWorker {
    pub(super) fn is_flushing(&self) -> bool {
        matches!(self.flush, SinkFlush::Flushing(_))
    }

    pub(super) fn flush_needs_polling(&self) -> bool {
        matches!(&self.flush, SinkFlush::Flushing(delivery) if !delivery.wakes())
    }
}
