//! `fapilog keys`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use fapilog_audit_trail::keys::{KeyError, generate_keys};
use fapilog_encryption::{Identity, KeyEncryptionKey};
use serde_json::json;

use crate::{
    arguments::SharedArguments,
    commands::{
        control::write_out,
        json_line,
        new_file::{PUBLIC, SECRET, make_directory, write_line},
        trail_inputs::FIRST_CHAIN_KEY,
    },
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
    /// Makes the keys of an encrypted log: `identity.key`, the private key of the reader, and `recipient.key`, the public key for the
    /// writer.
    Encryption {
        /// The directory, which is made with mode 0700 if it is not there.
        directory: PathBuf,
        /// A key-encryption key in place of the pair, `key-encryption.key`, which writer and reader share.
        #[arg(long)]
        shared: bool,
    },
}

pub(crate) fn run(arguments: &KeysArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    match &arguments.command {
        KeysCommands::Audit { directory, name } => write_out(&audit(directory, name, shared)?)?,
        KeysCommands::Encryption { directory, shared: false } => write_out(&pair(directory, shared)?)?,
        KeysCommands::Encryption { directory, shared: true } => write_out(&shared_key(directory, shared)?)?,
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
    Ok(format!(
        "signing key    {signing} (secret: for the setting signing_key)\n\
         verifying key  {verifying} (public: for everybody who verifies)\n\
         chain key      none yet: the sink makes it with the trail, in the file of the setting first_key, such as {first}\n",
        signing = shown(&files.signing),
        verifying = shown(&files.verifying),
        first = shown(&first_key),
    ))
}

fn pair(directory: &Path, shared: &SharedArguments) -> Result<String, CommandError> {
    make_directory(directory)?;
    let (secret, public) = (directory.join("identity.key"), directory.join("recipient.key"));
    let identity = Identity::generate()?;
    let recipient = identity.recipient().to_string();
    write_line(&secret, SECRET, &identity.to_secret_text())?;
    write_line(&public, PUBLIC, &recipient)?;
    if shared.json {
        let (identity, file) = (secret.to_string_lossy(), public.to_string_lossy());
        return Ok(json_line(&json!({ "identity": identity, "recipient_file": file, "recipient": recipient })));
    }
    Ok(format!(
        "identity   {} (secret: for fapilog decrypt --identity)\n\
         recipient  {} (public: for the setting recipients)\n           {recipient}\n",
        shown(&secret),
        shown(&public),
    ))
}

fn shared_key(directory: &Path, shared: &SharedArguments) -> Result<String, CommandError> {
    make_directory(directory)?;
    let path = directory.join("key-encryption.key");
    let key = KeyEncryptionKey::generate()?;
    write_line(&path, SECRET, &key.to_secret_text())?;
    if shared.json {
        return Ok(json_line(&json!({ "key": path.to_string_lossy(), "id": key.id() })));
    }
    let path = shown(&path);
    Ok(format!("key  {path} (secret: for the setting key, and fapilog decrypt --key)\nid   {}\n", key.id()))
}

fn shown(path: &Path) -> String {
    escaped(&path.to_string_lossy())
}

fn not_made(directory: &Path, error: &KeyError) -> CommandError {
    let file = directory.to_string_lossy().into_owned();
    CommandError::WriteFile { file, message: escaped(&in_one_line(error)) }
}
