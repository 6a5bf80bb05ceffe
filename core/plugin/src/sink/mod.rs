//! Sinks: encode on the drain, deliver in their own time.

mod assurances;
mod context;
mod counter;
mod delivery;
mod delivery_thread;
mod error;
mod payload;
mod payload_id;
mod policy;

use std::time::Instant;

pub use crate::sink::{
    assurances::{Assurances, SinkPlace, is_loopback},
    context::{Reporter, SinkContext},
    counter::{SinkCounter, SinkCounterList},
    delivery::Delivery,
    delivery_thread::{BlockingDelivery, DeliveryThread},
    error::{SinkError, SinkErrorKind},
    payload::Payload,
    payload_id::PayloadId,
    policy::DeliveryPolicy,
};
use crate::{error::PluginError, event::Batch, problem::Problem};

/// A destination of events. Each shard has an instance of its own.
///
/// A sink has two steps. [`encode`](Self::encode) renders a batch into a payload, on the drain, and does no I/O.
/// [`deliver`](Self::deliver) takes a payload that is full or overdue and returns a future, which may take its time: it
/// owns what it needs and borrows nothing, so that several can be in flight while the next payload is being encoded.
#[doc(alias = "BaseSink")]
pub trait Sink {
    /// How it writes, for reports: `"io_uring, direct"`. Asked when it is made, and again when its [retries](Self::retries)
    /// have become more: another attempt may be another way.
    fn writer(&self) -> String;

    /// An empty payload to encode into; `None` while there is no room, because too much is in flight.
    fn payload(&mut self) -> Option<Payload>;

    /// Whether its room is short, and kept for events of ERROR and above: events below are dropped, and counted as lost
    /// (`low_severity`). Asked before each batch.
    fn is_short_of_room(&self) -> bool {
        false
    }

    /// Appends the batch to the payload.
    ///
    /// # Errors
    /// If it cannot be encoded, such as when its [formatter](crate::formatter::Formatter::format) cannot format it. The bytes that were
    /// appended are taken back then, and the events of the batch are lost as `sink_failed`.
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError>;

    /// The form of its records, such as `"loki"`, if a sink of another form cannot take them as they are: they have a frame, or bytes that
    /// only its destination reads. Default: `None`, for records that are those of a formatter, mostly lines of text.
    fn record_form(&self) -> Option<&'static str> {
        None
    }

    /// Appends records of this sink to `text` as text, one for one, and [ends](Payload::end_record) each: they go to a fallback
    /// whose records have another [form](Self::record_form). A record is a line then, with its line feed. The default appends them as they are.
    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        text.append(records);
    }

    /// Appends records that another sink has encoded and could not deliver: this sink is its fallback. They have this sink's
    /// [form](Self::record_form), or are a formatter's. The default appends them as they are.
    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        payload.append(records);
    }

    /// Starts to deliver a payload. Payloads come in order; one that is not delivered may come again, as the
    /// [policy](SinkFactory::delivery) has it.
    fn deliver(&mut self, payload: Payload) -> Delivery;

    /// When it wants to [work](Self::work) by itself, with nothing to deliver: for what has to be done in time, as a sync is.
    fn due(&self, now: Instant) -> Option<Instant> {
        let _ = now;
        None
    }

    /// Does what was due. It must not block.
    fn work(&mut self, now: Instant) {
        let _ = now;
    }

    /// Number of repeated attempts so far, for reports.
    fn retries(&self) -> u64 {
        0
    }

    /// Makes delivered events durable, if the sink's settings ask for it. Called when all payloads have ended that were submitted
    /// before the flush; later ones may be in flight.
    fn flush(&mut self) -> Delivery {
        Delivery::done(Ok(()))
    }

    /// Starts a new file, where the sink writes to files that it can rotate. Called behind the payload that was being filled:
    /// events that were encoded before are in the old file. The answer completes when the new file is in use.
    fn rotate(&mut self) -> Delivery {
        Delivery::done(Ok(()))
    }

    /// Ends the deliveries in flight, by `deadline` at the latest: one that cannot be completed by then fails, with
    /// [`SinkError::Partial`] if some of its records are delivered for all that. Called once, before the last payloads are waited
    /// for. Deliveries are polled once more at the deadline.
    fn stop(&mut self, deadline: Instant) {
        let _ = deadline;
    }
}

/// Makes a sink for a shard, on the shard's own thread.
#[doc(alias = "BaseSink")]
pub trait SinkFactory: Send + Sync {
    /// Makes it, and opens what it needs.
    ///
    /// # Errors
    /// When it cannot be opened: the container does not start then.
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError>;

    /// Invalid values in its settings: the value, the error, and the allowed values. Checked before anything starts.
    fn check(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// How its payloads are delivered, unless the container sets it otherwise: through a queue, with retries. A sink that
    /// does all of that itself returns [`DeliveryPolicy::direct`].
    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::default()
    }

    /// The treatment of events while it has no room, unless the container sets another. A sink with a queue drops them, so
    /// that a slow destination delays no other sink; a sink without a queue blocks.
    fn on_full(&self) -> OnFull {
        match self.delivery().is_direct() {
            true => OnFull::Block,
            false => OnFull::Drop,
        }
    }

    /// Its assurances about the events that it delivers, with its settings as they are. Checks of [compliance](crate::compliance)
    /// read it. Default: nothing.
    fn assurances(&self) -> Assurances {
        Assurances::unknown()
    }
}

crate::named_enum! {
    /// The treatment of events while a sink has no room.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum OnFull {
        /// The shard waits, its rings fill, and the overflow strategy decides.
        #[default]
        Block = "block",
        /// The events are lost to this sink, and counted; other sinks go on.
        Drop = "drop",
        /// When an eighth of the sink's queue is left, events below ERROR are lost to this sink, and counted; when the queue is
        /// full, all events are.
        DropLowSeverity = "drop_low_severity",
        /// Events go to disk, where the container has a directory for them; when there is no room on disk either, they are
        /// lost to this sink, and counted.
        Spill = "spill",
    }
}

impl<F: SinkFactory + ?Sized> SinkFactory for std::sync::Arc<F> {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        (**self).make(context)
    }

    fn check(&self) -> Vec<Problem> {
        (**self).check()
    }

    fn delivery(&self) -> DeliveryPolicy {
        (**self).delivery()
    }

    fn on_full(&self) -> OnFull {
        (**self).on_full()
    }

    fn assurances(&self) -> Assurances {
        (**self).assurances()
    }
}
