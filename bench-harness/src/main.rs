//! Measures fapilog as a user would, and checks that every event is there.

mod cli;
mod device;
mod error;
mod latency;
mod machine;
mod outcome;
mod output;
mod producers;
mod progress;
mod replay;
mod report;
mod run;
mod subject;
mod timed_drain;
mod verify;
mod watch;
mod workload;
mod written;

use std::{error::Error, process::ExitCode};

use clap::Parser;

use crate::{
    cli::{Cli, Command},
    report::print_note,
};

/// Something went wrong, or the figures are not good enough.
const FAILURE: u8 = 1;
/// The command line is wrong. Clap exits with the same status.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let Cli { command, run } = Cli::parse();
    let outcome = match &command {
        None => run::run(&run),
        Some(Command::Run(args)) => run::run(args),
        Some(Command::Latency(args)) => latency::run(args),
        Some(Command::Device(args)) => device::run(args),
        Some(Command::Replay(args)) => replay::run(args),
    };
    match outcome {
        Ok(failures) if failures.is_empty() => ExitCode::SUCCESS,
        Ok(failures) => {
            failures.iter().for_each(|failure| print_note(format_args!("error: {}", chain(failure))));
            ExitCode::from(FAILURE)
        }
        Err(error) => {
            print_note(format_args!("error: {}", chain(&error)));
            ExitCode::from(if error.is_usage() { USAGE } else { FAILURE })
        }
    }
}

/// An error with what caused it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // An error that quotes its cause has printed it.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
