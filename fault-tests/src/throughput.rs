//! A measurement: the events a second that a sink delivers on loopback, logged by a single thread.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::{Executor, Overflow},
    info,
    sink::{OnFull, SinkOptions},
};

use crate::{
    absorber,
    arrivals::EventArrivals,
    error::RunError,
    servers::{SinkResult, SoakTarget},
};

const TIMEOUT: Duration = Duration::from_secs(120);

/// A measured run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MeasuredThroughput {
    pub(crate) delivered: u64,
    /// From the first log call until all events are delivered.
    pub(crate) time: Duration,
}

impl MeasuredThroughput {
    pub(crate) fn events_per_second(&self) -> f64 {
        self.delivered as f64 / self.time.as_secs_f64()
    }
}

/// Measures a sink, to a server that keeps nothing. A sink without such a server is measured with its real one.
pub(crate) fn measure(target: &SoakTarget, events: u64) -> Result<MeasuredThroughput, RunError> {
    match target.absorbing {
        Some(absorbing) => log_all((absorbing.sink)(&absorber::start(absorbing)?), events),
        None => {
            let server = (target.start)(&Arc::new(EventArrivals::new(0))).ok_or(RunError::NotInstalled)?;
            log_all(server.sink(), events)
        }
    }
}

fn log_all(sink: SinkResult, events: u64) -> Result<MeasuredThroughput, RunError> {
    let container = Container::builder()
        .executor(Executor::Thread)
        .overflow(Overflow::Block { timeout: TIMEOUT })
        .sink_with("measured", sink?, SinkOptions::new().on_full(OnFull::Block))
        .start()?;
    let start = Instant::now();
    let log = container.logger("matching-engine");
    for number in 0..events {
        let (price, quantity) = ((number % 1_000_000) as f64 / 100.0, number % 10_000);
        info!(log, "order filled", order_id = number, price, quantity, client = "client-004711", tags.region = "eu-1");
    }
    let accounts = container.shutdown(TIMEOUT)?;
    let time = start.elapsed();
    accounts.check()?;
    Ok(MeasuredThroughput { delivered: accounts.delivered_total(), time })
}
