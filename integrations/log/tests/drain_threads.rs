//! Libraries that log while they deliver events.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../../fapilog/tests/law/mod.rs"]
mod law;

use fapilog::{
    plugin::PluginError,
    sink::{BlockingDelivery, Delivery, DeliveryThread, Payload, Sink, SinkContext, SinkError, SinkFactory},
};
use law::{TIMEOUT, balanced, memory, messages, sinks::StubSink, thread_builder};

/// A client whose library logs, on the sink's thread.
struct TalkativeClient;

impl BlockingDelivery for TalkativeClient {
    fn deliver(&mut self, _: Payload) -> Result<(), SinkError> {
        log::warn!("on a sink's thread");
        log::logger().flush();
        Ok(())
    }
}

struct TalkativeSink;

impl SinkFactory for TalkativeSink {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(TalkativeThread(DeliveryThread::start("talkative", || Ok(TalkativeClient))?)))
    }
}

struct TalkativeThread(DeliveryThread);

impl Sink for TalkativeThread {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(0))
    }

    fn encode(&mut self, _: &fapilog::event::Batch<'_>, _: &mut Payload) -> Result<(), PluginError> {
        Ok(())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.0.deliver(payload)
    }
}

#[test]
fn records_of_threads_that_deliver_are_suppressed_and_counted_and_their_flush_does_not_wait() {
    let (memory, events) = memory();
    let on_the_drain = StubSink::new(|| {
        log::warn!("on a drain's thread");
        log::logger().flush();
        Delivery::done(Ok(()))
    });
    let builder = thread_builder().sink("memory", memory).sink("drain", on_the_drain).sink("thread", TalkativeSink);
    let container = builder.start().unwrap();
    let bridge = fapilog_log::init(container.logger("bridge")).unwrap();
    log::info!("of the program");
    container.flush(TIMEOUT).unwrap();
    // A delivery of each sink.
    assert_eq!((bridge.suppressed().on_drain_threads, bridge.suppressed().nested), (2, 0));
    let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
    assert_eq!((accounts.submitted, messages(&events)), (1, vec!["of the program".to_owned()]));
}
