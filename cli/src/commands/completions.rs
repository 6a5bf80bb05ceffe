//! `fapilog completions`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{
    arguments::{CommandLine, SharedArguments},
    commands::write_document,
    error::{CommandError, ExitStatus},
};

/// Writes the completions of a shell.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell.
    shell: Shell,
}

pub(crate) fn run(arguments: &CompletionsArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut CommandLine::command(), "fapilog", &mut script);
    write_document("completions", &script, shared)
}
