//! How much does a log call cost on this machine, how many events a second reach the disk, and is each of them there?
//!
//! `cargo run --release -p fapilog --example performance_demo [THREADS]`
//!
//! `bench-harness` measures with more care, and beside the disk: see `docs/benchmarks.md`.

#![expect(clippy::print_stdout, reason = "an example shows what came out")]

use std::{
    error::Error,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use fapilog::{Container, Logger, container::Overflow, format, info, metrics::Metrics, sink};

/// A test, or a build without optimizations, shows that it works and not how fast it is.
const IS_QUICK: bool = cfg!(test) || cfg!(debug_assertions);
const EVENTS_PER_THREAD: u64 = if IS_QUICK { 20_000 } else { 2_000_000 };
const BURSTS: usize = if IS_QUICK { 50 } else { 2_000 };
/// A single call is shorter than a look at the clock.
const CALLS_PER_BURST: u64 = 20;
const TIMEOUT: Duration = Duration::from_secs(60);

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    // A test program has arguments of its own.
    let argument = if cfg!(test) { None } else { std::env::args().nth(1) };
    let threads: u64 = argument.map_or(Ok(1), |count| count.parse())?;
    if IS_QUICK {
        println!("not a release build: the figures have no meaning for speed");
    }
    latency()?;
    throughput(threads)
}

/// Bursts of calls with gaps between, as a server that serves requests has them.
fn latency() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let logs = start(&directory.path().join("latency.log"))?;
    let log = logs.logger("demo");
    let mut nanos_per_call = Vec::with_capacity(BURSTS);
    // The thread's first call makes its ring, and the call site's first call registers it.
    burst(&log, 0);
    for number in 0..BURSTS as u64 {
        thread::sleep(Duration::from_micros(200));
        let start = Instant::now();
        burst(&log, number);
        nanos_per_call.push(start.elapsed().as_nanos() as u64 / CALLS_PER_BURST);
    }
    nanos_per_call.sort_unstable();

    println!("\nlog call, means of bursts of {CALLS_PER_BURST}");
    for (name, share) in [("50 %", 0.5), ("90 %", 0.9), ("99 %", 0.99), ("99.9 %", 0.999)] {
        println!("{name:>8} {:>8} ns", percentile(&nanos_per_call, share));
    }
    println!("{:>8} {:>8} ns", "max", nanos_per_call.last().copied().unwrap_or_default());
    let accounts = logs.shutdown(TIMEOUT)?;
    accounts.check()?;
    assert_eq!(accounts.delivered_total(), (BURSTS as u64 + 1) * CALLS_PER_BURST);
    Ok(())
}

fn burst(log: &Logger, number: u64) {
    (0..CALLS_PER_BURST).for_each(|call| info!(log, "order filled", number, call, price = 101.25));
}

/// The least value that so large a share of all does not exceed.
fn percentile(sorted: &[u64], share: f64) -> u64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Threads that log as fast as they can; the time ends when the last event is delivered.
fn throughput(threads: u64) -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("throughput.log");
    let logs = start(&path)?;
    let start = Instant::now();
    thread::scope(|scope| {
        for thread in 0..threads {
            let log = logs.logger("demo");
            scope.spawn(move || {
                (0..EVENTS_PER_THREAD).for_each(|number| info!(log, "order filled", thread, number, price = 101.25));
            });
        }
    });
    let called = start.elapsed();
    logs.flush(TIMEOUT)?;
    let delivered = start.elapsed();

    let metrics = logs.metrics();
    let accounts = logs.shutdown(TIMEOUT)?;
    accounts.check()?;
    let events = accounts.delivered_total();
    println!("\n{threads} threads, {events} events");
    println!("{:>28} {called:>10.1?}", "last call returned after");
    println!("{:>28} {delivered:>10.1?}", "last event delivered after");
    println!("{:>28} {:>10.0}", "events a second", events as f64 / delivered.as_secs_f64());
    show(&metrics);
    println!("accounts: {accounts}");
    for sink in &accounts.sinks {
        println!("{}: {} bytes, by {}", sink.name, sink.bytes, sink.writer);
    }

    assert_eq!((events, accounts.lost_total()), (threads * EVENTS_PER_THREAD, 0), "{accounts}");
    assert_eq!(line_count(&path)?, events, "each event is one line of the file");
    Ok(())
}

fn show(metrics: &Metrics) {
    for (name, times) in [("call to drain", metrics.drain_lag), ("call to delivery", metrics.end_to_end)] {
        println!("{name:>28} {:>10.1?} (50 %) {:>10.1?} (99 %) {:>10.1?} (max)", times.p50, times.p99, times.max);
    }
    println!("{:>28} {:>9.1} % of {} KiB", "fullest ring", metrics.rings.fill_max * 100.0, {
        metrics.rings.capacity_bytes / 1024
    });
}

/// A full ring makes the call wait, so that nothing is lost and the rate is that of the slowest part.
fn start(path: &Path) -> Result<Container, Box<dyn Error>> {
    Ok(Container::builder()
        .overflow(Overflow::Block { timeout: TIMEOUT })
        .sink("file", sink::File::new(path, format::Json::new))
        .start()?)
}

fn line_count(path: &Path) -> std::io::Result<u64> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    let (mut count, mut line) = (0, Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 {
        count += 1;
        line.clear();
    }
    Ok(count)
}
