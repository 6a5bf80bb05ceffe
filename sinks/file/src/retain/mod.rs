//! Retention: which rotated files are removed, and their removal.
//!
//! 1. Files are removed from the oldest to the newest: no file is removed before an older one.
//! 2. A plain file and its compressed twin are one file.
//! 3. Nothing but a rotated file of the family is removed. The live file counts for no limit.

mod lifetime;
mod removal;

use std::{
    io,
    path::Path,
    time::{Duration, SystemTime},
};

use rustix::fs::statvfs;

pub(crate) use self::{
    lifetime::FileLifetime,
    removal::{Removal, refuse_locked},
};
use crate::rotate::name::RotatedFile;

/// The rotated files that stay. Without any limit, all stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Retention {
    /// The most files.
    pub(crate) files: Option<usize>,
    /// The longest time since a file's last change.
    pub(crate) age: Option<Duration>,
    /// The most bytes of all files together.
    pub(crate) bytes: Option<u64>,
    /// The bytes of the file system that stay free, as long as there are files to remove.
    pub(crate) free_bytes: Option<u64>,
}

impl Retention {
    /// Whether there is a limit.
    pub(crate) fn has_limits(&self) -> bool {
        *self != Self::default()
    }

    /// The files to remove, in this order. `rotated` are all, from the oldest to the newest; `free_bytes` are those of the file
    /// system, where they are known.
    pub(crate) fn surplus<'a>(
        &self,
        rotated: &'a [RotatedFile],
        now: SystemTime,
        free_bytes: Option<u64>,
    ) -> &'a [RotatedFile] {
        let files: Vec<&[RotatedFile]> = rotated.chunk_by(|one, next| one.plain_path() == next.plain_path()).collect();
        let surplus = self
            .above_files(&files)
            .max(self.above_age(&files, now))
            .max(self.above_bytes(&files))
            .max(free_bytes.map_or(0, |free| self.below_free_bytes(&files, free)));
        let entries = files.iter().take(surplus).map(|file| file.len()).sum();
        rotated.get(..entries).unwrap_or_default()
    }

    fn above_files(&self, files: &[&[RotatedFile]]) -> usize {
        self.files.map_or(0, |limit| files.len().saturating_sub(limit))
    }

    /// All files up to the last one that is too old. A clock that was set back makes a newer file the older one by its change.
    fn above_age(&self, files: &[&[RotatedFile]], now: SystemTime) -> usize {
        let Some(limit) = self.age else { return 0 };
        let is_too_old = |file: &RotatedFile| now.duration_since(file.modified).is_ok_and(|age| age > limit);
        files.iter().rposition(|file| file.iter().all(is_too_old)).map_or(0, |last| last + 1)
    }

    fn above_bytes(&self, files: &[&[RotatedFile]]) -> usize {
        let Some(limit) = self.bytes else { return 0 };
        let mut bytes = files.iter().copied().map(bytes_of).fold(0, u64::saturating_add);
        files.iter().take_while(|file| subtract_unless(bytes <= limit, &mut bytes, bytes_of(file))).count()
    }

    fn below_free_bytes(&self, files: &[&[RotatedFile]], free_bytes: u64) -> usize {
        let mut missing = self.free_bytes.unwrap_or(0).saturating_sub(free_bytes);
        files.iter().take_while(|file| subtract_unless(missing == 0, &mut missing, bytes_of(file))).count()
    }
}

/// The bytes of a plain file and its compressed twin.
fn bytes_of(file: &[RotatedFile]) -> u64 {
    file.iter().map(|entry| entry.bytes).fold(0, u64::saturating_add)
}

/// Subtracts, unless the limit holds.
fn subtract_unless(holds: bool, from: &mut u64, bytes: u64) -> bool {
    if !holds {
        *from = from.saturating_sub(bytes);
    }
    !holds
}

/// The bytes of a file system that a program without privileges can use.
pub(crate) fn free_bytes(directory: &Path) -> io::Result<u64> {
    let answer = statvfs(directory)?;
    Ok(answer.f_bavail.saturating_mul(answer.f_frsize))
}

#[cfg(test)]
mod tests;
