//! Tests of a shard that is run turn by turn.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    event::Batch,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
    threads::lock,
};
use fapilog_record::{arguments::End, call_site::CallSite, level::Level};

use crate::{
    container::Container,
    producer::{LogCall, ProducerLane},
};

fn log(lane: &mut ProducerLane) {
    static SITE: CallSite = CallSite::new(Level::Info, "", "test", "", 0, &[]);
    lane.log(LogCall::new(Level::Info, SITE.descriptor_id::<End>(), 0), &End, &[]);
}

/// A sink that is flushed as the last call of a thread publishes its event: the call had passed the level check before the
/// container was closed.
#[derive(Clone, Default)]
struct FlushedDuringACall {
    /// Empty once the thread has made its call.
    lane: Arc<Mutex<Option<ProducerLane>>>,
}

impl SinkFactory for FlushedDuringACall {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for FlushedDuringACall {
    fn writer(&self) -> String {
        "nothing".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(64))
    }

    fn encode(&mut self, _: &Batch<'_>, payload: &mut Payload) {
        payload.buffer().push(b'e');
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        Delivery::done(Ok(()))
    }

    fn flush(&mut self) -> Delivery {
        if let Some(mut lane) = lock(&self.lane).take() {
            log(&mut lane);
        }
        Delivery::done(Ok(()))
    }
}

#[test]
fn an_event_published_during_the_last_flush_is_delivered() {
    let sink = FlushedDuringACall::default();
    let hour = Duration::from_secs(3600);
    let builder = Container::builder().sink("flushed", sink.clone()).flush_interval(hour);
    let (container, mut drain) = builder.start_manual().unwrap();
    *lock(&sink.lane) = container.frontend().open_lane();
    let deadline = Instant::now() + Duration::from_secs(60);
    container.request_shutdown(deadline);
    while !drain.has_ended() {
        drain.turn();
        assert!(Instant::now() < deadline, "the drain does not end");
    }
    let accounts = container.accounts();
    assert_eq!((accounts.submitted, accounts.delivered_total(), accounts.lost_total()), (1, 1, 0), "{accounts}");
    accounts.check().unwrap();
}
