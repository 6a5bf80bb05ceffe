//! Files in memory that no process can change any more.

use std::{fs::File, io::Write, os::fd::OwnedFd};

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create},
    io::Errno,
};

/// Seals without which journald does not read a file: it maps the file, which must not change meanwhile.
const SEALS: SealFlags = SealFlags::SEAL.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::WRITE);

/// Makes a sealed file with this content.
///
/// The flag `MFD_NOEXEC_SEAL` would add a seal that journald before version 254 refuses.
pub(crate) fn sealed_file(content: &[u8]) -> Result<OwnedFd, Errno> {
    let descriptor = memfd_create(c"fapilog-journal-entry", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(descriptor);
    file.write_all(content).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let descriptor = OwnedFd::from(file);
    fcntl_add_seals(&descriptor, SEALS)?;
    Ok(descriptor)
}
