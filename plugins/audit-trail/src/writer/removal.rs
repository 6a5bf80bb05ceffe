//! Retention: old files are removed, and the trail records it before.
//!
//! A file is too old when the file behind it was opened at least `retain_age` ago: each of its records is older then. The time is that of
//! the entry `OPEN`, which is signed: the times of the file system are whatever a program has set.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use fapilog_plugin::sink::SinkError;

use crate::{
    files::{SegmentPaths, directory_of, io_error, name_of, rotated_segments, sync_directory},
    format::{EntryBody, FORMAT_VERSION, RemovalBody, TrailEntry},
    reading::{open_plain, read_entries},
    verify::walk::{TornTail, TrailFile, TrailWalk},
    writer::{TrailError, TrailWriter, head::unix_nanos},
};

/// Files that are too old.
struct OldFiles {
    paths: Vec<SegmentPaths>,
    removal: RemovalBody,
}

impl TrailWriter {
    pub(super) fn remove_old_files_or_report(&mut self) {
        if let Err(error) = self.remove_old_files() {
            self.reports.reporter.report_error(&error);
        }
    }

    fn remove_old_files(&mut self) -> Result<(), TrailError> {
        // The file of an older version has no entry for it: its rotation comes first.
        let Some(age) = self.options.retain_age.filter(|_| self.head.version >= FORMAT_VERSION) else { return Ok(()) };
        self.prepare()?;
        let now = unix_nanos();
        remove_torn_ends(&self.options.path, age, now)?;
        let Some(old) = self.old_files(age, now)? else { return Ok(()) };
        if self.head.first_kept < old.removal.first_kept {
            let mut head = self.head.clone();
            let mut entries = Vec::new();
            head.push_removal(old.removal, now, &mut entries);
            self.write_checkpoint(head, entries)?;
        }
        for paths in &old.paths {
            // The data first: as long as the trail file is there, the next look finds the two.
            remove(&paths.data)?;
            remove(&paths.trail)?;
            self.reports.files_removed.add(1);
        }
        Ok(sync_directory(&self.options.path)?)
    }

    /// The oldest files, as far as they are too old. They and the file behind them verify: damage is evidence, and stays.
    fn old_files(&self, age: Duration, now: u64) -> Result<Option<OldFiles>, TrailError> {
        let live = &self.options.path;
        let mut rotated = rotated_segments(live).map_err(io_error("read the directory of", live))?;
        let retain_nanos = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        let is_past = |opened: u64| now.checked_sub(opened).is_some_and(|passed| passed >= retain_nanos);
        let mut count = 0;
        while count < rotated.len() {
            let opened = match rotated.get(count + 1) {
                Some(next) => opened_nanos(&next.trail)?,
                None => Some(self.head.opened_nanos),
            };
            if !opened.is_some_and(is_past) {
                break;
            }
            count += 1;
        }
        if count == 0 {
            return Ok(None);
        }
        let removal = self.verified_removal(&rotated, count, retain_nanos)?;
        rotated.truncate(count);
        Ok(Some(OldFiles { paths: rotated, removal }))
    }

    fn verified_removal(
        &self,
        rotated: &[SegmentPaths],
        count: usize,
        retain_nanos: u64,
    ) -> Result<RemovalBody, TrailError> {
        let mut walk = TrailWalk::new(self.signing.verifying_key(), None);
        let mut removal = None;
        for (index, paths) in rotated.iter().enumerate().take(count + 1) {
            let bytes = read_entries(&paths.trail).map_err(io_error("read", &paths.trail))?.bytes;
            let file = TrailFile { path: &paths.trail, bytes: &bytes };
            let segment = walk.segment(file, TornTail::Damage).map_err(|damage| not_removed(damage.to_string()))?;
            if segment.open.trail_id != self.head.trail_id || segment.open.segment >= self.head.segment {
                return Err(not_removed(format!("{} belongs to another trail", name_of(&paths.trail))));
            }
            if index < count {
                let first_kept = segment.open.segment + 1;
                let (leaves, root) = (walk.tree.size(), walk.tree.root());
                removal = Some(RemovalBody { first_kept, leaves, root, retain_nanos });
            }
        }
        removal.ok_or_else(|| not_removed("there are none"))
    }
}

fn not_removed(reason: impl AsRef<str>) -> TrailError {
    SinkError::permanent(format!("old files of the trail are not removed: {}", reason.as_ref())).into()
}

/// The time of a file's first entry; `None` if it has none.
fn opened_nanos(trail: &Path) -> Result<Option<u64>, SinkError> {
    use io::Read;

    let mut front = Vec::new();
    let read =
        open_plain(trail).and_then(|file| file.take(crate::format::ENTRY_BYTES_MAX as u64).read_to_end(&mut front));
    read.map_err(io_error("read", trail))?;
    let opened = TrailEntry::read(&front).ok().filter(|(entry, ..)| matches!(entry.body, EntryBody::Open(_)));
    Ok(opened.map(|(entry, ..)| entry.unix_nanos))
}

fn remove(path: &Path) -> Result<(), SinkError> {
    match fs::remove_file(path) {
        // An interrupted removal has removed it, or the operator has moved it away.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(io_error("remove", path)),
    }
}

/// Removes the files with what restarts have cut away. Their names have the time, in milliseconds.
fn remove_torn_ends(live: &Path, age: Duration, now: u64) -> Result<(), SinkError> {
    let directory = directory_of(live);
    let read = fs::read_dir(directory).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let front = format!("{}.torn-", name_of(live));
    for entry in read.map_err(io_error("read", directory))? {
        let cut_millis = torn_millis(&entry.file_name(), &front);
        let is_old = cut_millis.is_some_and(|millis| {
            let passed = (now / 1_000_000).checked_sub(millis);
            passed.is_some_and(|passed| Duration::from_millis(passed) > age)
        });
        if is_old {
            remove(&live.with_file_name(PathBuf::from(entry.file_name())))?;
        }
    }
    Ok(())
}

fn torn_millis(name: &OsStr, front: &str) -> Option<u64> {
    let (size, millis) = name.to_str()?.strip_prefix(front)?.split_once('-')?;
    size.parse::<u64>().ok()?;
    millis.parse().ok()
}
