//! The commands: a file each.

#[cfg(feature = "audit-query")]
pub(crate) mod audit;
pub(crate) mod audit_access;
pub(crate) mod cat;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod compliance;
mod control;
pub(crate) mod decrypt;
pub(crate) mod doctor;
mod encryption_keys;
pub(crate) mod flush;
pub(crate) mod follow_request;
pub(crate) mod keys;
pub(crate) mod level;
pub(crate) mod man;
mod new_file;
mod plaintext_output;
pub(crate) mod prove;
pub(crate) mod rotate;
pub(crate) mod shred;
pub(crate) mod stats;
pub(crate) mod tail;
mod time_argument;
pub(crate) mod top;
mod trail_inputs;
pub(crate) mod unseal;
pub(crate) mod verify;
pub(crate) mod verify_proof;

use std::io::{self, Write as _};

use crate::{
    arguments::{CommandLine, SharedArguments, Subcommands},
    error::{CommandError, ExitStatus},
};

pub(crate) fn run(line: &CommandLine) -> Result<ExitStatus, CommandError> {
    let shared = &line.shared;
    match &line.command {
        Subcommands::Cat(arguments) => cat::run(arguments, shared),
        Subcommands::Tail(arguments) => tail::run(arguments, shared),
        Subcommands::Stats(arguments) => stats::run(arguments, shared),
        Subcommands::FollowRequest(arguments) => follow_request::run(arguments, shared),
        Subcommands::Check(arguments) => check::run(arguments, shared),
        Subcommands::Doctor(arguments) => doctor::run(arguments, shared),
        Subcommands::Level(arguments) => level::run(arguments, shared),
        Subcommands::Flush(arguments) => flush::run(arguments, shared),
        Subcommands::Rotate(arguments) => rotate::run(arguments, shared),
        Subcommands::Top(arguments) => top::run(arguments, shared),
        Subcommands::Verify(arguments) => verify::run(arguments, shared),
        Subcommands::Prove(arguments) => prove::run(arguments, shared),
        Subcommands::VerifyProof(arguments) => verify_proof::run(arguments, shared),
        #[cfg(feature = "audit-query")]
        Subcommands::Audit(arguments) => audit::run(arguments, shared),
        Subcommands::Decrypt(arguments) => decrypt::run(arguments, shared),
        Subcommands::Unseal(arguments) => unseal::run(arguments, shared),
        Subcommands::Shred(arguments) => shred::run(arguments, shared),
        Subcommands::Keys(arguments) => keys::run(arguments, shared),
        Subcommands::Compliance(arguments) => compliance::run(arguments, shared),
        Subcommands::Completions(arguments) => completions::run(arguments, shared),
        Subcommands::Man(arguments) => man::run(arguments, shared),
    }
}

fn json_line(value: &serde_json::Value) -> String {
    format!("{value}\n")
}

/// Writes a text that is made for another program: as it is, or as the value of `kind` in an object.
fn write_document(kind: &str, document: &[u8], shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let mut out = io::stdout().lock();
    let written = if shared.json {
        writeln!(out, "{}", serde_json::json!({ kind: String::from_utf8_lossy(document) }))
    } else {
        out.write_all(document)
    };
    written.and_then(|()| out.flush()).map_err(CommandError::Write)?;
    Ok(ExitStatus::Complete)
}
