//! A sink that goes nowhere.

use std::{cell::RefCell, rc::Rc};

use fapilog_core::{
    Batch,
    plugin::{Delivery, Factory, Formatter, Payload, ShardInfo, Sink, SinkContext, SinkError, SinkFactory},
};

/// Bytes that are encoded before they are thrown away.
const PAYLOAD_BYTES: usize = 256 * 1024;

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
        Ok(Box::new(Null { formatter: self.formatter.make(context.shard), spare: Rc::default() }))
    }
}

struct Null {
    formatter: Box<dyn Formatter>,
    /// The buffer that the next payload is made of.
    spare: Rc<RefCell<Vec<u8>>>,
}

impl Sink for Null {
    fn writer(&self) -> String {
        "null".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        let buffer = self.spare.take();
        Some(Payload::in_buffer(buffer, PAYLOAD_BYTES))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) {
        self.formatter.format(batch, payload.buffer());
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        let mut buffer = payload.into_buffer();
        buffer.clear();
        self.spare.replace(buffer);
        Delivery::done(Ok(()))
    }
}
