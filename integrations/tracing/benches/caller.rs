//! The cost of an event on its caller, and the throughput to a file, beside those of tracing-subscriber with tracing-appender.
//!
//! `cargo bench -p fapilog-tracing` measures all ways in one run, one way after another in each round, and prints medians. Each event has a message with an argument,
//! two numbers and a text, and is inside a span with two fields.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `ROUNDS` | how often each way is measured | 7 |
//! | `EVENTS` | events of a round that measures throughput | 400000 |
//! | `OUT` | the directory of the files | the system's for temporary files |
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a program that measures")]

use std::{
    fs,
    hint::black_box,
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use fapilog::{Container, format, sink};
use tracing::{Dispatch, info, info_span};
use tracing_subscriber::prelude::*;

/// Events of a burst: few enough for the rings and for the appender's channel.
const BURST_EVENTS: u32 = 2_000;
const BURSTS: u32 = 20;
const TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The JSON layer of tracing-subscriber, written by tracing-appender, which blocks where its channel is full.
    FmtJson,
    Layer,
    Subscriber,
}

impl Way {
    const ALL: [Self; 3] = [Self::FmtJson, Self::Layer, Self::Subscriber];

    fn name(self) -> &'static str {
        match self {
            Self::FmtJson => "tracing-subscriber JSON + tracing-appender",
            Self::Layer => "fapilog_tracing::layer on Registry",
            Self::Subscriber => "fapilog_tracing::Subscriber",
        }
    }

    /// Runs `program` with a subscriber of this way that writes to `directory`. Returns the time from its start until all is written,
    /// and what it returns.
    fn run<R>(self, directory: &Path, program: impl FnOnce() -> R) -> (Duration, R) {
        fs::create_dir_all(directory).unwrap();
        match self {
            Self::FmtJson => {
                let file = tracing_appender::rolling::never(directory, "out.jsonl");
                let (writer, worker) =
                    tracing_appender::non_blocking::NonBlockingBuilder::default().lossy(false).finish(file);
                let json = tracing_subscriber::fmt::layer().json().with_writer(writer);
                let dispatch = Dispatch::new(tracing_subscriber::registry().with(json));
                timed(dispatch, program, || drop(worker))
            }
            Self::Layer | Self::Subscriber => {
                let file = sink::File::new(directory.join("out.jsonl"), format::Json::new);
                let container = Container::builder().overflow_timeout(TIMEOUT).sink("file", file).start().unwrap();
                let log = container.logger("bench");
                let dispatch = match self {
                    Self::Layer => Dispatch::new(tracing_subscriber::registry().with(fapilog_tracing::layer(log))),
                    _ => Dispatch::new(fapilog_tracing::Subscriber::new(log)),
                };
                let finished = timed(dispatch, program, || {
                    container.flush(TIMEOUT).unwrap();
                });
                let accounts = container.shutdown(TIMEOUT).unwrap();
                accounts.check().unwrap();
                assert_eq!(accounts.lost.total(), 0, "{accounts}");
                finished
            }
        }
    }
}

fn timed<R>(dispatch: Dispatch, program: impl FnOnce() -> R, write_all: impl FnOnce()) -> (Duration, R) {
    let start = Instant::now();
    let result = tracing::dispatcher::with_default(&dispatch, program);
    write_all();
    (start.elapsed(), result)
}

#[inline(never)]
fn event(n: u64) {
    info!(order = n, price = 101.25, venue = "XETR", "order {n} filled");
}

/// Nanoseconds an event, the median of bursts with time for the writer between them.
fn bursts() -> f64 {
    let _span = info_span!("request", user = "ann", request = 42).entered();
    let mut nanos: Vec<f64> = (0..BURSTS)
        .map(|burst| {
            let start = Instant::now();
            (0..BURST_EVENTS).for_each(|n| event(black_box(u64::from(burst * BURST_EVENTS + n))));
            let nanos = start.elapsed().as_nanos() as f64 / f64::from(BURST_EVENTS);
            thread::sleep(Duration::from_millis(20));
            nanos
        })
        .collect();
    median(&mut nanos)
}

/// Nanoseconds an event, of single events that come at a steady pace: the median.
fn steady() -> f64 {
    let _span = info_span!("request", user = "ann", request = 42).entered();
    let mut nanos: Vec<f64> = (0..5_000)
        .map(|n| {
            let start = Instant::now();
            event(black_box(n));
            let nanos = start.elapsed().as_nanos() as f64;
            while start.elapsed() < Duration::from_micros(20) {
                std::hint::spin_loop();
            }
            nanos
        })
        .collect();
    median(&mut nanos)
}

fn flood(events: u64) {
    let _span = info_span!("request", user = "ann", request = 42).entered();
    (0..events).for_each(|n| event(black_box(n)));
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Checks that the file has a line for each event, and removes it.
fn lines_are(directory: &Path, events: u64) -> io::Result<()> {
    let text = fs::read(directory.join("out.jsonl"))?;
    let lines = text.iter().filter(|byte| **byte == b'\n').count() as u64;
    assert_eq!(lines, events, "{}", directory.display());
    fs::remove_dir_all(directory)
}

#[derive(Debug, Default)]
struct Figures {
    burst_nanos: Vec<f64>,
    steady_nanos: Vec<f64>,
    events_per_second: Vec<f64>,
}

fn main() -> io::Result<()> {
    let (rounds, events) = (number("ROUNDS", 7), number("EVENTS", 400_000));
    let out = std::env::var_os("OUT").map_or_else(std::env::temp_dir, PathBuf::from).join("fapilog-tracing-bench");
    let mut figures = [Figures::default(), Figures::default(), Figures::default()];
    for _ in 0..rounds {
        for (way, figures) in Way::ALL.into_iter().zip(&mut figures) {
            figures.burst_nanos.push(way.run(&out, bursts).1);
            lines_are(&out, u64::from(BURSTS * BURST_EVENTS))?;
            figures.steady_nanos.push(way.run(&out, steady).1);
            lines_are(&out, 5_000)?;
            let (elapsed, ()) = way.run(&out, || flood(events));
            figures.events_per_second.push(events as f64 / elapsed.as_secs_f64());
            lines_are(&out, events)?;
        }
    }
    println!("{rounds} rounds, medians");
    println!("{:45} {:>12} {:>12} {:>14}", "", "burst ns", "steady ns", "events/s");
    let medians = figures.map(|mut figures| {
        [&mut figures.burst_nanos, &mut figures.steady_nanos, &mut figures.events_per_second].map(|list| median(list))
    });
    for (way, [burst, steady, rate]) in Way::ALL.into_iter().zip(medians) {
        println!("{:45} {burst:>12.0} {steady:>12.0} {rate:>14.0}", way.name());
    }
    for (way, [burst, steady, rate]) in Way::ALL.into_iter().zip(medians).skip(1) {
        let [base_burst, base_steady, base_rate] = medians[0];
        let [burst, steady, rate] = [base_burst / burst, base_steady / steady, rate / base_rate];
        println!("{:45} {burst:>10.1} x {steady:>10.1} x {rate:>12.1} x", way.name());
    }
    Ok(())
}
