//! The end of a sink.

use std::{
    task::{Context, Waker},
    time::Instant,
};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    sink::{Delivery, Payload, Sink},
};
use fapilog_record::user_code::drop_catching_panics;

use crate::{
    delivery::{
        failure::DeliveryFailure,
        flush::SinkFlush,
        in_flight::panicked,
        pending::{PayloadOrigin, PendingPayload},
        sink_worker::SinkWorker,
    },
    supervisor::CallOutcome,
};

impl SinkWorker {
    pub(crate) fn stop(&mut self, deadline: Instant) {
        self.destination.stop_deadline = Some(deadline);
        self.leave_stored_on_disk();
        let stop = || {
            self.sink.stop(deadline);
            Ok(())
        };
        if self.supervisor.call_last(stop) != CallOutcome::Done {
            self.counters.errors.add(1);
        }
    }

    /// Ends the sink. Payloads that are not delivered go to disk, or count as lost to the deadline of the shutdown. Before that,
    /// deliveries in flight may end.
    pub(crate) fn give_up(&mut self) {
        self.poll_last();
        if !self.destination.policy.is_direct() {
            self.submit();
        }
        self.take_pending().into_iter().for_each(|payload| self.store_or_count(payload));
        self.close_store();
        self.abandon();
    }

    /// Polls deliveries in flight for the last time.
    pub(crate) fn poll_last(&mut self) {
        if !self.destination.is_idle() {
            let now = Instant::now();
            if self.destination.stop_deadline.is_none() {
                self.stop(now);
            }
            self.poll_in_flight(now, &mut Context::from_waker(Waker::noop()), &mut |_| {});
        }
    }

    /// As [`give_up`](Self::give_up), but nothing goes anywhere, and deliveries in flight may not end: nobody reads their counts
    /// any more.
    pub(crate) fn abandon(&mut self) {
        let encoded = self.filling.take().map_or(0, |filling| filling.events);
        self.count_lost(DeliveryFailure::GivenUp, encoded);
        for payload in self.take_pending() {
            // A payload on disk stays there.
            if !matches!(payload.origin, PayloadOrigin::Stored { .. }) {
                self.count_lost_payload(&payload, DeliveryFailure::GivenUp);
            }
        }
        self.rotations.clear();
        self.set_flush(SinkFlush::None);
        if !self.destination.policy.is_direct() {
            self.destination.show(&self.counters.delivery);
        }
        self.assert_balanced();
    }

    /// The payloads that have not ended. Deliveries in flight are dropped.
    fn take_pending(&mut self) -> Vec<PendingPayload> {
        let mut pending = self.destination.in_flight.clear();
        pending.extend(self.destination.at_fallback.drain(..).map(|(_, payload)| payload));
        pending.extend(std::iter::from_fn(|| self.destination.queue.pop()));
        self.destination.handed_over.clear();
        pending.sort_by_key(|payload| payload.order);
        pending
    }
}

impl Drop for SinkWorker {
    fn drop(&mut self) {
        self.destination.in_flight.clear();
        self.rotations.clear();
        self.set_flush(SinkFlush::None);
        drop_catching_panics(std::mem::replace(&mut self.sink, Box::new(Gone)));
    }
}

/// Takes the place of a sink that is dropped.
struct Gone;

impl Sink for Gone {
    fn writer(&self) -> String {
        String::new()
    }

    fn payload(&mut self) -> Option<Payload> {
        None
    }

    fn encode(&mut self, _: &Batch<'_>, _: &mut Payload) -> Result<(), PluginError> {
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        Delivery::done(Err(panicked()))
    }
}
