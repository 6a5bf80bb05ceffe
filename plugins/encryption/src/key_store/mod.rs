//! A directory of keys that can be erased: of days, and of subjects.

mod day_keys;
mod key_file;
mod subject_keys;
mod utc_day;

use std::{
    fmt, fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use data_encoding::HEXLOWER;

pub(crate) use self::day_keys::DayKeys;
use self::key_file::{KeyFile, KeyFileKind};
pub use self::{
    subject_keys::{SubjectError, SubjectKeys},
    utc_day::{UtcDay, UtcDayError},
};
use crate::{error::KeyStoreError, wrap::KeyId};

const KEY_SUFFIX: &str = ".key";
const SHREDDED_SUFFIX: &str = ".shredded";

/// A directory of keys that can be erased. Every key in it is wrapped for the recipients and keys of an
/// [`Encryption`](crate::Encryption): a copy of the directory alone decrypts nothing.
///
/// Erasing a key makes unreadable whatever it encrypts, and leaves the bytes of that unchanged. The name of an erased key stays, as
/// an empty file: the record of the erasure.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyStore(Arc<Path>);

/// The result of [`KeyStore::shred_day`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShreddedDay {
    /// The day.
    pub day: UtcDay,
    /// The number of keys that were erased: one for each program, and each of its starts on that day.
    pub keys: usize,
}

/// A key as a reader finds it.
pub(crate) enum FoundKey {
    File(KeyFile, PathBuf),
    Shredded,
    Absent,
}

impl KeyStore {
    /// Opens a directory; makes it, with mode 0700, if it is not there.
    ///
    /// # Errors
    /// If it cannot be made, or users other than its owner have access to it.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, KeyStoreError> {
        let path = directory.into();
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => sync_parent(&path)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(KeyStoreError::io("create", &path)(error)),
        }
        let metadata = fs::metadata(&path).map_err(KeyStoreError::io("look at", &path))?;
        let mode = metadata.mode() & 0o7777;
        if !metadata.is_dir() || mode & 0o077 != 0 {
            return Err(KeyStoreError::Mode { path, mode });
        }
        Ok(Self(path.into()))
    }

    /// Looks at a directory as [`open`](Self::open) does, and makes none.
    pub(crate) fn check(path: &Path) -> Result<(), KeyStoreError> {
        if path.exists() {
            return Self::open(path)?.check_owner();
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::metadata(parent).map(drop).map_err(KeyStoreError::io("create", path))
    }

    /// Whether the store may get keys: another owner could read them, and keep copies of those that are erased. An administrator may
    /// erase keys in a store of another user.
    pub(crate) fn check_owner(&self) -> Result<(), KeyStoreError> {
        let owner = fs::metadata(&self.0).map_err(KeyStoreError::io("look at", &self.0))?.uid();
        check_owner_is(&self.0, owner, rustix::process::geteuid().as_raw())
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// The days that have a key, oldest first.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn days(&self) -> Result<Vec<UtcDay>, KeyStoreError> {
        let mut days: Vec<UtcDay> = self.day_files()?.into_iter().map(|(day, _)| day).collect();
        days.sort_unstable();
        days.dedup();
        Ok(days)
    }

    /// Erases the keys of a day: what was written on it, in UTC, can never be decrypted again, by anybody. The day must be
    /// over. A day without keys is no error: the result counts 0.
    ///
    /// A key is overwritten, its file is removed, and both are synced. A copy of the directory, as in a backup or a snapshot, is
    /// not: see docs/encryption.md.
    ///
    /// # Errors
    /// If the day is not over, or a file cannot be erased. Files in front of that one are.
    pub fn shred_day(&self, day: UtcDay) -> Result<ShreddedDay, KeyStoreError> {
        self.shred_day_at(day, UtcDay::of_time(SystemTime::now()))
    }

    fn shred_day_at(&self, day: UtcDay, today: UtcDay) -> Result<ShreddedDay, KeyStoreError> {
        if day >= today {
            return Err(KeyStoreError::DayInUse { day, today });
        }
        let files: Vec<PathBuf> =
            self.day_files()?.into_iter().filter(|(of, _)| *of == day).map(|(_, path)| path).collect();
        files.iter().try_for_each(|path| self.erase(path, &path.with_extension("shredded")))?;
        Ok(ShreddedDay { day, keys: files.len() })
    }

    /// Erases the keys of all days before `day`, as [`shred_day`](Self::shred_day) does. Returns the days that had keys.
    ///
    /// # Errors
    /// As [`shred_day`](Self::shred_day); and nothing is erased if `day` is behind today.
    pub fn shred_days_before(&self, day: UtcDay) -> Result<Vec<ShreddedDay>, KeyStoreError> {
        let today = UtcDay::of_time(SystemTime::now());
        if day > today {
            return Err(KeyStoreError::DayInUse { day: today, today });
        }
        self.days()?.into_iter().take_while(|own| *own < day).map(|own| self.shred_day(own)).collect()
    }

    fn day_files(&self) -> Result<Vec<(UtcDay, PathBuf)>, KeyStoreError> {
        let read = KeyStoreError::io("read", &self.0);
        let entries: Vec<fs::DirEntry> = fs::read_dir(&self.0).and_then(Iterator::collect).map_err(read)?;
        let day_file = |entry: fs::DirEntry| {
            let name = entry.file_name();
            let stem = name.to_str()?.strip_prefix("day-")?.strip_suffix(KEY_SUFFIX)?;
            let (day, _) = stem.split_at_checked(UtcDay::TEXT_BYTES)?;
            Some((day.parse().ok()?, entry.path()))
        };
        Ok(entries.into_iter().filter_map(day_file).collect())
    }

    /// The stem of the names of a day key's files.
    fn day_stem(day: UtcDay, id: &KeyId) -> String {
        format!("day-{day}-{}", HEXLOWER.encode(id))
    }

    /// The key of a day. A key that is marked as shredded is, even if a crash has left its file.
    pub(crate) fn find_day_key(&self, day: UtcDay, id: &KeyId) -> Result<FoundKey, KeyStoreError> {
        let stem = Self::day_stem(day, id);
        let mark = self.path(&stem, SHREDDED_SUFFIX);
        if is_there(&mark)? {
            return Ok(FoundKey::Shredded);
        }
        match self.find(&stem, KeyFileKind::Day) {
            Ok(FoundKey::File(file, path)) if file.id != *id => Err(KeyStoreError::BadFile { path }),
            // It was erased meanwhile: its file may be read by halves, or not at all.
            Err(_) | Ok(FoundKey::Absent) if is_there(&mark)? => Ok(FoundKey::Shredded),
            found => found,
        }
    }

    /// The key file of this stem. A file that was overwritten counts as shredded: a crash came before its removal.
    fn find(&self, stem: &str, kind: KeyFileKind) -> Result<FoundKey, KeyStoreError> {
        let path = self.path(stem, KEY_SUFFIX);
        let bytes = match key_file::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FoundKey::Absent),
            Err(error) => return Err(KeyStoreError::io("read", &path)(error)),
        };
        if key_file::is_overwritten(&bytes) {
            return Ok(FoundKey::Shredded);
        }
        match KeyFile::read(bytes, kind) {
            Some(file) => Ok(FoundKey::File(file, path)),
            None => Err(KeyStoreError::BadFile { path }),
        }
    }

    fn path(&self, stem: &str, suffix: &str) -> PathBuf {
        self.0.join(format!("{stem}{suffix}"))
    }

    /// Erases a key file, and leaves a mark in its place.
    fn erase(&self, path: &Path, mark: &Path) -> Result<(), KeyStoreError> {
        // The mark is first, and durable: after a crash, a second call ends the work.
        key_file::write_mark(mark)?;
        sync_directory(&self.0)?;
        key_file::erase(path)?;
        sync_directory(&self.0)
    }
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyStore").field(&self.0).finish()
    }
}

impl UtcDay {
    /// The day of a time. A time before 1970 is of its first day.
    #[must_use]
    pub fn of_time(time: SystemTime) -> Self {
        Self::of_unix_seconds(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }
}

fn check_owner_is(path: &Path, owner: u32, user: u32) -> Result<(), KeyStoreError> {
    if owner == user { Ok(()) } else { Err(KeyStoreError::Owner { path: path.to_path_buf(), owner, user }) }
}

fn sync_parent(path: &Path) -> Result<(), KeyStoreError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => sync_directory(Path::new(".")),
    }
}

/// Whether there is a mark. A mark that cannot be looked at is an error, and not absent.
fn is_there(mark: &Path) -> Result<bool, KeyStoreError> {
    mark.try_exists().map_err(KeyStoreError::io("look at", mark))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), KeyStoreError> {
    fs::File::open(path).and_then(|directory| directory.sync_all()).map_err(KeyStoreError::io("sync", path))
}

#[cfg(test)]
mod tests;
