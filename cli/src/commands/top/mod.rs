//! `fapilog top`.

use clap::Args;

use crate::{
    arguments::SharedArguments,
    commands::control::{ControlTarget, write_out},
    error::{CommandError, ExitStatus},
};

/// Shows what a running program logs.
#[derive(Debug, Args)]
pub(crate) struct TopArguments {
    #[command(flatten)]
    target: ControlTarget,
}

pub(crate) fn run(arguments: &TopArguments, _shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let metrics = arguments.target.connect()?.metrics()?;
    write_out(&format!("{metrics}\n"))?;
    Ok(ExitStatus::Complete)
}
