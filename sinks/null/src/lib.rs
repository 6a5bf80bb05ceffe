//! A sink without a destination.

mod registration;

pub use registration::register;

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    factory::Factory,
    formatter::Formatter,
    sink::{Assurances, Delivery, DeliveryPolicy, Payload, Sink, SinkContext, SinkError, SinkFactory, SinkPlace},
};

/// Bytes that are encoded before they are discarded.
const PAYLOAD_BYTES: usize = 256 * 1024;
/// Room for the batch that makes a payload full and exceeds it.
const OVERSHOOT_BYTES: usize = 256 * 1024;

/// Encodes events, discards the bytes, and reports the events as delivered: for measurements without a destination.
#[doc(alias = "NullSink")]
#[derive(Debug)]
pub struct Null {
    formatter: Factory<dyn Formatter>,
}

impl Null {
    /// A null sink whose events are rendered by formatters that `formatter` makes.
    pub fn new<F: Formatter + 'static>(formatter: impl Fn() -> F + Send + Sync + 'static) -> Self {
        let formatter = Factory::formatter(move |_| formatter());
        Self { formatter }
    }
}

impl SinkFactory for Null {
    fn assurances(&self) -> Assurances {
        Assurances::unknown().place(SinkPlace::Nowhere)
    }

    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::direct()
    }

    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let formatter = self.formatter.make(context.shard);
        Ok(Box::new(NullWriterSink { formatter, spare: Vec::with_capacity(PAYLOAD_BYTES + OVERSHOOT_BYTES) }))
    }
}

struct NullWriterSink {
    formatter: Box<dyn Formatter>,
    /// The buffer of the next payload.
    spare: Vec<u8>,
}

impl Sink for NullWriterSink {
    fn writer(&self) -> String {
        "null".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::in_buffer(std::mem::take(&mut self.spare), PAYLOAD_BYTES))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.formatter.format(batch, payload.buffer())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.spare = payload.into_buffer();
        self.spare.clear();
        Delivery::done(Ok(()))
    }
}
