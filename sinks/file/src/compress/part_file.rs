//! The steps from a plain file to its compressed twin.

use std::{
    ffi::{OsStr, OsString},
    fs::{File, FileTimes, Metadata},
    io::{self, Write},
    os::{
        fd::OwnedFd,
        unix::{
            ffi::OsStrExt,
            fs::{MetadataExt, PermissionsExt},
        },
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, FlockOperation, Gid, Mode, OFlags, Uid, fchown, flock, fsync, openat, statat, unlinkat};

use super::{
    Codec, CompressError, Compressed, Compression, clean_up,
    codec::{CopyError, encode},
    error::io_error,
    page_cache::{UncachedReader, UncachedWriter, drop_all_pages},
};
use crate::{
    retain::refuse_locked,
    rotate::{open_directory, rename_to_unused},
};

/// A part file, and the plain file that it is made of. Each step leaves the directory as a crash behind it would.
pub(super) struct PartFile {
    directory: OwnedFd,
    path: PathBuf,
    name: OsString,
    target: OsString,
    part: OsString,
    codec: Codec,
    plain: File,
    plain_metadata: Metadata,
    file: File,
}

impl PartFile {
    /// `None` if there is no plain file.
    pub(super) fn create(path: &Path, codec: Codec) -> Result<Option<Self>, CompressError> {
        let not_a_file = || CompressError::NotAPlainFile { path: path.to_owned() };
        let name = path.file_name().ok_or_else(not_a_file)?.to_owned();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = open_directory(parent).map_err(io_error("open", parent))?;
        let plain = match open_plain(&directory, &name) {
            Ok(plain) => plain,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Err(not_a_file()),
            Err(error) => return Err(io_error("open", path)(error)),
        };
        let plain_metadata = plain.metadata().map_err(io_error("look at", path))?;
        if !plain_metadata.is_file() {
            return Err(not_a_file());
        }
        refuse_locked(&plain).map_err(io_error("lock", path))?;
        let target = compressed_name(&name, codec);
        let part = part_name(&target);
        let file = create_part(&directory, &part).map_err(io_error("create", path.with_file_name(&part)))?;
        Ok(Some(Self { directory, path: path.to_owned(), name, target, part, codec, plain, plain_metadata, file }))
    }

    /// The steps behind [`fill`](Self::fill), of which this is the result. An error of any step removes the part file.
    pub(super) fn finish(&self, filled: Result<(), CompressError>) -> Result<Compressed, CompressError> {
        let is_published = filled
            .and_then(|()| self.seal())
            .and_then(|()| if self.is_plain_gone()? { Ok(false) } else { self.publish().map(|()| true) });
        if let Ok(true) = is_published {
            return self.remove_plain();
        }
        self.remove();
        match is_published {
            Ok(_) => Ok(Compressed::Gone),
            Err(CompressError::Stopped) => Ok(Compressed::Stopped),
            Err(error) => Err(error),
        }
    }

    /// Compresses the plain file into the part file.
    pub(super) fn fill(&self, compression: Compression, stop: &dyn Fn() -> bool) -> Result<(), CompressError> {
        self.fill_through(UncachedWriter::new(&self.file), compression, stop)
    }

    pub(super) fn fill_through(
        &self,
        out: impl Write,
        compression: Compression,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), CompressError> {
        let bytes = self.plain_metadata.len();
        let mut plain = UncachedReader::new(&self.plain, bytes);
        encode(&mut plain, bytes, out, compression, stop).map_err(|error| match error {
            CopyError::Stopped => CompressError::Stopped,
            CopyError::Read(error) => io_error("read", &self.path)(error),
            CopyError::Write(_) if !self.is_unchanged() => CompressError::Changed { path: self.path.clone() },
            CopyError::Write(error) => io_error("write", self.part_path())(error),
        })
    }

    /// Makes the part file durable, with the properties of the plain file.
    pub(super) fn seal(&self) -> Result<(), CompressError> {
        if !self.is_unchanged() {
            return Err(CompressError::Changed { path: self.path.clone() });
        }
        let plain = &self.plain_metadata;
        // A process without privileges cannot give a file away; it then owns the compressed file itself.
        let _ = fchown(&self.file, Some(Uid::from_raw(plain.uid())), Some(Gid::from_raw(plain.gid())));
        let permissions = PermissionsExt::from_mode(plain.mode() & 0o777);
        self.file.set_permissions(permissions).map_err(io_error("set the mode of", self.part_path()))?;
        // A file system without times has files that are younger than they are; they only stay longer.
        let _ = plain.modified().and_then(|modified| self.file.set_times(FileTimes::new().set_modified(modified)));
        self.file.sync_all().map_err(io_error("sync", self.part_path()))?;
        drop_all_pages(&self.file);
        Ok(())
    }

    /// Whether the plain file no longer has its name.
    pub(super) fn is_plain_gone(&self) -> Result<bool, CompressError> {
        match statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => Ok((status.st_dev, status.st_ino) != (self.plain_metadata.dev(), self.plain_metadata.ino())),
            Err(rustix::io::Errno::NOENT) => Ok(true),
            Err(error) => Err(io_error("look at", &self.path)(error)),
        }
    }

    /// Gives the part file its name, unless a compressed file of the same content has it already.
    pub(super) fn publish(&self) -> Result<(), CompressError> {
        let path = self.path.with_file_name(&self.target);
        match rename_to_unused(&self.directory, &self.part, &self.target) {
            Ok(()) => {
                // The plain file must not be removed before the new name is durable.
                fsync(&self.directory).map_err(io_error("sync the directory of", &path))?;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                match clean_up::is_twin(&path, self.codec, self.plain_metadata.len(), &|| false) {
                    Ok(true) => {
                        self.remove();
                        Ok(())
                    }
                    _ => Err(CompressError::Exists { path }),
                }
            }
            Err(error) => Err(io_error("rename to", path)(error)),
        }
    }

    /// Removes the plain file, if it has its name still. A retention that has removed it meanwhile removes the compressed file
    /// the next time.
    pub(super) fn remove_plain(&self) -> Result<Compressed, CompressError> {
        let path = self.path.with_file_name(&self.target);
        if !self.is_plain_gone()? {
            unlinkat(&self.directory, &self.name, AtFlags::empty()).map_err(io_error("remove", &self.path))?;
        }
        let status = statat(&self.directory, &self.target, AtFlags::SYMLINK_NOFOLLOW);
        let bytes = status.ok().and_then(|status| u64::try_from(status.st_size).ok()).unwrap_or(0);
        Ok(Compressed::Whole { path, plain_bytes: self.plain_metadata.len(), bytes })
    }

    /// Removes the part file; the next clean-up removes it where this fails.
    pub(super) fn remove(&self) {
        let _ = unlinkat(&self.directory, &self.part, AtFlags::empty());
    }

    #[cfg(test)]
    #[allow(dead_code, reason = "tests of some formats use it")]
    pub(super) fn plain_path(&self) -> &Path {
        &self.path
    }

    fn part_path(&self) -> PathBuf {
        self.path.with_file_name(&self.part)
    }

    /// Whether no program has written to the plain file since it was opened.
    fn is_unchanged(&self) -> bool {
        let before = &self.plain_metadata;
        let change = |metadata: &Metadata| (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        self.plain.metadata().is_ok_and(|now| change(&now) == change(before))
    }
}

pub(super) fn compressed_name(plain: &OsStr, codec: Codec) -> OsString {
    let mut name = plain.to_owned();
    name.push(OsStr::from_bytes(codec.suffix()));
    name
}

fn part_name(target: &OsStr) -> OsString {
    let mut name = OsString::from(".");
    name.push(target);
    name.push(".part");
    name
}

fn open_plain(directory: &OwnedFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(openat(directory, name, flags, Mode::empty())?.into())
}

/// Creates the part file and locks it. That of a crashed process is removed first.
fn create_part(directory: &OwnedFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let create = || openat(directory, name, flags, Mode::RUSR | Mode::WUSR);
    let file = match create() {
        Err(rustix::io::Errno::EXIST) => {
            remove_part(directory, name)?;
            create()?
        }
        result => result?,
    };
    lock_part(&file)?;
    Ok(file.into())
}

/// Removes the part file of a crashed process.
///
/// # Errors
/// `WouldBlock` if a living process writes to it.
pub(super) fn remove_part(directory: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let status = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if rustix::fs::FileType::from_raw_mode(status.st_mode) == rustix::fs::FileType::RegularFile {
        // A part file that cannot be opened is that of another user, and no process of this one writes to it.
        if let Ok(file) = open_plain(directory, name) {
            lock_part(&file)?;
        }
    }
    Ok(unlinkat(directory, name, AtFlags::empty())?)
}

fn lock_part(file: impl std::os::fd::AsFd) -> io::Result<()> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => Err(rustix::io::Errno::WOULDBLOCK.into()),
        // Any other error means a file system without locks.
        _ => Ok(()),
    }
}
