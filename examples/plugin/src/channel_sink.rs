//! A sink.

use std::{
    cell::Cell,
    fmt,
    future::poll_fn,
    rc::Rc,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    task::Poll,
    time::Instant,
};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    factory::Factory,
    formatter::Formatter,
    sink::{Delivery, DeliveryPolicy, Payload, Sink, SinkContext, SinkError, SinkFactory},
};

/// The length of a full payload.
const PAYLOAD_BYTES: usize = 16 * 1024;

/// Hands events to another thread of the program, at the pace of that thread.
///
/// A full channel is waited for, and the container's overflow strategy applies to events meanwhile. After the other end
/// is gone, events are lost, and counted.
pub struct ChannelSink {
    formatter: Factory<dyn Formatter>,
    sender: SyncSender<Vec<u8>>,
}

impl ChannelSink {
    /// A sink whose events are rendered by formatters that `formatter` makes, and the end from which they are taken: so many
    /// whole records at a time as a payload holds. The channel holds `payload_count_max` payloads.
    pub fn new<F: Formatter + 'static>(
        payload_count_max: usize,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> (Self, Receiver<Vec<u8>>) {
        let (sender, receiver) = sync_channel(payload_count_max);
        let formatter = Factory::formatter(move |_| formatter());
        (Self { formatter, sender }, receiver)
    }
}

impl fmt::Debug for ChannelSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelSink").finish_non_exhaustive()
    }
}

impl SinkFactory for ChannelSink {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let formatter = self.formatter.make(context.shard);
        Ok(Box::new(Channel { formatter, sender: self.sender.clone(), state: Rc::default() }))
    }

    /// The channel is the queue: another one in front of it would drop events while the channel is full.
    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::direct()
    }
}

/// A shard's end. It stays on the shard's thread, and so do its deliveries: they share a state without a lock.
struct Channel {
    formatter: Box<dyn Formatter>,
    sender: SyncSender<Vec<u8>>,
    state: Rc<ChannelState>,
}

#[derive(Default)]
struct ChannelState {
    is_in_flight: Cell<bool>,
    /// By when the last payload must be taken; `None` before the shutdown.
    deadline: Cell<Option<Instant>>,
}

impl Sink for Channel {
    fn writer(&self) -> String {
        "a channel".to_owned()
    }

    /// A single payload at a time: a second one in flight might overtake the first.
    fn payload(&mut self) -> Option<Payload> {
        (!self.state.is_in_flight.get()).then(|| Payload::new(PAYLOAD_BYTES))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.formatter.format(batch, payload.buffer())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        let (sender, state) = (self.sender.clone(), Rc::clone(&self.state));
        let mut bytes = payload.into_buffer();
        state.is_in_flight.set(true);
        // The shard looks at it every 100 microseconds or so: a waker is not needed.
        Delivery::in_flight(poll_fn(move |_| {
            let result = match sender.try_send(std::mem::take(&mut bytes)) {
                Ok(()) => Ok(()),
                Err(TrySendError::Full(back)) => {
                    bytes = back;
                    if state.deadline.get().is_none_or(|deadline| Instant::now() < deadline) {
                        return Poll::Pending;
                    }
                    Err(SinkError::Deadline)
                }
                Err(TrySendError::Disconnected(_)) => Err(SinkError::Other("the other end is gone".into())),
            };
            state.is_in_flight.set(false);
            Poll::Ready(result)
        }))
    }

    fn stop(&mut self, deadline: Instant) {
        self.state.deadline.set(Some(deadline));
    }
}
