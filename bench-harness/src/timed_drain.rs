//! A drain on a thread of the harness, which measures the time of each turn.

use std::{
    fmt,
    sync::mpsc::sync_channel,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::{ContainerBuilder, ManualDrain},
};
use hdrhistogram::Histogram;

use crate::{
    error::BenchError,
    machine,
    report::{NanosPercentiles, grouped},
};

const THREAD_NAME: &str = "timed-drain";

/// The thread sleeps when it has found no work so many times, one after the other. The log's own executors do likewise.
const IDLE_TURN_COUNT: u32 = 64;
const IDLE_SLEEP: Duration = Duration::from_micros(50);

/// A turn without work counts if it takes longer: very many short ones would hide the long one.
const SHORT_TURN: Duration = Duration::from_micros(20);

/// A longer turn counts as one of an hour.
const TURN_NANOS_MAX: u64 = 3_600_000_000_000;

/// The drain of a running container.
#[derive(Debug)]
pub(crate) struct TimedDrain {
    thread: JoinHandle<Histogram<u64>>,
}

impl TimedDrain {
    /// Starts the container.
    pub(crate) fn start(builder: ContainerBuilder) -> Result<(Container, Self), BenchError> {
        let turn_times = Histogram::new_with_bounds(1, TURN_NANOS_MAX, 3);
        let turn_times = turn_times.map_err(|error| BenchError::Histogram { reason: error.to_string() })?;
        let (sender, receiver) = sync_channel(1);
        let start = move || {
            machine::drain_cpu().map(core_affinity::set_for_current);
            let (started, drain) = builder.start_manual().map_or_else(|e| (Err(e), None), |(c, d)| (Ok(c), Some(d)));
            // The other end waits for it.
            let _ = sender.send(started);
            match drain {
                Some(drain) => run(drain, turn_times),
                None => turn_times,
            }
        };
        let thread = thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(start);
        let thread = thread.map_err(|source| BenchError::Thread { name: THREAD_NAME.to_owned(), source })?;
        let started = receiver.recv().map_err(|_| panicked())?;
        Ok((started.map_err(BenchError::Start)?, Self { thread }))
    }

    /// The turn times of a container that has been shut down.
    pub(crate) fn end(self) -> Result<TurnTimes, BenchError> {
        let turn_times = self.thread.join().map_err(|_| panicked())?;
        Ok(TurnTimes { count: turn_times.len(), nanos: NanosPercentiles::new(&turn_times, 1.0) })
    }
}

/// The turn times of a drain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TurnTimes {
    pub(crate) count: u64,
    pub(crate) nanos: NanosPercentiles,
}

/// For people.
impl fmt::Display for TurnTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NanosPercentiles { p50, p99, p99_9, max, .. } = self.nanos;
        let [p50, p99, p99_9, max] = [p50, p99, p99_9, max].map(|nanos| nanos / 1e3);
        write!(f, "{}; 50 %: {p50:.1} us, 99 %: {p99:.1} us, ", grouped(self.count))?;
        write!(f, "99.9 %: {p99_9:.1} us, longest: {max:.1} us")
    }
}

fn panicked() -> BenchError {
    BenchError::Panicked { name: THREAD_NAME.to_owned() }
}

fn run(mut drain: ManualDrain, mut turn_times: Histogram<u64>) -> Histogram<u64> {
    let mut idle_count = 0;
    while !drain.has_ended() {
        let started = Instant::now();
        let has_worked = drain.turn();
        let time = started.elapsed();
        if has_worked || time > SHORT_TURN {
            turn_times.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        }
        idle_count = if has_worked { 0 } else { idle_count + 1 };
        if idle_count > IDLE_TURN_COUNT {
            thread::sleep(IDLE_SLEEP);
        }
    }
    turn_times
}
