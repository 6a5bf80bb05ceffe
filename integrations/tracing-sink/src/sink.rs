//! The sink.

use std::fmt;

use fapilog::{
    Level,
    adapter::EventCopy,
    event::Batch,
    plugin::PluginError,
    sink::{
        BlockingDelivery, Delivery, DeliveryThread, Payload, Sink, SinkContext, SinkCounter, SinkError, SinkFactory,
    },
};
use tracing_core::{
    Dispatch, Event, Metadata, dispatcher,
    field::{Value, display},
};

use crate::{
    event_site::EventSite,
    field_values::{FieldsAsText, NamedValue},
    plain_site::registered_metadata,
};

const PAYLOAD_BYTES: usize = 16 * 1024;
/// The counter of events that the subscriber does not want.
const NOT_ENABLED: &str = "not_enabled";

/// Hands each event to `tracing`: see the [crate].
///
/// Events that the subscriber's filters leave out count as delivered, and are counted by the sink's counter `not_enabled`. Settings name
/// the sink `tracing`, where the program links this crate.
#[derive(Clone, Default)]
#[must_use]
pub struct TracingSink {
    /// `None`: the program's.
    dispatch: Option<Dispatch>,
}

impl TracingSink {
    /// A sink that hands events to the subscriber of the program.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sink that hands events to this subscriber.
    pub fn to_dispatch(dispatch: Dispatch) -> Self {
        Self { dispatch: Some(dispatch) }
    }
}

impl fmt::Debug for TracingSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracingSink").field("is_the_programs", &self.dispatch.is_none()).finish()
    }
}

impl SinkFactory for TracingSink {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let client = TracingClient { dispatch: self.dispatch.clone(), not_enabled: context.counter(NOT_ENABLED) };
        Ok(Box::new(TracingThread(DeliveryThread::start("fapilog-tracing-sink", move || Ok(client))?)))
    }
}

/// A shard's end.
struct TracingThread(DeliveryThread);

impl Sink for TracingThread {
    fn writer(&self) -> String {
        "the subscriber of tracing".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(PAYLOAD_BYTES))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        EventCopy::put_batch(batch, payload);
        Ok(())
    }

    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        EventCopy::put_records(records, payload);
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.0.deliver(payload)
    }
}

/// Calls the subscriber, on the sink's thread.
struct TracingClient {
    dispatch: Option<Dispatch>,
    not_enabled: SinkCounter,
}

impl BlockingDelivery for TracingClient {
    /// Events on which the subscriber panics are rejected; the others are delivered.
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
        // Taken out, and not used within `get_default`: a thread that is in there can have no other default.
        let dispatch = self.dispatch.clone().unwrap_or_else(|| dispatcher::get_default(Dispatch::clone));
        EventCopy::hand_over_all(&payload, "the subscriber panicked", |event| self.dispatch_event(&dispatch, event))
    }
}

impl TracingClient {
    fn dispatch_event(&self, dispatch: &Dispatch, event: &EventCopy<'_>) {
        let fields = NamedValue::all_of(event);
        let names: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
        match EventSite::metadata_of(dispatch, event, &names) {
            Some(metadata) => {
                let values: Vec<_> = fields.iter().map(NamedValue::value).collect();
                self.dispatch_values(dispatch, metadata, &values);
            }
            None => self.dispatch_plain(dispatch, event),
        }
    }

    /// An event without a call site of its own.
    fn dispatch_plain(&self, dispatch: &Dispatch, event: &EventCopy<'_>) {
        let (message, fields) = (display(event.message()), display(FieldsAsText(event)));
        let (id, level) = (event.correlation_id(), (event.level > Level::Error).then(|| event.level.name()));
        let values: [Option<&dyn Value>; 6] = [
            Some(&message),
            Some(&event.target),
            Some(&fields),
            id.as_ref().map(|id| id as &dyn Value),
            Some(&event.source),
            level.as_ref().map(|level| level as &dyn Value),
        ];
        self.dispatch_values(dispatch, registered_metadata(dispatch, event.level), &values);
    }

    fn dispatch_values(
        &self,
        dispatch: &Dispatch,
        metadata: &'static Metadata<'static>,
        values: &[Option<&dyn Value>],
    ) {
        if dispatch.enabled(metadata) {
            dispatch.event(&Event::new(metadata, &metadata.fields().value_set_all(values)));
        } else {
            self.not_enabled.add(1);
        }
    }
}
