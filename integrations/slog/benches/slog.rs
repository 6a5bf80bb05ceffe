//! The cost of a record of slog on its caller's thread, and the rate to a file: the drain alternates with `slog-json` behind
//! `slog-async`.
//!
//!     cargo bench -p fapilog-slog
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a program that measures")]

use std::{
    fs::File,
    hint::black_box,
    io::BufWriter,
    path::Path,
    time::{Duration, Instant},
};

use fapilog::{Container, format, level::Directives, sink};
use fapilog_slog::SlogDrain;
use slog::{Drain, Logger, debug, info, o};

/// Calls that are timed together.
const BURST: u32 = 200;
const ROUNDS: usize = 400;
const WARM_UP_ROUNDS: usize = 40;
const RATE_RECORDS: u64 = 500_000;
const RATE_ROUNDS: usize = 5;

struct Subject {
    name: &'static str,
    log: Logger,
    flush: Box<dyn Fn()>,
    calls: Vec<f64>,
    child_calls: Vec<f64>,
    disabled_calls: Vec<f64>,
    rates: Vec<f64>,
}

impl Subject {
    fn new(name: &'static str, log: Logger, flush: impl Fn() + 'static) -> Self {
        let none = Vec::new;
        Self {
            name,
            log,
            flush: Box::new(flush),
            calls: none(),
            child_calls: none(),
            disabled_calls: none(),
            rates: none(),
        }
    }
}

fn per_call(mut call: impl FnMut(u32)) -> f64 {
    let start = Instant::now();
    (0..BURST).for_each(&mut call);
    start.elapsed().as_nanos() as f64 / f64::from(BURST)
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn fapilog_drain(directory: &Path) -> (Container, SlogDrain) {
    let file = sink::File::new(directory.join("fapilog.log"), format::Json::new);
    let container = Container::builder().sink("file", file).start().unwrap();
    container.set_level("info,elsewhere=debug".parse::<Directives>().unwrap());
    let drain = SlogDrain::new(container.logger("bench")).flush_timeout(Duration::from_secs(60));
    (container, drain)
}

/// A flush waits until the channel is empty, and the writer has no bytes left.
fn slog_json(directory: &Path) -> (Logger, impl Fn() + use<>) {
    let file = BufWriter::new(File::create(directory.join("slog.log")).unwrap());
    let json = std::sync::Arc::new(std::sync::Mutex::new(slog_json::Json::default(file)));
    let drain = slog_async::Async::new(std::sync::Arc::clone(&json).fuse())
        .chan_size(100_000)
        .overflow_strategy(slog_async::OverflowStrategy::Block)
        .build();
    let drain = std::sync::Arc::new(drain.fuse());
    let drained = std::sync::Arc::clone(&drain);
    let log = Logger::root(slog::LevelFilter::new(drain, slog::Level::Info).fuse(), o!());
    (log, move || {
        let _ = drained.flush();
    })
}

fn measure_calls(subject: &mut Subject) {
    let (price, venue) = (black_box(101.25), black_box("XNAS"));
    let log = &subject.log;
    subject.calls.push(per_call(|n| info!(log, "order filled"; "order" => n, "price" => price, "venue" => venue)));
    (subject.flush)();
    let child = log.new(o!("session" => 7, "user" => "u-42"));
    subject
        .child_calls
        .push(per_call(|n| info!(child, "order filled"; "order" => n, "price" => price, "venue" => venue)));
    (subject.flush)();
    subject
        .disabled_calls
        .push(per_call(|n| debug!(log, "order filled"; "order" => n, "price" => price, "venue" => venue)));
}

/// Records a second, until all are delivered.
fn measure_rate(subject: &mut Subject) {
    let log = &subject.log;
    let start = Instant::now();
    (0..RATE_RECORDS).for_each(|n| info!(log, "order filled"; "order" => n, "price" => 101.25, "venue" => "XNAS"));
    (subject.flush)();
    subject.rates.push(RATE_RECORDS as f64 / start.elapsed().as_secs_f64());
}

fn main() {
    // Tests of all targets run this program as well.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (container, drain) = fapilog_drain(directory.path());
    let flushed = drain.clone();
    let (peer, flush_peer) = slog_json(directory.path());
    let mut subjects = [
        Subject::new("fapilog-slog, JSON", Logger::root(drain, o!()), move || flushed.flush().unwrap()),
        Subject::new("slog-json, slog-async", peer, flush_peer),
    ];
    for _ in 0..ROUNDS + WARM_UP_ROUNDS {
        subjects.iter_mut().for_each(measure_calls);
    }
    for _ in 0..RATE_ROUNDS {
        subjects.iter_mut().for_each(measure_rate);
    }
    println!(
        "drain                   three pairs, ns   two more of the logger, ns   disabled, ns   records/s to a file"
    );
    for subject in &mut subjects {
        let mut calls = |figures: fn(&mut Subject) -> &mut Vec<f64>| {
            let figures = figures(subject);
            median(&mut figures[WARM_UP_ROUNDS..])
        };
        let (call, child) = (calls(|s| &mut s.calls), calls(|s| &mut s.child_calls));
        let disabled = calls(|s| &mut s.disabled_calls);
        let rate = median(&mut subject.rates);
        println!("{:<22} {call:>16.1} {child:>28.1} {disabled:>14.2} {rate:>21.0}", subject.name);
    }
    let accounts = container.shutdown(Duration::from_secs(60)).unwrap();
    accounts.check().unwrap();
    println!(
        "fapilog: {} submitted, {} delivered, {} lost",
        accounts.submitted,
        accounts.delivered_total(),
        accounts.lost.total()
    );
}
