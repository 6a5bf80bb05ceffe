//! Shared by tests: containers whose events can be read, both ways from tracing to them, and the law.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this is test code")]

pub(crate) mod levels;

use std::{
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::Executor,
    format,
    level::Directives,
    metrics::Accounts,
    sink::{self, MemoryEvents},
};
use fapilog_tracing::Bridge;
use serde_json::Value;
use tracing::Dispatch;
use tracing_subscriber::prelude::*;

/// Far longer than any step of these tests takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A container on a plain thread, which logs everything, and whose events can be read.
pub(crate) fn started() -> (Container, MemoryEvents) {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let container =
        Container::builder().executor(Executor::Thread).overflow_timeout(TIMEOUT).sink("memory", sink).start().unwrap();
    container.set_level("trace".parse::<Directives>().unwrap());
    (container, events)
}

/// The ways from tracing to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Layer,
    FilteredLayer,
    Subscriber,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Layer, Self::FilteredLayer, Self::Subscriber];

    pub(crate) fn dispatch(self, bridge: Bridge) -> Dispatch {
        match self {
            Self::Layer => Dispatch::new(tracing_subscriber::registry().with(bridge.layer())),
            Self::FilteredLayer => Dispatch::new(tracing_subscriber::registry().with(bridge.filtered_layer())),
            Self::Subscriber => Dispatch::new(bridge.subscriber()),
        }
    }
}

/// Runs the program once for each way, with the settings, and checks the events that it logs.
#[track_caller]
pub(crate) fn each_way_with(settings: impl Fn(Bridge) -> Bridge, program: impl Fn(), check: impl Fn(Vec<Value>)) {
    for way in Way::ALL {
        let (container, events) = started();
        let dispatch = way.dispatch(settings(Bridge::new(container.logger("tracing"))));
        tracing::dispatcher::with_default(&dispatch, &program);
        shut_down(&container);
        check(parsed(&events));
    }
}

#[track_caller]
pub(crate) fn each_way(program: impl Fn(), check: impl Fn(Vec<Value>)) {
    each_way_with(|bridge| bridge, program, check);
}

/// Shuts the container down, with nothing left over, and checks the law.
#[track_caller]
pub(crate) fn shut_down(container: &Container) -> Accounts {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    accounts
}

/// Everything that was delivered, as JSON.
#[track_caller]
pub(crate) fn parsed(events: &MemoryEvents) -> Vec<Value> {
    let bytes = events.bytes();
    bytes.split_inclusive(|&byte| byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect()
}

#[track_caller]
pub(crate) fn only(mut events: Vec<Value>) -> Value {
    assert_eq!(events.len(), 1, "{events:#?}");
    events.remove(0)
}

pub(crate) fn messages(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["message"].as_str().unwrap()).collect()
}

/// The context of each event, by its message.
pub(crate) fn contexts(events: &[Value]) -> Vec<(&str, &Value)> {
    events.iter().map(|event| (event["message"].as_str().unwrap(), &event["context"])).collect()
}

/// Waits for a condition.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < TIMEOUT, "waited in vain until {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// The events are these messages with these contexts.
#[track_caller]
pub(crate) fn assert_contexts(events: &[Value], expected: &[(&str, Value)]) {
    let expected: Vec<_> = expected.iter().map(|(message, context)| (*message, context)).collect();
    assert_eq!(contexts(events), expected);
}
