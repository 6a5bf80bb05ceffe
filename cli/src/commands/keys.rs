//! `fapilog keys`.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use fapilog_audit_trail::keys::generate_keys;
use serde_json::json;

use crate::{
    arguments::SharedArguments,
    commands::{control::write_out, json_line, trail_inputs::FIRST_CHAIN_KEY},
    error::{CommandError, ExitStatus, in_one_line},
    output::escaped,
};

/// Makes keys, in new files that their owner alone can read. A file that exists is never overwritten, and no key is shown.
#[derive(Debug, Args)]
pub(crate) struct KeysArguments {
    #[command(subcommand)]
    command: KeysCommands,
}

#[derive(Debug, Subcommand)]
enum KeysCommands {
    /// Makes the keys of an audit trail: `signing.key`, and `verifying.key`, which is public. The first chain key is made by the
    /// sink, with the trail.
    Audit {
        /// The directory, which is made with mode 0700 if it is not there.
        directory: PathBuf,
        /// The name of the trail in the world, which checkpoints begin with, such as example.com/shop/audit.
        #[arg(long)]
        name: String,
    },
}

pub(crate) fn run(arguments: &KeysArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    match &arguments.command {
        KeysCommands::Audit { directory, name } => write_out(&audit(directory, name, shared)?)?,
    }
    Ok(ExitStatus::Complete)
}

fn audit(directory: &Path, name: &str, shared: &SharedArguments) -> Result<String, CommandError> {
    make_directory(directory)?;
    let files = generate_keys(directory, name).map_err(|error| not_made(directory, &error))?;
    let first_key = directory.join(FIRST_CHAIN_KEY);
    if shared.json {
        return Ok(json_line(&json!({
            "signing_key": files.signing.to_string_lossy(), "verifying_key": files.verifying.to_string_lossy(),
            "first_key": first_key.to_string_lossy(),
        })));
    }
    let shown = |path: &Path| escaped(&path.to_string_lossy());
    Ok(format!(
        "signing key    {signing} (secret: for the setting signing_key)\n\
         verifying key  {verifying} (public: for everybody who verifies)\n\
         chain key      none yet: the sink makes it with the trail, in the file of the setting first_key, such as {first}\n",
        signing = shown(&files.signing),
        verifying = shown(&files.verifying),
        first = shown(&first_key),
    ))
}

/// Makes a directory that its owner alone has access to, if there is none.
fn make_directory(directory: &Path) -> Result<(), CommandError> {
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let shown = escaped(&directory.to_string_lossy());
            let message = format!("{shown}: the directory cannot be made: {error}");
            Err(CommandError::MakeKeys { file: shown, message })
        }
        _ => Ok(()),
    }
}

fn not_made(file: &Path, error: &dyn std::error::Error) -> CommandError {
    CommandError::MakeKeys { file: file.to_string_lossy().into_owned(), message: escaped(&in_one_line(error)) }
}
