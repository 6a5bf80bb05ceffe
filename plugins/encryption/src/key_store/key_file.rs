//! Files of wrapped keys: docs/encryption-format.md has them byte by byte.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use data_encoding::HEXLOWER;

use crate::{
    bytes::ByteReader,
    encryption::KeyHolders,
    error::{EncryptError, KeyStoreError},
    key_encryption_key::KeyEncryptionKey,
    key_store::{KeyStore, sync_directory},
    recipient::Identity,
    secret_key::{SecretKey, random},
    wrap::{KeyId, OpenedWrap, ReadWrap, WrapList, WrappedRole, open_wrap, read_wraps},
};

const MAGIC: [u8; 8] = *b"\xf5fapikey";
const VERSION: u8 = 1;
/// Length of the part in front of the wraps.
const FIXED_BYTES: usize = 26;
/// More than the longest key file has. A longer file is none, and is not read any further.
const READ_BYTES_MAX: u64 = 64 << 10;

/// The use of a stored key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum KeyFileKind {
    /// It wraps the data keys of a day.
    Day = 1,
    /// It encrypts the values of a subject.
    Subject = 2,
    /// It makes the ids of subjects.
    SubjectIndex = 3,
}

impl KeyFileKind {
    fn role(self, id: &KeyId) -> WrappedRole<'_> {
        WrappedRole::stored_key(
            match self {
                Self::Day => b"fapilog day key v1",
                Self::Subject => b"fapilog subject key v1",
                Self::SubjectIndex => b"fapilog subject index v1",
            },
            id,
        )
    }
}

/// The content of a key file.
#[derive(Debug)]
pub(crate) struct KeyFile {
    kind: KeyFileKind,
    pub(crate) id: KeyId,
    bytes: Vec<u8>,
}

impl KeyFile {
    /// A key wrapped for its holders.
    pub(crate) fn new(
        kind: KeyFileKind,
        id: KeyId,
        key: &SecretKey,
        holders: &KeyHolders,
    ) -> Result<Self, EncryptError> {
        let mut wraps = WrapList::new(key, kind.role(&id));
        holders.add_wraps(&mut wraps)?;
        let bytes = [&MAGIC[..], &[VERSION, kind as u8], &id, &wraps.into_bytes()].concat();
        Ok(Self { kind, id, bytes })
    }

    /// Reads a key file of this kind. `None` if it is none.
    pub(crate) fn read(bytes: Vec<u8>, kind: KeyFileKind) -> Option<Self> {
        let mut reader = ByteReader::new(&bytes);
        let (magic, version, own_kind) = (reader.array()?, reader.u8()?, reader.u8()?);
        let id = reader.array()?;
        let file = Self { kind, id, bytes };
        let is_one = magic == MAGIC && version == VERSION && own_kind == kind as u8;
        (is_one && file.wraps().is_some()).then_some(file)
    }

    fn wraps(&self) -> Option<Vec<ReadWrap<'_>>> {
        read_wraps(self.bytes.get(FIXED_BYTES..)?)
    }

    /// The key, opened by one of these.
    pub(crate) fn open(&self, identities: &[Identity], keys: &[KeyEncryptionKey]) -> OpenedWrap {
        let mut found = OpenedWrap::NoKey;
        for wrap in self.wraps().unwrap_or_default() {
            match open_wrap(&wrap, self.kind.role(&self.id), identities, keys) {
                OpenedWrap::NoKey => {}
                OpenedWrap::Damaged => found = OpenedWrap::Damaged,
                key => return key,
            }
        }
        found
    }

    /// Writes it into a store, durably, unless there is a file of that name. Returns whether it was written.
    pub(crate) fn store(&self, store: &KeyStore, path: &Path) -> Result<bool, KeyStoreError> {
        store.check_owner()?;
        let random: KeyId = random()?;
        let temporary = store.path(&format!("new-{}", HEXLOWER.encode(&random)), ".tmp");
        let written = write_synced(&temporary, &self.bytes).and_then(|()| link(&temporary, path));
        // A file that stays is no key file by its name, and holds a key that nothing uses.
        let _ = fs::remove_file(&temporary);
        let is_new = written?;
        sync_directory(store.directory())?;
        Ok(is_new)
    }
}

/// Gives a file a second name, unless another file has it. Returns whether it has the name now.
fn link(from: &Path, to: &Path) -> Result<bool, KeyStoreError> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(KeyStoreError::io("create", to)(error)),
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), KeyStoreError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(KeyStoreError::io("write", path))
}

/// Opens a file of a store. A link is refused, which may lead to a file of anybody, and so is a pipe, which would block.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

/// The bytes of a key file; of a file that is too long to be one, the first.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(OpenOptions::new().read(true), path)?.take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a key file was overwritten, and a crash has kept it from being removed.
pub(super) fn is_overwritten(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| *byte == 0)
}

/// Leaves the mark of an erased key.
pub(super) fn write_mark(path: &Path) -> Result<(), KeyStoreError> {
    let file = open(OpenOptions::new().write(true).create(true).truncate(false).mode(0o600), path);
    file.and_then(|file| file.sync_all()).map_err(KeyStoreError::io("create", path))
}

/// Overwrites a key file, and removes it.
pub(super) fn erase(path: &Path) -> Result<(), KeyStoreError> {
    let overwrite = |mut file: File| {
        let bytes = file.metadata()?.len();
        io::copy(&mut io::repeat(0).take(bytes), &mut file)?;
        file.sync_all()
    };
    let file = open(OpenOptions::new().write(true), path);
    unless_gone(file.and_then(overwrite)).map_err(KeyStoreError::io("overwrite", path))?;
    unless_gone(fs::remove_file(path)).map_err(KeyStoreError::io("remove", path))
}

/// Waits until no other process erases keys of the store, and keeps others from it until the file is dropped.
pub(super) fn lock(path: &Path) -> Result<File, KeyStoreError> {
    let file = open(OpenOptions::new().write(true).create(true).truncate(false).mode(0o600), path);
    file.and_then(|file| file.lock().map(|()| file)).map_err(KeyStoreError::io("lock", path))
}

/// Another process may have erased the file meanwhile.
fn unless_gone(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}
