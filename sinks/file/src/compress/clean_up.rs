//! Files that a crash has left of compressions, and their removal.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    os::{fd::OwnedFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, unlinkat};

use super::{
    Codec,
    codec::{CopyError, content_bytes},
    part_file::remove_part,
};
use crate::rotate::{
    name::{FileFamily, RotatedFile},
    open_directory,
};

/// The result of a clean-up.
#[derive(Debug, Default)]
pub(crate) struct CleanedUp {
    /// Plain files without a compressed twin, from the oldest to the newest.
    pub(crate) waiting: Vec<RotatedFile>,
    /// Files that could not be removed, and compressed files that are none of their plain files.
    pub(crate) errors: Vec<(PathBuf, io::Error)>,
}

/// Removes part files that no process writes to, and plain files whose compressed twin is whole. A twin is read for that: the
/// user may have made it, and not to its end.
///
/// # Errors
/// When the directory cannot be read.
pub(crate) fn clean_up(family: &FileFamily, stop: &dyn Fn() -> bool) -> io::Result<CleanedUp> {
    let directory = open_directory(family.directory())?;
    let mut cleaned = CleanedUp::default();
    cleaned.remove_parts(family, &directory)?;
    for files in family.rotated()?.chunk_by(|one, next| one.plain_path() == next.plain_path()) {
        let Some((plain, twins)) = files.split_first().filter(|(plain, _)| plain.codec.is_none()) else { continue };
        match twins {
            [] => cleaned.waiting.push(plain.clone()),
            twins => cleaned.remove_plain(plain, twins, &directory, stop),
        }
    }
    Ok(cleaned)
}

impl CleanedUp {
    fn remove_parts(&mut self, family: &FileFamily, directory: &OwnedFd) -> io::Result<()> {
        for entry in fs::read_dir(family.directory())? {
            let entry = entry?;
            let name = entry.file_name();
            if family.is_part(&name) {
                self.note(entry.path(), remove_part(directory, &name));
            }
        }
        Ok(())
    }

    fn remove_plain(
        &mut self,
        plain: &RotatedFile,
        twins: &[RotatedFile],
        directory: &OwnedFd,
        stop: &dyn Fn() -> bool,
    ) {
        for twin in twins {
            let Some(codec) = twin.codec else { continue };
            let is_twin = match is_twin(&twin.path, codec, plain.bytes, stop) {
                Ok(is_twin) => is_twin,
                Err(CopyError::Stopped) => return,
                Err(CopyError::Read(error) | CopyError::Write(error)) => {
                    self.errors.push((twin.path.clone(), error));
                    continue;
                }
            };
            if is_twin {
                let name = plain.path.file_name().unwrap_or(OsStr::new(""));
                self.note(plain.path.clone(), unlinkat(directory, name, AtFlags::empty()).map_err(io::Error::from));
                return;
            }
            self.errors.push((twin.path.clone(), io::Error::other("it is not the compressed form of its plain file")));
        }
    }

    /// Another process may have removed the file, or may write to it.
    fn note(&mut self, path: PathBuf, result: io::Result<()>) {
        let is_settled =
            |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::WouldBlock);
        if let Some(error) = result.err().filter(|error| !is_settled(error)) {
            self.errors.push((path, error));
        }
    }
}

/// Whether a compressed file is whole, and has as many bytes in it as its plain file.
pub(super) fn is_twin(path: &Path, codec: Codec, plain_bytes: u64, stop: &dyn Fn() -> bool) -> Result<bool, CopyError> {
    let mut options = File::options();
    options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let compressed = options.open(path).map_err(CopyError::Read)?;
    match content_bytes(compressed, codec, stop) {
        Ok(bytes) => Ok(bytes == plain_bytes),
        Err(CopyError::Read(error)) if is_torn(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the content is none of the format, or ends too early. Errors of the disk have a number.
fn is_torn(error: &io::Error) -> bool {
    error.raw_os_error().is_none() && error.kind() != io::ErrorKind::Unsupported
}
