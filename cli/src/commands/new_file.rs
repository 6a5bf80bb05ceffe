//! New files and directories with contents that are not for everybody.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::{error::CommandError, output::escaped};

/// The mode of a file that its owner alone can read.
pub(super) const SECRET: u32 = 0o600;
/// The mode of a file that everybody may read.
pub(super) const PUBLIC: u32 = 0o644;

/// Opens a new file. A file that exists is an error: it may be a key, or a log.
pub(super) fn open_new(path: &Path, mode: u32) -> Result<File, CommandError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.map_err(|error| not_written(path, &error))
}

/// Writes a line to a new file, and makes it durable.
pub(super) fn write_line(path: &Path, mode: u32, line: &str) -> Result<(), CommandError> {
    let mut file = open_new(path, mode)?;
    // In two parts: a text that has both would be a copy of a secret.
    let written = file.write_all(line.as_bytes()).and_then(|()| file.write_all(b"\n"));
    written.and_then(|()| file.sync_all()).map_err(|error| not_written(path, &error))
}

/// Makes a directory that its owner alone has access to, if there is none.
pub(super) fn make_directory(directory: &Path) -> Result<(), CommandError> {
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(not_made(directory, &format!("the directory cannot be made: {error}")))
        }
        _ => Ok(()),
    }
}

fn not_written(path: &Path, error: &io::Error) -> CommandError {
    not_made(path, &format!("the file cannot be written: {error}"))
}

pub(super) fn not_made(path: &Path, reason: &str) -> CommandError {
    let file = path.to_string_lossy().into_owned();
    let message = format!("{}: {reason}", escaped(&file));
    CommandError::WriteFile { file, message }
}
