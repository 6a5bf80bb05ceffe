//! `fapilog cat`.

use std::path::PathBuf;

use clap::Args;

use crate::{
    arguments::SharedArguments,
    error::{CommandError, ExitStatus},
};

/// Writes the events of files, merged by time.
#[derive(Debug, Args)]
pub(crate) struct CatArguments {
    /// Files; `-` is standard input.
    pub(crate) files: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &CatArguments, _shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let Some(_) = arguments.files.first() else { return Err(CommandError::NoInput) };
    Ok(ExitStatus::Complete)
}
