//! `fapilog audit`.

mod index_place;
mod query;
mod terms;

use clap::{Args, Subcommand};

use self::query::QueryArguments;
use crate::{
    arguments::SharedArguments,
    error::{CommandError, ExitStatus},
};

/// Searches audit trails by user, action, object, outcome and time. The access itself is recorded.
#[derive(Debug, Args)]
pub(crate) struct AuditArguments {
    #[command(subcommand)]
    command: AuditCommands,
}

#[derive(Debug, Subcommand)]
enum AuditCommands {
    Query(Box<QueryArguments>),
}

pub(crate) fn run(arguments: &AuditArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    match &arguments.command {
        AuditCommands::Query(arguments) => query::run(arguments, shared),
    }
}
