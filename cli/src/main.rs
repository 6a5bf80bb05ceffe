//! The command `fapilog`: log files are read, filtered, followed and counted.

#![forbid(unsafe_code)]

mod arguments;
mod commands;
#[cfg(feature = "destinations")]
mod destinations;
mod error;
mod expression;
mod filter;
mod input;
mod json;
mod line;
mod output;
mod refusal;
mod stats;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{arguments::CommandLine, error::exit_code};

fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => return refuse(&error),
    };
    match commands::run(&line) {
        Ok(status) => status.into(),
        Err(error) => {
            error.report(line.shared.json);
            error.exit_code()
        }
    }
}

/// Prints the help, the version, or an error in the arguments.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // An error of the write has no place to go to.
        let _ = error.print();
        return ExitCode::from(exit_code::SUCCESS);
    }
    // The arguments are not known, but for this option.
    if std::env::args_os().any(|argument| argument == "--json") {
        refusal::report_of(error).write(true);
    } else {
        let _ = error.print();
    }
    ExitCode::from(exit_code::USAGE)
}
