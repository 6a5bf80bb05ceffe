//! Long runs of sinks against servers that are killed and restarted every few seconds, and measurements of their throughput.
//!
//! `cargo run --release -p fault-tests -- http --seconds 60 --rate 50000`
//! `cargo run --release -p fault-tests -- http --throughput 2000000`
//!
//! A run fails when an event is lost, when an event is delivered twice although the sink promises once, or when the law does not hold.
//! docs/fault-tests.md has the method and the results.

mod absorber;
mod arrivals;
mod error;
mod options;
mod report;
mod servers;
#[cfg(test)]
mod smoke;
mod soak;
mod throughput;

use std::process::ExitCode;

use clap::Parser;
use options::SoakOptions;

use crate::error::RunError;

/// The measurements of a sink.
const ROUNDS: u32 = 3;

#[allow(clippy::print_stderr, reason = "the report of a program")]
fn main() -> ExitCode {
    let options = SoakOptions::parse();
    let is_good = match options.throughput {
        Some(events) => measure(&options, events),
        None => soak(&options),
    };
    match is_good {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fault-tests: {error}");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout, reason = "the report of a program")]
fn soak(options: &SoakOptions) -> Result<bool, RunError> {
    let outcome = soak::run(options)?;
    println!("{outcome}");
    Ok(outcome.is_good())
}

#[allow(clippy::print_stdout, reason = "the report of a program")]
fn measure(options: &SoakOptions, events: u64) -> Result<bool, RunError> {
    let target = options.target().ok_or(RunError::NoSink)?;
    let mut is_whole = true;
    for _ in 0..ROUNDS {
        let measured = throughput::measure(target, events)?;
        println!(
            "{}: {} of {events} events in {:.2?}: {:.0} events/s",
            target.name,
            measured.delivered,
            measured.time,
            measured.events_per_second()
        );
        is_whole &= measured.delivered == events;
    }
    Ok(is_whole)
}
