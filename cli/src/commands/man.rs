//! `fapilog man`.

use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;

use crate::{
    arguments::{CommandLine, SharedArguments},
    commands::write_document,
    error::{CommandError, ExitStatus},
};

/// Writes the man page of the command, or the pages of all commands to a directory.
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// The command whose page is written, such as `tail`.
    #[arg(conflicts_with = "directory")]
    command: Option<String>,
    /// Write the pages of all commands, `fapilog.1`, `fapilog-cat.1` and so on, to this directory.
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

pub(crate) fn run(arguments: &ManArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let mut command = CommandLine::command();
    command.build();
    match (&arguments.directory, &arguments.command) {
        (Some(directory), _) => write_pages(&command, directory),
        (None, Some(name)) => write_document("man", &page(find(&command, name)?)?, shared),
        (None, None) => write_document("man", &page(command)?, shared),
    }
}

fn find(command: &Command, name: &str) -> Result<Command, CommandError> {
    let found = command.get_subcommands().find(|sub| sub.get_name() == name).cloned();
    found.ok_or_else(|| {
        let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        let message = format!("{name:?}; allowed are {}", names.join(", "));
        CommandError::Option { option: "COMMAND", value: name.to_owned(), message, suggestion: None }
    })
}

fn page(command: Command) -> Result<Vec<u8>, CommandError> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page).map_err(CommandError::Write)?;
    Ok(page)
}

fn write_pages(command: &Command, directory: &Path) -> Result<ExitStatus, CommandError> {
    let directory_of_error = || directory.to_string_lossy().into_owned();
    clap_mangen::generate_to(command.clone(), directory)
        .map_err(|source| CommandError::WritePages { directory: directory_of_error(), source })?;
    Ok(ExitStatus::Complete)
}
