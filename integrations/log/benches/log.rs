//! The cost of a record of `log` on its caller's thread, and the rate to a file: the bridge beside other loggers, which alternate.
//!
//!     cargo bench -p fapilog-log
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a program that measures")]

use std::{
    fs::File,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use fapilog::{Container, format, level::Directives, sink};
use fapilog_log::LogBridge;
use log::Log;

/// Calls that are timed together.
const BURST: u32 = 200;
const ROUNDS: usize = 400;
const WARM_UP_ROUNDS: usize = 40;
const RATE_RECORDS: u64 = 500_000;
const RATE_ROUNDS: usize = 5;

/// Levels by target, so that a logger cannot answer by the level alone.
const DIRECTIVES: &str = "info,elsewhere=debug";

struct Subject {
    name: &'static str,
    logger: Box<dyn Log>,
    /// Whether a flush waits for all that was logged.
    log_calls: Vec<f64>,
    pair_calls: Vec<f64>,
    disabled_calls: Vec<f64>,
    rates: Vec<f64>,
}

impl Subject {
    fn new(name: &'static str, logger: impl Log + 'static) -> Self {
        let none = Vec::new;
        Self {
            name,
            logger: Box::new(logger),
            log_calls: none(),
            pair_calls: none(),
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

fn bridge(directory: &Path) -> (Container, LogBridge) {
    let file = sink::File::new(directory.join("fapilog.log"), format::Json::new);
    let container = Container::builder().sink("file", file).start().unwrap();
    container.set_level(DIRECTIVES.parse::<Directives>().unwrap());
    let bridge = LogBridge::builder(container.logger("bench")).flush_timeout(Duration::from_secs(60)).build();
    (container, bridge)
}

fn env_logger(directory: &Path) -> env_logger::Logger {
    let file = File::create(directory.join("env_logger.log")).unwrap();
    let target = env_logger::Target::Pipe(Box::new(file));
    env_logger::Builder::new().parse_filters(DIRECTIVES).target(target).build()
}

fn ftlog(directory: &Path) -> ftlog::Logger {
    let file = ftlog::appender::FileAppender::builder().path(directory.join("ftlog.log")).build();
    let builder = ftlog::builder().root(file).max_log_level(log::LevelFilter::Info);
    builder.bounded(100_000, true).build().unwrap()
}

fn measure_calls(subject: &mut Subject) {
    let logger = &*subject.logger;
    let (price, venue) = (black_box(101.25), black_box("XNAS"));
    subject.log_calls.push(per_call(|n| log::info!(logger: logger, "order {n} filled at {price} on {venue}")));
    logger.flush();
    subject.pair_calls.push(per_call(|n| log::info!(logger: logger, order = n, price, venue; "order filled")));
    logger.flush();
    subject.disabled_calls.push(per_call(|n| log::debug!(logger: logger, "order {n} filled at {price} on {venue}")));
}

/// Records a second, until all are in the file.
fn measure_rate(subject: &mut Subject) {
    let logger = &*subject.logger;
    let start = Instant::now();
    (0..RATE_RECORDS).for_each(|n| log::info!(logger: logger, "order {n} filled at {} on {}", 101.25, "XNAS"));
    logger.flush();
    subject.rates.push(RATE_RECORDS as f64 / start.elapsed().as_secs_f64());
}

fn main() {
    // Tests of all targets run this program as well.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    log::set_max_level(log::LevelFilter::Trace);
    let directory = tempfile::tempdir().unwrap();
    let (container, bridge) = bridge(directory.path());
    let mut subjects = [
        Subject::new("fapilog-log, JSON", bridge),
        Subject::new("env_logger", env_logger(directory.path())),
        Subject::new("ftlog", ftlog(directory.path())),
    ];
    for _ in 0..ROUNDS + WARM_UP_ROUNDS {
        subjects.iter_mut().for_each(measure_calls);
    }
    for _ in 0..RATE_ROUNDS {
        subjects.iter_mut().for_each(measure_rate);
    }
    println!("logger             a message, ns   pairs, ns   disabled by target, ns   records/s to a file");
    for subject in &mut subjects {
        let mut calls = |figures: fn(&mut Subject) -> &mut Vec<f64>| {
            let figures = figures(subject);
            median(&mut figures[WARM_UP_ROUNDS..])
        };
        let (message, pairs) = (calls(|s| &mut s.log_calls), calls(|s| &mut s.pair_calls));
        let disabled = calls(|s| &mut s.disabled_calls);
        let rate = median(&mut subject.rates);
        println!("{:<18} {message:>14.1} {pairs:>11.1} {disabled:>24.2} {rate:>21.0}", subject.name);
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
