//! Long runs of sinks against servers that are killed and restarted every few seconds.
//!
//! `cargo run --release -p fault-tests -- http --seconds 60 --rate 50000`
//!
//! A run fails when an event is lost, when an event is delivered twice although the sink promises once, or when the law does not hold.

mod arrivals;
mod killable_server;
mod options;
mod report;
mod soak;

use std::process::ExitCode;

use clap::Parser;
use options::SoakOptions;

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "the report of a program")]
fn main() -> ExitCode {
    let options = SoakOptions::parse();
    match soak::run(&options) {
        Ok(outcome) => {
            println!("{outcome}");
            if outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("fault-tests: {error}");
            ExitCode::FAILURE
        }
    }
}
