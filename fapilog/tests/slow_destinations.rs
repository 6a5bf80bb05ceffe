//! A sink whose destination is slow, hangs, fails or panics delays no other sink.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "all of this program is test code"
)]

mod law;

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::ContainerBuilder,
    event::{Batch, FieldGroup},
    info,
    plugin::PluginError,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};
use law::{TIMEOUT, thread_builder};

/// The destination of a sink that is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BadDestination {
    /// It takes a second for each payload.
    Slow,
    /// It never answers.
    Hangs,
    /// It is busy for ever.
    Busy,
    /// It fails for good.
    Fails,
    /// It asks to wait for an hour.
    AsksToWait,
    /// The sink panics when it is called.
    PanicsInDeliver,
    /// The sink's future panics.
    PanicsInPoll,
}

const BAD_DESTINATIONS: [BadDestination; 7] = [
    BadDestination::Slow,
    BadDestination::Hangs,
    BadDestination::Busy,
    BadDestination::Fails,
    BadDestination::AsksToWait,
    BadDestination::PanicsInDeliver,
    BadDestination::PanicsInPoll,
];

impl SinkFactory for BadDestination {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(*self))
    }
}

impl Sink for BadDestination {
    fn writer(&self) -> String {
        format!("{self:?}")
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        payload.buffer().extend(batch.events().iter().map(|_| b'.'));
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        match self {
            Self::Slow => {
                let end = Instant::now() + Duration::from_secs(1);
                Delivery::in_flight(poll_fn(move |_| match Instant::now() < end {
                    true => Poll::Pending,
                    false => Poll::Ready(Ok(())),
                }))
            }
            Self::Hangs => Delivery::in_flight(std::future::pending()),
            Self::Busy => Delivery::done(Err(SinkError::retryable("planted"))),
            Self::Fails => Delivery::done(Err(SinkError::permanent("planted"))),
            Self::AsksToWait => Delivery::done(Err(SinkError::retry_after(Duration::from_secs(3600), "planted"))),
            Self::PanicsInDeliver => panic!("planted"),
            Self::PanicsInPoll => Delivery::in_flight(poll_fn(|_| panic!("planted"))),
        }
    }
}

/// A sink that works: it counts the events of the program, and leaves out reports of losses.
#[derive(Debug, Clone, Default)]
struct CountingSink {
    delivered: Arc<AtomicU64>,
}

impl CountingSink {
    fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }
}

impl SinkFactory for CountingSink {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for CountingSink {
    fn writer(&self) -> String {
        "counter".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        let of_program = batch.events().iter().filter(|event| event.field(FieldGroup::Context, "number").is_some());
        payload.buffer().extend(of_program.map(|_| b'.'));
        Ok(())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.delivered.fetch_add(payload.len() as u64, Ordering::Relaxed);
        Delivery::done(Ok(()))
    }
}

/// A container, all of whose events are due at once, with a sink that works, and perhaps one that is no good in front of it.
fn builder(builder: ContainerBuilder, bad: Option<BadDestination>, good: &CountingSink) -> ContainerBuilder {
    let builder = builder.flush_interval(Duration::ZERO).emergency_lines(false);
    let builder = match bad {
        Some(bad) => builder.sink("bad", bad),
        None => builder,
    };
    builder.sink("good", good.clone())
}

/// How often the drain is called until the sink that works has delivered an event, at most.
fn turn_count_max(bad: Option<BadDestination>) -> usize {
    // More than the queue of the other sink has room for.
    const EVENTS: u64 = 300;
    let good = CountingSink::default();
    let (container, mut drain) = builder(Container::builder(), bad, &good).start_manual().unwrap();
    let log = container.logger("slow");
    let mut count_max = 0;
    for number in 1..=EVENTS {
        info!(log, "numbered", number);
        let mut turn_count: usize = 0;
        while good.delivered() < number {
            drain.turn();
            turn_count += 1;
            assert!(turn_count < 1000, "{bad:?}: event {number} is not delivered");
        }
        count_max = count_max.max(turn_count);
    }
    container.accounts().check().unwrap();
    count_max
}

#[test]
fn a_sink_that_is_no_good_costs_another_sink_no_turn() {
    let alone = turn_count_max(None);
    for bad in BAD_DESTINATIONS {
        // A report of losses may come in front of an event, and is a batch of its own.
        assert_eq!(turn_count_max(Some(bad)), alone, "{bad:?}");
    }
}

/// The times from a log call to the delivery by the sink that works: the median, and the 99th percentile.
fn latencies(bad: Option<BadDestination>) -> [Duration; 2] {
    const EVENTS: usize = 2000;
    let good = CountingSink::default();
    // The drain does not sleep between the events: the figures are of its work, and not of its sleep.
    let awake = thread_builder().idle_spin(Duration::from_millis(100));
    let container = builder(awake, bad, &good).start().unwrap();
    let log = container.logger("slow");
    let mut latencies = Vec::with_capacity(EVENTS);
    for number in 0..EVENTS {
        let start = Instant::now();
        info!(log, "numbered", number);
        while good.delivered() <= number as u64 {
            assert!(start.elapsed() < TIMEOUT, "{bad:?}: event {number} is not delivered");
            std::thread::yield_now();
        }
        latencies.push(start.elapsed());
    }
    latencies.sort_unstable();
    [latencies[EVENTS / 2], latencies[EVENTS * 99 / 100]]
}

#[test]
#[ignore = "prints figures of this machine: cargo test --release -p fapilog --test slow_destinations -- --ignored --nocapture"]
fn the_latency_of_a_sink_beside_one_that_is_no_good() {
    let alone = latencies(None);
    println!("{:<16} median {:>9.1?}   99 % {:>9.1?}", "alone", alone[0], alone[1]);
    for bad in BAD_DESTINATIONS {
        let beside = latencies(Some(bad));
        let ratio = beside[0].as_secs_f64() / alone[0].as_secs_f64();
        let bad = format!("{bad:?}");
        println!("{bad:<16} median {:>9.1?}   99 % {:>9.1?}   {ratio:.2} of the median alone", beside[0], beside[1]);
    }
}
