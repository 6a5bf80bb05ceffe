//! Call sites are registered with the subscriber, as those of tracing's macros are.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../../fapilog/tests/law/mod.rs"]
mod law;

use std::sync::{Arc, Mutex};

use fapilog::{
    Level,
    event::{DynamicEvent, FieldGroup},
    info,
};
use fapilog_sink_tracing::TracingSink;
use law::{shut_down, thread_builder};
use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    callsite::Identifier,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};

/// Keeps the call sites that are registered, and those of events.
#[derive(Clone, Default)]
struct Registrar {
    registered: Arc<Mutex<Vec<Identifier>>>,
    used: Arc<Mutex<Vec<Identifier>>>,
}

impl Subscriber for Registrar {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.registered.lock().unwrap().push(metadata.callsite());
        Interest::always()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.used.lock().unwrap().push(event.metadata().callsite());
    }
}

#[test]
fn a_subscriber_that_no_thread_has_for_its_default_knows_the_call_site_of_each_event() {
    let registrar = Registrar::default();
    let sink = TracingSink::to_dispatch(Dispatch::new(registrar.clone()));
    let container = thread_builder().sink("tracing", sink).start().unwrap();
    let log = container.logger("orders");
    info!(log, "of a place");
    // More targets than there are call sites for.
    (0..400_u64).for_each(|n| {
        log.log_dynamic(&DynamicEvent::new(Level::Warning, &format!("target {n}"), "m").field(
            FieldGroup::Tags,
            "n",
            n.into(),
        ));
    });
    shut_down(&container);
    let (registered, used) = (registrar.registered.lock().unwrap(), registrar.used.lock().unwrap());
    assert_eq!(used.len(), 401);
    assert!(used.iter().all(|site| registered.contains(site)));
}
