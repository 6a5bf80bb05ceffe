//! A sink that goes nowhere.

mod registration;

pub use registration::register;

use fapilog_plugin::{
    event::Batch,
    factory::{Factory, ShardInfo},
    formatter::Formatter,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};

/// Bytes that are encoded before they are thrown away.
const PAYLOAD_BYTES: usize = 256 * 1024;
/// Room for the batch that makes a payload full and goes beyond it.
const OVERSHOOT_BYTES: usize = 256 * 1024;

/// Encodes events, throws the bytes away, and says that they are delivered: for measuring everything but the destination.
#[derive(Debug)]
pub struct NullSink {
    formatter: Factory<dyn Formatter>,
}

impl NullSink {
    /// A null sink whose events are rendered by formatters that `formatter` makes.
    pub fn new<F: Formatter + 'static>(formatter: impl Fn() -> F + Send + Sync + 'static) -> Self {
        let formatter = Factory::new(move |_: ShardInfo| -> Box<dyn Formatter> { Box::new(formatter()) });
        Self { formatter }
    }
}

impl SinkFactory for NullSink {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let formatter = self.formatter.make(context.shard);
        Ok(Box::new(Null { formatter, spare: Vec::with_capacity(PAYLOAD_BYTES + OVERSHOOT_BYTES) }))
    }
}

struct Null {
    formatter: Box<dyn Formatter>,
    /// The buffer that the next payload is made of.
    spare: Vec<u8>,
}

impl Sink for Null {
    fn writer(&self) -> String {
        "null".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::in_buffer(std::mem::take(&mut self.spare), PAYLOAD_BYTES))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) {
        self.formatter.format(batch, payload.buffer());
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.spare = payload.into_buffer();
        self.spare.clear();
        Delivery::done(Ok(()))
    }
}
