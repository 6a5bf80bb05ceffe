//! `fapilog tail`.

use std::path::PathBuf;

use clap::Args;

use crate::{
    arguments::SharedArguments,
    error::{CommandError, ExitStatus},
};

/// Writes the last events of files, and follows them.
#[derive(Debug, Args)]
pub(crate) struct TailArguments {
    /// Files; `-` is standard input.
    pub(crate) files: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &TailArguments, _shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let Some(_) = arguments.files.first() else { return Err(CommandError::NoInput) };
    Ok(ExitStatus::Complete)
}
